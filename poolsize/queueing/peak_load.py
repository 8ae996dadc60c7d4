"""Arrivals whose rate changes: how fast it does, and how peaked it makes them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from msgspec import Struct

from poolsize.queueing.floats import Floats

_SAME: Final = 1e-12
"""Share of a rate by which it may change in rounding."""
_SMALL: Final = 1e-4
"""Below this x, x - 1 + e^-x has lost more digits than its series lacks."""
_BY_CHANCE: Final = 3.0
"""Standard deviations. That of the peakedness of Poisson arrivals in a time T is sqrt(S / (2 T)): their smoothed rate
has variance 1/2 of the mean, known from T / S independent values."""
_LEAST_PEAKED: Final = 0.01
"""What is measured of nearly regular arrivals may be below 0."""
_CORRELATED: Final = math.exp(-1.0)


class Profile(Struct, frozen=True):
    """The rate of arrivals over time: `rates_per_s` >= 0 in a row, each for `interval_s` > 0; after the last comes the
    first again.

    They are the rates at which requests are expected, not single counts: a count of n is off by sqrt(n) for chance
    alone, and what is off would pass for bursts. Take intervals of some hundred requests, or `bursts_in` counts.
    """

    interval_s: float
    rates_per_s: tuple[float, ...]

    def __post_init__(self) -> None:
        if not 0.0 < self.interval_s < math.inf:
            raise ValueError(f"An interval of {self.interval_s} s is none: it must be above 0, and finite.")
        if not self.rates_per_s or not all(0.0 <= rate < math.inf for rate in self.rates_per_s):
            raise ValueError("A profile needs rates, each 0 or more, and finite.")


class Bursts(Struct, frozen=True):
    """Arrivals at `rate_per_s` on average, in bursts that last about `burst_s` (their rate forgets what it was with
    that time constant; 0: at once).

    `peakedness` > 0 is the variance over the mean of the connections that would be held if there were any number of
    them: 1 for Poisson arrivals, less for more regular ones, which come without bursts.
    """

    rate_per_s: float
    peakedness: float
    burst_s: float = 0.0

    def __post_init__(self) -> None:
        if not (0.0 <= self.rate_per_s < math.inf and 0.0 < self.peakedness < math.inf and self.burst_s >= 0.0):
            raise ValueError("Bursts need a rate of 0 or more, a peakedness above 0, and a length of 0 s or more.")
        if self.burst_s > 0.0 and self.peakedness < 1.0:
            raise ValueError(f"Arrivals with a peakedness of {self.peakedness:g} come more evenly than at random.")


class Peakedness(NamedTuple):
    mean_per_s: float
    peakedness: float
    burst_s: float
    """Infinite where the rate never changes."""


def peakedness_of(load: Profile | Bursts, hold_s: float) -> Peakedness:
    """For exponential holds: of given rates what is held by unlimited connections is Poisson, with a mean m that
    follows m' = lambda - m / S, so that over time its variance is the mean of m and the variance of m.
    """
    if isinstance(load, Bursts):
        return Peakedness(load.rate_per_s, load.peakedness, load.burst_s)
    rates = np.array(load.rates_per_s)
    mean = float(rates.mean())
    held, square = _moments_of_held(rates, load.interval_s, hold_s)
    if mean == 0.0:
        return Peakedness(0.0, 1.0, math.inf)
    return Peakedness(mean, 1.0 + (square - held**2) / held, _memory_of(rates, load.interval_s, float(rates.var())))


def bursts_in(counts: Sequence[float], interval_s: float, hold_s: float) -> Bursts:
    """The bursts in requests counted over one interval after the other, without what is chance in a count.

    Counts of n Poisson arrivals vary by n. What of that is in their smoothed rate, with x = interval / hold, is
    lambda S (x - 1 + e^-x) / x^2. What lasts less than an interval is not seen: take some tenth of a hold.
    """
    counted = np.asarray(counts, dtype=float)
    Profile(interval_s, tuple(counted.tolist()))  # the same is needed of counts
    rates = counted / interval_s
    mean, x = float(rates.mean()), interval_s / hold_s
    if mean == 0.0:
        return Bursts(0.0, 1.0)
    held, square = _moments_of_held(rates, interval_s, hold_s)
    by_chance = (x + math.expm1(-x)) / x**2 if x > _SMALL else 0.5 - x / 6.0
    peakedness = 1.0 + (square - held**2) / held - by_chance
    variance = float(rates.var()) - mean / interval_s
    if abs(peakedness - 1.0) <= _BY_CHANCE * math.sqrt(hold_s / (2.0 * interval_s * len(rates))):
        return Bursts(mean, 1.0)
    if peakedness < 1.0 or variance <= 0.0:
        return Bursts(mean, max(peakedness, _LEAST_PEAKED))
    return Bursts(mean, peakedness, _memory_of(rates, interval_s, variance))


def _memory_of(rates: Floats, interval_s: float, variance: float) -> float:
    """The time after which the rate is correlated with what it was by 1/e only. The correlation of rates that hold for
    an interval is straight between its multiples."""
    if variance <= (_SAME * rates.mean()) ** 2:
        return math.inf
    covariances = np.fft.irfft(np.abs(np.fft.rfft(rates - rates.mean())) ** 2, len(rates)) / len(rates)
    correlations = np.append(1.0, covariances[1:] / variance)
    below = np.flatnonzero(correlations < _CORRELATED)
    if not len(below):  # of a noisy record that is too short to tell
        return interval_s * len(rates)
    k = int(below[0])
    return interval_s * (k - float((_CORRELATED - correlations[k]) / (correlations[k - 1] - correlations[k])))


def held_at_starts(rates: Floats, interval_s: float, hold_s: float) -> Floats:
    """m at the start of each interval, when it has come to repeat itself: m_(i+1) = m_i e + lambda_i S (1 - e), solved
    by its Fourier terms."""
    lost = -math.expm1(-interval_s / hold_s)
    turned = np.expm1(2j * math.pi * np.arange(len(rates) // 2 + 1) / len(rates))
    return np.fft.irfft(np.fft.rfft(rates) * hold_s * lost / (turned + lost), len(rates))


def _moments_of_held(rates: Floats, interval_s: float, hold_s: float) -> tuple[float, float]:
    """Means over time of m and m^2, which move by e^(-t/S) from one value to the next in each interval."""
    ends = rates * hold_s
    away = held_at_starts(rates, interval_s, hold_s) - ends
    x = interval_s / hold_s
    once, twice = -math.expm1(-x) / x, -math.expm1(-2.0 * x) / (2.0 * x)
    return float((ends + away * once).mean()), float((ends**2 + 2.0 * ends * away * once + away**2 * twice).mean())
