"""The rates at which requests come while the rate changes, and those that what is held follows."""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import numpy as np

from poolsize.queueing.floats import Floats
from poolsize.queueing.peak_load import Bursts, Profile, held_at_starts

_PIECES: Final = 8
"""Into which an interval is cut where what is held moves from one rate to the next."""
_BINS: Final = 512
"""Rates that are told apart, evenly spread: a bin is narrower than any rate is known."""
_NODES: Final = 400
_NEGLIGIBLE: Final = 37.0
"""e^-37 is 1e-16."""


class Levels(NamedTuple):
    """Rates, and the share of the arrivals that come at each."""

    rates_per_s: Floats
    shares: Floats


def pointwise(load: Profile | Bursts, hold_s: float) -> Levels:
    """The rates themselves."""
    if isinstance(load, Bursts):
        return _gamma(load.rate_per_s, _rate_variance(load, hold_s))
    rates = np.array(load.rates_per_s)
    return _merged(rates, rates)


def smoothed(load: Profile | Bursts, hold_s: float) -> Levels:
    """The rates m / S that make as many connections held in a steady state as are held on average at that moment."""
    if isinstance(load, Bursts):
        variance = _rate_variance(load, hold_s) * load.burst_s / (hold_s + load.burst_s)
        return _gamma(load.rate_per_s, variance)
    rates = np.array(load.rates_per_s)[:, None]
    x = load.interval_s / hold_s / _PIECES
    decays = np.exp(-x * np.arange(_PIECES)) * -math.expm1(-x) / x
    starts = held_at_starts(rates[:, 0], load.interval_s, hold_s)[:, None]
    held = rates * hold_s + (starts - rates * hold_s) * decays
    return _merged(np.maximum(held / hold_s, 0.0).ravel(), np.repeat(rates, _PIECES, axis=1).ravel())


def _rate_variance(load: Bursts, hold_s: float) -> float:
    """Of the rate, 1/s^2: by z = 1 + variance / mean x S tau / (S + tau)."""
    return (load.peakedness - 1.0) * load.rate_per_s * (hold_s + load.burst_s) / (hold_s * load.burst_s)


def _merged(rates: Floats, weights: Floats) -> Levels:
    """Similar rates in one, at their mean."""
    total = float(weights.sum())
    if total == 0.0:
        return Levels(np.zeros(1), np.ones(1))
    low, high = float(rates.min()), float(rates.max())
    places = np.minimum(((rates - low) / max(high - low, 1e-300) * _BINS).astype(int), _BINS - 1)
    shares = np.bincount(places, weights, _BINS)
    means = np.bincount(places, weights * rates, _BINS)
    seen = shares > 0.0
    return Levels(means[seen] / shares[seen], shares[seen] / total)


def _gamma(mean: float, variance: float) -> Levels:
    """A rate with a gamma law, which is positive, has these two moments, and nothing else to choose; seen by arrivals,
    of which as many more come as it is higher. Even steps of the logarithm: the sum is nearly exact."""
    if mean == 0.0 or variance <= 0.0:
        return Levels(np.array([mean]), np.ones(1))
    shape = mean**2 / variance
    low, high = _NEGLIGIBLE / (shape + 1.0), _NEGLIGIBLE / shape
    logs = np.linspace(-low - math.sqrt(2.0 * low), math.log1p(high + math.sqrt(2.0 * high)), _NODES)
    log_shares = (shape + 1.0) * logs - shape * np.exp(logs)
    shares = np.exp(log_shares - log_shares.max())
    return Levels(mean * np.exp(logs), shares / shares.sum())
