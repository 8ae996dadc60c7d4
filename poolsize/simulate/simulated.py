"""The result of a simulation, with the names of `poolsize.queueing.Wait` and an interval for each."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from poolsize.simulate.columns import Columns
from poolsize.simulate.intervals import Interval, half_width, of_a_mean, of_a_share
from poolsize.simulate.length import Length
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
        return float(self._columns.waited.mean())

    @property
    def timeout_probability(self) -> float:
        return float(self._columns.timed_out.mean())

    @property
    def refused_probability(self) -> float:
        """P(too many wait already), over all requests."""
        return float(self._columns.refused.mean())

    @property
    def failure_probability(self) -> float:
        """Of a new request: that it and all its retries time out or are refused."""
        return float(self._columns.failed.mean())

    @property
    def mean_wait_s(self) -> float:
        return float(self._columns.mean_wait_s.mean())

    @property
    def mean_acquire_s(self) -> float:
        """The mean wait, and what a request then takes to open a connection by itself; in pools where that is not
        part of the wait already."""
        return float(self._columns.mean_acquire_s.mean())

    @property
    def utilization(self) -> float:
        """Share of the capacity, reserve included, that is checked out."""
        return float(self._columns.utilization.mean())

    @property
    def throughput_per_s(self) -> float:
        """Requests that got a connection, per second, at one pool."""
        return float(self._columns.served_per_s.mean())

    @property
    def opens_per_s(self) -> float:
        """Connections opened by requests or for them, per second, at one pool. Where the run is too short to forget
        how many were open at first, the middle of what it may be; the interval has all of it."""
        return float(self._columns.opened_per_s.mean() + self._columns.opened_at_most_per_s.mean()) / 2.0

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
        length, kind = self.length, SEMANTICS[self.scenario.semantics]
        times = f"{length.replications:,} × {length.requests:,}" if length.replications > 1 else f"{length.requests:,}"
        order = " in the order of arrival" if kind.is_overtaken and self.scenario.python_s == 0.0 else ""
        settled = "" if length.is_settled else ", not settled"
        return f"simulated: {times} requests, {kind.name}{order}, {self.engine}{settled}"

    def quantile(self, q: float) -> float:
        """The wait that a share `q`, 0..1, of the requests does not exceed, seconds."""
        below = self._taken - len(self._positive)
        rank = math.ceil(q * self._taken * (1.0 - _ROUNDING)) - 1
        if rank < below:
            return 0.0
        return float(self._positive[min(rank - below, len(self._positive) - 1)])

    def exceeds(self, t_s: float) -> float:
        """P(wait > t_s), 0..1."""
        return float((len(self._positive) - np.searchsorted(self._positive, t_s, side="right")) / self._taken)

    def exceeds_interval(self, t_s: float) -> Interval:
        """The 95 % interval of `exceeds(t_s)`."""
        return of_a_share(self._columns.share_of(self.sample.waits > t_s), self._columns.trials)

    def interval(self, name: str | float) -> Interval:
        """The 95 % interval of the value of that name, or of `quantile(q)` for a number. A trace whose holds are
        recorded too has no chance in it: both ends are the value. Raises KeyError for another name."""
        return self._quantile_interval(name) if isinstance(name, float) else _INTERVALS[name](self._columns)

    def _quantile_interval(self, q: float) -> Interval:
        """The quantiles of the shares that the share below the quantile may be: no density has to be guessed."""
        half = half_width(self._columns.share_of(self.sample.waits <= self.quantile(q)))
        if half == 0.0 and self.sample.replications == 1:
            return self.quantile(q), self.quantile(q)
        high = self.quantile(q + half) if q + half < 1.0 else self.timeout_s
        return self.quantile(max(q - half, 0.0)), high

    @cached_property
    def _columns(self) -> Columns:
        return Columns(self.scenario, self.sample)

    @property
    def _taken(self) -> int:
        """Requests that were not refused."""
        return int(self._columns.taken.sum())

    @cached_property
    def _positive(self) -> Floats:
        """The waits of those who had to, in order."""
        waits = self.sample.waits
        found = waits[waits > 0.0]
        found.sort()
        return found


_INTERVALS: Final[dict[str, Callable[[Columns], Interval]]] = {
    "wait_probability": lambda columns: of_a_share(columns.waited, columns.trials),
    "timeout_probability": lambda columns: of_a_share(columns.timed_out, columns.trials),
    "refused_probability": lambda columns: of_a_share(columns.refused, columns.trials),
    "failure_probability": lambda columns: of_a_share(columns.failed, columns.trials),
    "mean_wait_s": lambda columns: of_a_mean(columns.mean_wait_s),
    "mean_acquire_s": lambda columns: of_a_mean(columns.mean_acquire_s),
    "utilization": lambda columns: of_a_mean(columns.utilization, most=1.0),
    "throughput_per_s": lambda columns: of_a_mean(columns.served_per_s),
    "opens_per_s": lambda columns: (
        of_a_mean(columns.opened_per_s)[0],
        of_a_mean(columns.opened_at_most_per_s)[1],
    ),
}
