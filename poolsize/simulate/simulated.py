"""The result of a simulation, with the names of `poolsize.queueing.Wait` and an interval for each."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from poolsize.simulate import intervals
from poolsize.simulate.intervals import Interval
from poolsize.simulate.length import Length, relaxation_s
from poolsize.simulate.sample import Floats, Sample
from poolsize.simulate.scenario import Scenario
from poolsize.simulate.semantics import SEMANTICS

_ROUNDING: Final = 1e-12
"""Of a product of a share and a count, so that 0.9 × 10 is not a little more than 9."""


@dataclass(frozen=True, eq=False)
class Simulated:
    """How requests fared at the pool (at any of several). Probabilities are over all requests that the pool took, and
    one that timed out waited until then; one that was refused has no wait, and counts in `refused_probability` alone.
    A retry counts as a request."""

    scenario: Scenario
    length: Length
    sample: Sample
    engine: str
    """How it was simulated, in a few words."""

    @property
    def wait_probability(self) -> float:
        """P(no connection is free at once)."""
        return _mean(self._waited)

    @property
    def timeout_probability(self) -> float:
        return _mean(self._timed_out)

    @property
    def refused_probability(self) -> float:
        """P(too many wait already), over all requests."""
        return _mean(self._refused)

    @property
    def failure_probability(self) -> float:
        """Of a new request: that it and all its retries time out or are refused."""
        return float(self.sample.failed.sum() / max(self.sample.new.sum(), 1.0))

    @property
    def mean_wait_s(self) -> float:
        return _mean(self._waits)

    @property
    def mean_acquire_s(self) -> float:
        """The mean wait, and what a request then takes to open a connection by itself; in pools where that is not
        part of the wait already."""
        return _mean(self._acquires)

    @property
    def utilization(self) -> float:
        """Share of the capacity, reserve included, that is checked out."""
        return _mean(self._busy)

    @property
    def throughput_per_s(self) -> float:
        """Requests that got a connection, per second, at one pool."""
        return _mean(self._served)

    @property
    def opens_per_s(self) -> float:
        """Connections opened by requests or for them, per second, at one pool. Where the run is too short to forget
        how many were open at first, the middle of what it may be; the interval has all of it."""
        return (_mean(self._opened) + _mean(self._opened_at_most)) / 2.0

    @property
    def timeout_s(self) -> float:
        return self.scenario.timeout_s

    @property
    def arrivals(self) -> int:
        """Requests that were measured, over all replications."""
        return self.sample.waits.size

    @property
    def method(self) -> str:
        """How it was obtained."""
        length = self.length
        times = f"{length.replications:,} × {length.requests:,}" if length.replications > 1 else f"{length.requests:,}"
        settled = "" if length.is_settled else ", not settled"
        return f"simulated: {times} requests, {self.scenario.semantics}, {self.engine}{settled}"

    def quantile(self, q: float) -> float:
        """The wait that a share `q`, 0..1, of the requests does not exceed, seconds."""
        taken = self._taken_in_all
        below = taken - len(self._positive)
        rank = math.ceil(q * taken * (1.0 - _ROUNDING)) - 1
        if rank < below:
            return 0.0
        return float(self._positive[min(rank - below, len(self._positive) - 1)])

    def exceeds(self, t_s: float) -> float:
        """P(wait > t_s), 0..1."""
        return float((len(self._positive) - np.searchsorted(self._positive, t_s, side="right")) / self._taken_in_all)

    def exceeds_interval(self, t_s: float) -> Interval:
        """The 95 % interval of `exceeds(t_s)`."""
        return intervals.of_a_share(self._share_of(self.sample.waits > t_s), self._trials)

    def interval(self, name: str | float) -> Interval:
        """The 95 % interval of the value of that name, or of `quantile(q)` for a number. A trace whose holds are
        recorded too has no chance in it: both ends are the value. Raises KeyError for another name."""
        if isinstance(name, float):
            return self._quantile_interval(name)
        return _INTERVALS[name](self)

    def _quantile_interval(self, q: float) -> Interval:
        """The quantiles of the shares that the share below the quantile may be: no density has to be guessed."""
        half = intervals.half_width(self._share_of(self.sample.waits <= self.quantile(q)))
        if half == 0.0 and self.sample.replications == 1:
            return self.quantile(q), self.quantile(q)
        high = self.quantile(q + half) if q + half < 1.0 else self.scenario.timeout_s
        return self.quantile(max(q - half, 0.0)), high

    @property
    def _taken(self) -> Floats:
        """Requests of each replication that were not refused."""
        return np.maximum(self.sample.requests - self.sample.refused, 1.0)

    @property
    def _taken_in_all(self) -> int:
        return int(self._taken.sum())

    def _share_of(self, is_one: NDArray[np.bool_]) -> Floats:
        """Of the requests that were taken, in each replication."""
        shares: Floats = is_one.sum(axis=0) / self._taken
        return shares

    @cached_property
    def _positive(self) -> Floats:
        waits = self.sample.waits
        found = waits[waits > 0.0]
        found.sort()
        return found

    @property
    def _timed_out(self) -> Floats:
        return self.sample.timed_out / self._taken

    @property
    def _refused(self) -> Floats:
        return self.sample.refused / self.sample.requests

    @cached_property
    def _waited(self) -> Floats:
        return self._timed_out if self.scenario.timeout_s == 0.0 else self._share_of(self.sample.waits > 0.0)

    @cached_property
    def _waits(self) -> Floats:
        means: Floats = np.nansum(self.sample.waits, axis=0) / self._taken
        return means

    @property
    def _acquires(self) -> Floats:
        if not SEMANTICS[self.scenario.semantics].opens_after_waiting:
            return self._waits
        return self._waits + self.scenario.setup_s * self.sample.opened / self._taken

    @property
    def _busy(self) -> Floats:
        places = self.scenario.pools * (self.scenario.capacity + self.scenario.reserve_size)
        return self.sample.busy_s / (self.sample.window_s * places)

    @property
    def _served(self) -> Floats:
        served = self.sample.requests - self.sample.timed_out - self.sample.refused
        return served / (self.sample.window_s * self.scenario.pools)

    @property
    def _opened(self) -> Floats:
        return self.sample.opened / (self.sample.window_s * self.scenario.pools)

    @property
    def _opened_at_most(self) -> Floats:
        return self.sample.opened_at_most / (self.sample.window_s * self.scenario.pools)

    @property
    def _trials(self) -> float:
        """Stretches of time that know nothing of each other: a relaxation time each, and each replication at least."""
        stretches = self.sample.window_s / relaxation_s(self.scenario)
        return float(np.maximum(stretches, 1.0).sum())


_INTERVALS: Final[dict[str, Callable[[Simulated], Interval]]] = {
    "wait_probability": lambda found: intervals.of_a_share(found._waited, found._trials),
    "timeout_probability": lambda found: intervals.of_a_share(found._timed_out, found._trials),
    "refused_probability": lambda found: intervals.of_a_share(found._refused, found._trials),
    "failure_probability": lambda found: intervals.of_a_share(
        found.sample.failed / np.maximum(found.sample.new, 1.0), found._trials
    ),
    "mean_wait_s": lambda found: intervals.of_a_mean(found._waits),
    "mean_acquire_s": lambda found: intervals.of_a_mean(found._acquires),
    "utilization": lambda found: intervals.of_a_mean(found._busy, most=1.0),
    "throughput_per_s": lambda found: intervals.of_a_mean(found._served),
    "opens_per_s": lambda found: (
        intervals.of_a_mean(found._opened)[0],
        intervals.of_a_mean(found._opened_at_most)[1],
    ),
}


def _mean(values: Floats) -> float:
    return float(values.mean())
