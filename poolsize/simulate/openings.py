"""Connections that SQLAlchemy's pool opens, in many replications at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from poolsize.simulate.sample import Floats
from poolsize.simulate.sorted_times import SortedTimes


class Openings:
    """A returned connection is closed only if `pool_size` are idle, so that the open ones follow the busy ones like a
    play of that width. Between two requests the busy ones only become fewer; so at a request that finds b of them,
    open = min(open, b + pool_size) is exact, and it opens one if all are busy and there are fewer than `capacity`.

    With a large pool_size it takes hours to forget how many were open at first. So two pools are counted that see the
    same requests, one settled with as many open connections as there can be and one with as few. The one with more
    never has fewer later, and opens no more often; once they have met they are the same. What a pool of any past
    opens lies between.
    """

    def __init__(self, free: SortedTimes, capacity: int, pool_size: int) -> None:
        """`free`: when each connection is free again. At first `pool_size` are open in both pools, and idle."""
        self._free, self._capacity, self._pool_size = free, capacity, pool_size
        self._is_busy = np.empty_like(free.times, dtype=np.bool_)
        self._most = np.full(free.times.shape[1], pool_size, dtype=np.int32)
        self._fewest = self._most
        """The very same array while the two pools are the same."""
        self.forget()

    def settle(self, now: Floats) -> None:
        """The load has been there for a while."""
        self._fewest = self._busy(now)
        self._most = np.minimum(self._fewest + self._pool_size, self._capacity)

    def have_met(self) -> bool:
        """Whether the two pools are the same by now, in all replications."""
        if np.array_equal(self._fewest, self._most):
            self._fewest = self._most
        return self._fewest is self._most

    def forget(self) -> None:
        """Count from 0."""
        replications = self._free.times.shape[1]
        self.at_least = np.zeros(replications)
        self.at_most = np.zeros(replications)

    def count(self, asked: Floats) -> NDArray[np.bool_]:
        """A request in each replication at these times: which of them open a connection, in the pool with more."""
        busy = self._busy(asked)
        opens = self._follow(self._most, busy)
        self.at_least += opens
        self.at_most += opens if self._fewest is self._most else self._follow(self._fewest, busy)
        return opens

    def _busy(self, asked: Floats) -> NDArray[np.int32]:
        np.greater(self._free.times, asked, out=self._is_busy)
        busy: NDArray[np.int32] = np.add.reduce(self._is_busy, axis=0, dtype=np.int32)
        return busy

    def _follow(self, open_: NDArray[np.int32], busy: NDArray[np.int32]) -> NDArray[np.bool_]:
        np.minimum(open_, busy + self._pool_size, out=open_)
        opens: NDArray[np.bool_] = (busy == open_) & (open_ < self._capacity)
        open_ += opens
        return opens
