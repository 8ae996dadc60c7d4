"""What each replication says by itself: a column of numbers for each figure."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from poolsize.simulate.length import relaxation_s
from poolsize.simulate.sample import Floats, Sample
from poolsize.simulate.scenario import Scenario
from poolsize.simulate.semantics import SEMANTICS


@dataclass(frozen=True, eq=False)
class Columns:
    """Shares are of the requests that were taken, unless said otherwise; rates are one pool's."""

    scenario: Scenario
    sample: Sample

    @property
    def taken(self) -> Floats:
        """Requests that were not refused."""
        return np.maximum(self.sample.requests - self.sample.refused, 1.0)

    def share_of(self, is_one: NDArray[np.bool_]) -> Floats:
        """Of these, (requests, replications)."""
        shares: Floats = is_one.sum(axis=0) / self.taken
        return shares

    @cached_property
    def waited(self) -> Floats:
        """Who gives up at once has no wait that would show it."""
        return self.timed_out if self.scenario.timeout_s == 0.0 else self.share_of(self.sample.waits > 0.0)

    @property
    def timed_out(self) -> Floats:
        return self.sample.timed_out / self.taken

    @property
    def refused(self) -> Floats:
        """Of all requests."""
        return self.sample.refused / self.sample.requests

    @property
    def failed(self) -> Floats:
        """Of new requests."""
        return self.sample.failed / np.maximum(self.sample.new, 1.0)

    @cached_property
    def mean_wait_s(self) -> Floats:
        means: Floats = np.nansum(self.sample.waits, axis=0) / self.taken
        return means

    @property
    def mean_acquire_s(self) -> Floats:
        if not SEMANTICS[self.scenario.semantics].opens_after_waiting:
            return self.mean_wait_s
        return self.mean_wait_s + self.scenario.setup_s * self.sample.opened / self.taken

    @property
    def utilization(self) -> Floats:
        places = self.scenario.pools * (self.scenario.capacity + self.scenario.reserve_size)
        return self.sample.busy_s / (self.sample.window_s * places)

    @property
    def served_per_s(self) -> Floats:
        return self._per_s(self.sample.requests - self.sample.timed_out - self.sample.refused)

    @property
    def opened_per_s(self) -> Floats:
        return self._per_s(self.sample.opened)

    @property
    def opened_at_most_per_s(self) -> Floats:
        return self._per_s(self.sample.opened_at_most)

    @property
    def trials(self) -> float:
        """Stretches of time that know nothing of each other: a relaxation time each, and each replication at least."""
        stretches = self.sample.window_s / relaxation_s(self.scenario)
        return float(np.maximum(stretches, 1.0).sum())

    def _per_s(self, counts: Floats) -> Floats:
        return counts / (self.sample.window_s * self.scenario.pools)
