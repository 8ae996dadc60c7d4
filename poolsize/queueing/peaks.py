"""A pool whose load comes in peaks or bursts: which model applies, and what it says."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final, Literal, NamedTuple

import numpy as np

from poolsize.queueing.full_pool import OpenQueue, wait_at
from poolsize.queueing.model import Hold
from poolsize.queueing.peak_levels import Levels, pointwise, smoothed
from poolsize.queueing.peak_load import Bursts, Profile, peakedness_of
from poolsize.queueing.real_erlang import inverse_erlang_b
from poolsize.queueing.wait import Wait

Method = Literal["pointwise", "offered load", "peakedness"]

SLOW: Final = 10.0
"""A rate that stays for ten times as long as the pool remembers: pointwise within 14 % of P(timeout) as simulated, for
sinusoidal rates on 2 to 50 connections with timeouts of 0.2 to 4 holds (benchmarks/peaks.py)."""
SHORT_MEMORY: Final = 0.5
"""A queue that remembers no more than half a hold: by the offered load within 9 %, in the same simulations. At a whole
hold it has up to twice as many timeouts as simulated, at five 25 times."""
QUICK: Final = 0.1
"""Bursts that are over in a tenth of a hold are held together: only how many come together matters."""
_LEAST: Final = 1e-300
"""In place of no arrivals, where they are divided by."""
_BUSY: Final = 0.99
"""Share of the arrivals that come at up to the rate for which the pool's memory counts."""


@dataclass(frozen=True)
class Peak:
    """How requests fare over all peaks and quiet times, weighted by how many come."""

    wait: Wait
    """By `method`."""
    method: Method
    """pointwise: each moment in the steady state of its rate (pointwise stationary approximation: Green & Kolesar,
    Manag. Sci. 37, 1991). offered load: in that of what would be held with unlimited connections, which follows the
    rate by a hold (modified offered load: Jennings, Mandelbaum, Massey & Whitt, Manag. Sci. 42, 1996). peakedness: a
    steady state with capacity and load divided by it (Hayward; Fredericks, Bell Syst. Tech. J. 59, 1980)."""
    why: str
    """Why this method, a sentence."""
    needs_simulation: bool
    """No method is near. Of a `Profile` the one that was taken errs on the safe side, at times by a lot."""
    peakedness: float
    """Variance over mean of the connections that would be held if there were any number of them."""
    burst_s: float
    """The time after which the rate has forgotten what it was; infinite if it never changes."""
    steady: Wait
    """As if the load never changed: better than the truth."""
    pointwise: Wait | None
    """As if each rate had stayed for long: worse than the truth. None where nothing is known of the rates. The law of
    those of `Bursts` is taken as gamma; a rate that jumps between two values may bring a fourth more timeouts."""


def solve_peaks(load: Profile | Bursts, hold: Hold, capacity: int, *, timeout_s: float = math.inf) -> Peak:
    """A pool of `capacity` >= 1 connections that are waited for at most `timeout_s` >= 0, with Poisson arrivals whose
    rate changes.

    Holds are taken as exponential, whatever their scv. Without a timeout, a rate above what the pool serves has no
    steady state, and the mean wait is infinite, also where the peak is too short for that: then simulate.

    >>> day = Profile(interval_s=3600.0, rates_per_s=(2.0, 4.0, 9.0, 4.0))
    >>> peak = solve_peaks(day, Hold(mean_s=1.0), 10, timeout_s=1.0)
    >>> peak.method, round(peak.wait.timeout_probability, 4), round(peak.steady.timeout_probability, 4)
    ('pointwise', 0.015, 0.0001)
    """
    if not (capacity >= 1 and timeout_s >= 0.0):
        raise ValueError("A pool needs at least 1 connection, and a timeout of 0 s or more.")
    pool, hold_s = PeakedPool(hold.mean_s, capacity, timeout_s), hold.mean_s
    found = peakedness_of(load, hold_s)
    steady = Levels(np.array([found.mean_per_s]), np.ones(1))
    has_rates = isinstance(load, Profile) or (load.burst_s > 0.0 and load.peakedness > 1.0)
    choice = _chosen(found.burst_s, hold_s, pool.memory_s(smoothed(load, hold_s))) if has_rates else _CLUSTERS

    def by(method: Method) -> Wait:
        if method == "peakedness":
            return pool.wait(found.mean_per_s, steady, f"peakedness {found.peakedness:.3g}", found.peakedness)
        levels = pointwise(load, hold_s) if method == "pointwise" else smoothed(load, hold_s)
        law = ", gamma-distributed rates" if isinstance(load, Bursts) else ""
        return pool.wait(found.mean_per_s, levels, f"{method} at each moment{law}")

    return Peak(
        wait=by(choice.method),
        method=choice.method,
        why=choice.why,
        needs_simulation=choice.needs_simulation,
        peakedness=found.peakedness,
        burst_s=found.burst_s,
        steady=pool.wait(found.mean_per_s, steady, "mean rate"),
        pointwise=by("pointwise") if has_rates else None,
    )


class _Choice(NamedTuple):
    method: Method
    why: str
    needs_simulation: bool = False


_CLUSTERS: Final = _Choice("peakedness", "requests come in clusters, or more evenly than at random, but at one rate")


def _chosen(burst_s: float, hold_s: float, memory_s: float) -> _Choice:
    """By how long the rate stays, how long a connection is held, and for how long the queue remembers."""
    if burst_s == math.inf:
        return _Choice("pointwise", "the rate does not change")
    lasts = f"the rate stays for {burst_s:.3g} s"
    remembered_s = max(hold_s, memory_s)
    if burst_s >= SLOW * remembered_s:
        return _Choice("pointwise", f"{lasts}, long beside the {remembered_s:.3g} s that the pool remembers")
    if burst_s <= QUICK * hold_s:
        return _Choice("peakedness", f"{lasts}, short beside the {hold_s:.3g} s that a connection is held")
    if memory_s <= SHORT_MEMORY * hold_s:
        return _Choice("offered load", f"{lasts}, and the queue remembers only {memory_s:.3g} s, less than is held")
    why = f"{lasts}, neither long nor short beside the {memory_s:.3g} s that the queue remembers: only simulation tells"
    return _Choice("offered load", why, needs_simulation=True)


class PeakedPool(NamedTuple):
    hold_s: float
    capacity: int
    timeout_s: float

    def wait(self, mean_per_s: float, levels: Levels, method: str, peakedness: float = 1.0) -> Wait:
        """Of `mean_per_s` arrivals, of which each level has its share in the steady state of its rate; with capacity
        and load divided by the peakedness."""
        rates = levels.rates_per_s / peakedness
        full_rate = self.capacity / self.hold_s / peakedness
        queue = OpenQueue(rates, np.full_like(rates, full_rate), self.timeout_s)
        inverse_b = inverse_erlang_b(self.capacity / peakedness, np.maximum(rates * self.hold_s, _LEAST))
        is_full = 1.0 / (1.0 + (inverse_b - 1.0) * np.exp(-queue.log_weight))
        full = np.where(rates > 0.0, mean_per_s * levels.shares * is_full / np.maximum(rates, _LEAST), 0.0)
        wait = wait_at(full, queue, mean_per_s, utilization=0.0, timeout_s=self.timeout_s, method=f"M/M/c+D, {method}")
        return replace(wait, utilization=wait.throughput_per_s * self.hold_s / self.capacity)

    def memory_s(self, levels: Levels) -> float:
        """After how long the queue has forgotten how long it was, at the slowest of the rates.

        The time that the next request would have to wait moves like a Brownian motion between 0 and the timeout, with
        drift lambda / R - 1 and variance 2 / R: it relaxes at the rate (sqrt(R) - sqrt(lambda))^2 + pi^2 / (R D^2),
        which is that of M/M/c without a timeout.
        """
        if self.timeout_s == 0.0:
            return 0.0
        order = np.argsort(levels.rates_per_s)
        rates, shares = levels.rates_per_s[order], np.cumsum(levels.shares[order])
        full_rate = self.capacity / self.hold_s
        busiest = rates[min(int(np.searchsorted(shares, _BUSY)), len(rates) - 1)]
        nearest = min(max(full_rate, float(rates[0])), float(busiest))
        relaxation = (math.sqrt(full_rate) - math.sqrt(nearest)) ** 2 + (math.pi / self.timeout_s) ** 2 / full_rate
        return 1.0 / relaxation if relaxation > 0.0 else math.inf
