"""Pools under a changing rate, arrival by arrival: nothing here is shared with what it is compared to but `Profile`."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from poolsize.queueing.peak_load import Profile

Floats = NDArray[np.float64]


def sinus(period_s: float, mean: float = 7.0, swing: float = 0.5, pieces: int = 240) -> Profile:
    phases = (np.arange(pieces) + 0.5) / pieces
    return Profile(period_s / pieces, tuple((mean * (1.0 + swing * np.sin(2.0 * np.pi * phases))).tolist()))


class Counted(NamedTuple):
    """Shares of the arrivals, and their mean wait."""

    wait_probability: float
    timeout_probability: float
    mean_wait_s: float


def served(arrivals: Floats, capacity: int, timeout_s: float, random: np.random.Generator) -> Counted:
    """FIFO with exponential holds of 1 s: who waits gets the connection that is free first, or gives up."""
    free = [0.0] * capacity
    waits = []
    for at, hold in zip(arrivals.tolist(), random.exponential(1.0, len(arrivals)).tolist(), strict=True):
        wait = max(free[0] - at, 0.0)
        if wait <= timeout_s:
            heapq.heapreplace(free, at + wait + hold)
        waits.append(min(wait, timeout_s))
    times = np.array(waits)
    return Counted(float((times > 0).mean()), float((times == timeout_s).mean()), float(times.mean()))


def thinned(rate: Callable[[Floats], Floats], highest: float, seconds: float, random: np.random.Generator) -> Floats:
    """Poisson arrivals at a rate that changes."""
    at = np.sort(random.random(random.poisson(highest * seconds)) * seconds)
    return at[random.random(len(at)) * highest < rate(at)]


def of_profile(profile: Profile, seconds: float, random: np.random.Generator) -> Floats:
    rates = np.array(profile.rates_per_s)
    return thinned(
        lambda at: rates[(at / profile.interval_s).astype(int) % len(rates)], float(rates.max()), seconds, random
    )


def jumps(share: float, burst_s: float, seconds: float, random: np.random.Generator) -> Floats:
    """Times at which a rate jumps, first up: it is high for this share of the time, and forgets with `burst_s`."""
    count = int(2.0 * seconds * share * (1.0 - share) / burst_s) + 100
    quiet, loud = (random.exponential(burst_s / part, count) for part in (share, 1.0 - share))
    return np.cumsum(np.stack([quiet, loud], axis=1).ravel())


def of_jumps(
    low: float, high: float, share: float, burst_s: float, seconds: float, random: np.random.Generator
) -> Floats:
    at = jumps(share, burst_s, seconds, random)
    return thinned(lambda t: np.where(np.searchsorted(at, t) % 2 == 0, low, high), high, min(seconds, at[-1]), random)
