"""What one run counts."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from poolsize.simulate.sample import Sample

if TYPE_CHECKING:
    from poolsize.simulate.events import Events
    from poolsize.simulate.request import Request


class _Mark(NamedTuple):
    """The counters at one time."""

    time_s: float
    held_s: float
    opened: int
    opened_at_most: int


class Tally:
    """Measures so many `requests` from the `first`, and ends the run when each has got a connection or given up."""

    def __init__(self, events: Events, *, first: int, requests: int, settle: Callable[[], None]) -> None:
        """`settle` is called in the middle of the warm-up."""
        self._events, self._settle = events, settle
        self._middle = (first + 1) // 2 if first > 1 else 0
        self._first, self._last, self._requests = first, first + requests - 1, requests
        self._asked = 0
        self._arrivals: Final[list[float]] = []
        self._waits: Final[list[float]] = []
        self._new = self._timed_out = self._refused = self._failed = 0
        self._held, self._held_s = 0, 0.0
        """Connections that are held; the ends of all holds less their beginnings, as far as they have come."""
        self._opened = self._opened_at_most = 0
        self._begin = self._end = _Mark(0.0, 0.0, 0, 0)

    def asks(self, request: Request) -> None:
        """A request comes."""
        self._asked += 1
        if self._asked == self._middle:
            self._settle()
        if self._first <= self._asked <= self._last:
            request.is_measured = True
            self._new += request.attempt == 0
            if self._asked == self._first:
                self._begin = self._mark()
            if self._asked == self._last:
                self._end = self._mark()

    def gets(self, request: Request) -> None:
        """It gets its connection, and holds it from now on."""
        self._held += 1
        self._held_s -= self._events.now
        if request.is_measured:
            self._waits_no_more(request, self._events.now - request.arrived)

    def gives_back(self) -> None:
        self._held -= 1
        self._held_s += self._events.now

    def opens(self) -> None:
        """A connection is opened."""
        self._opened += 1
        self._opened_at_most += 1

    def might_open(self, more: int) -> None:
        """Among the possible pasts of the pool is one with so many more (or fewer) openings."""
        self._opened_at_most += more

    def gives_up(self, request: Request, waited_s: float, *, for_good: bool) -> None:
        """It has timed out; `for_good`: and is not made again."""
        if request.is_measured:
            self._timed_out += 1
            self._failed += for_good
            self._waits_no_more(request, waited_s)

    def is_refused(self, request: Request, *, for_good: bool) -> None:
        if request.is_measured:
            self._refused += 1
            self._failed += for_good
            self._waits_no_more(request, math.nan)

    def sample(self) -> Sample:
        """Of the one replication that this was."""
        waits = np.array(self._waits)
        arrivals = np.array(self._arrivals) - self._begin.time_s
        order = np.argsort(arrivals, kind="stable")
        order = order[~np.isnan(waits[order])]
        return Sample(
            waits=waits[:, np.newaxis],
            new=np.array([float(self._new)]),
            timed_out=np.array([float(self._timed_out)]),
            refused=np.array([float(self._refused)]),
            failed=np.array([float(self._failed)]),
            busy_s=np.array([self._end.held_s - self._begin.held_s]),
            opened=np.array([float(self._end.opened - self._begin.opened)]),
            opened_at_most=np.array([float(self._end.opened_at_most - self._begin.opened_at_most)]),
            window_s=np.array([self._end.time_s - self._begin.time_s]),
            path=np.column_stack([arrivals[order], waits[order]]),
        )

    def _waits_no_more(self, request: Request, waited_s: float) -> None:
        self._arrivals.append(request.arrived)
        self._waits.append(waited_s)
        self._events.is_over = len(self._waits) == self._requests

    def _mark(self) -> _Mark:
        now = self._events.now
        return _Mark(now, self._held_s + self._held * now, self._opened, self._opened_at_most)
