"""Kiefer and Wolfowitz' recursion for a FIFO pool, over many replications at once.

A request that comes at t starts when the earliest of the c connections is free, at max(t, V_1), and then holds it; so
the times V at which connections become free are all that has to be known (Kiefer & Wolfowitz, Trans. AMS 78, 1955).
One step advances every replication by one request, in some 2 c vector operations. Times are absolute, so that nothing
is subtracted from the other connections between two requests.

A timeout D: a request with V_1 - t > D gives up, and leaves V as it was. A finite source: the next request is that of
the thread whose time of asking is the earliest, and its thread asks again a think time after it is done.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from poolsize.simulate.openings import Openings
from poolsize.simulate.sample import Floats, Sample
from poolsize.simulate.sorted_times import SortedTimes
from poolsize.simulate.sources import Source

_BLOCK: Final = 32
"""Requests whose random numbers are drawn at once: three blocks of 1,000 replications stay in a second-level cache."""
_SETTLING: Final = 4
"""The warm-up may take so many times longer where the number of open connections has not settled by its end."""


class FifoPools:
    """One pool a replication, all with the same settings, each with requests of its own."""

    def __init__(
        self,
        source: Source,
        draw_holds: Callable[[int], Floats],
        *,
        capacity: int,
        pool_size: int,
        timeout_s: float,
        setup_s: float,
        replications: int,
    ) -> None:
        self._source, self._draw_holds = source, draw_holds
        self._capacity, self._pool_size, self._timeout_s, self._setup_s = capacity, pool_size, timeout_s, setup_s
        self._replications = replications
        self._free = SortedTimes(np.zeros((capacity, replications)))
        self._done = np.empty(replications)
        self._openings = Openings(self._free, capacity, pool_size) if pool_size < capacity else None
        """None where, or while, nobody counts them."""

    def run(self, warm_up: int, requests: int) -> Sample:
        """The sample of so many `requests`, after `warm_up` others that are not in it."""
        counted = self._openings
        if counted is None or warm_up == 0:
            return self._measured(self._advance(warm_up), requests)
        self._openings = None  # nobody has to count them yet
        begin = self._advance(warm_up)
        self._openings = counted
        counted.settle(begin)
        for _ in range(0, _SETTLING * warm_up, _BLOCK):
            if counted.have_met():
                break
            begin = self._advance(_BLOCK)
        counted.forget()
        return self._measured(begin, requests)

    def _measured(self, begin: Floats, requests: int) -> Sample:
        none = np.zeros(self._replications)
        record = _Record(np.empty((requests, self._replications)), none.copy(), none.copy(), np.empty(requests))
        under_way_s = self._under_way_s(begin)
        end = self._advance(requests, record)
        return Sample(
            waits=record.waits,
            new=none + requests,
            timed_out=record.timed_out,
            refused=none,
            failed=record.timed_out,
            busy_s=record.held_s + under_way_s - self._under_way_s(end),
            opened=none if self._openings is None else self._openings.at_least,
            opened_at_most=none if self._openings is None else self._openings.at_most,
            window_s=none + (end - begin),
            path=np.column_stack([record.times - record.times[0], record.waits[:, 0]]),
        )

    def _under_way_s(self, now: Floats) -> Floats:
        """What is left of the holds that have begun or been assigned by then: they are not over in that time."""
        left: Floats = np.maximum(self._free.times - now, 0.0).sum(axis=0)
        return left

    def _advance(self, requests: int, record: _Record | None = None) -> Floats:
        """When the last of them came."""
        asked = np.zeros(1)
        for first in range(0, requests, _BLOCK):
            size = min(_BLOCK, requests - first)
            asked = self._block(size, record.part(first, size) if record else None)
        return asked.copy()

    def _block(self, size: int, record: _Record | None) -> Floats:
        self._source.draw(size)
        holds = self._draw_holds(size)
        waits = record.waits if record else np.empty((size, self._replications))
        lates = np.empty(waits.shape, dtype=np.bool_) if self._timeout_s < math.inf else None
        asked = np.zeros(1)
        for request in range(size):
            asked = self._source.asked(request)
            if record:
                record.times[request] = asked[0]
            late = None if lates is None else lates[request]
            self._serve(asked, holds[request], waits[request], late)
            self._source.served(request, self._done, late)
            self._put_back(late)
        if record:
            record.close(holds, lates, self._timeout_s)
        return asked

    def _serve(self, asked: Floats, hold: Floats, wait: Floats, late: NDArray[np.bool_] | None) -> None:
        """Sets `wait`, `late` and when the connection is free again."""
        if self._openings is not None:
            opens = self._openings.count(asked)
            if self._setup_s > 0.0:
                hold += self._setup_s * opens
        np.maximum(self._free.first, asked, out=self._done)
        np.subtract(self._done, asked, out=wait)
        self._done += hold
        if late is not None:
            np.greater(wait, self._timeout_s, out=late)

    def _put_back(self, late: NDArray[np.bool_] | None) -> None:
        if late is not None:
            np.copyto(self._done, self._free.first, where=late)
        self._free.replace_first(self._done)


class _Record:
    """Where the measured requests are written."""

    def __init__(self, waits: Floats, timed_out: Floats, held_s: Floats, times: Floats) -> None:
        self.waits, self.timed_out, self.held_s, self.times = waits, timed_out, held_s, times

    def part(self, first: int, size: int) -> _Record:
        there = slice(first, first + size)
        return _Record(self.waits[there], self.timed_out, self.held_s, self.times[there])

    def close(self, holds: Floats, lates: NDArray[np.bool_] | None, timeout_s: float) -> None:
        """Cut the waits at the timeout, and add up what this part had."""
        if lates is not None:
            np.minimum(self.waits, timeout_s, out=self.waits)
            self.timed_out += lates.sum(axis=0)
            holds[lates] = 0.0
        self.held_s += holds.sum(axis=0)
