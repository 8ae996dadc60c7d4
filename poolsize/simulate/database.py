"""A database that slows down with the connections that are busy on it."""

from __future__ import annotations

import math
from heapq import heappop, heappush
from itertools import count
from typing import Any, Final

from poolsize.queueing import Usl
from poolsize.simulate.events import Action, Events


class Database:
    """All busy connections are slowed down alike: work w takes phi(m) w while m are busy, m changing meanwhile.

    So there is one clock of work done, of speed 1 / phi(m), on which each job ends at a time that is known when it
    begins; only the next one has to be foreseen.
    """

    def __init__(self, events: Events, usl: Usl) -> None:
        self._events, self._usl = events, usl
        self._jobs: Final[list[tuple[float, int, Action, Any]]] = []
        self._number: Final = count()
        self._done_s, self._seen_s = 0.0, 0.0
        """The work clock, and the time at which it showed that."""
        self._slow = [1.0]
        """phi by the number of busy connections; the first is never used."""
        self._next_look_s = math.inf

    def work(self, work_s: float, action: Action, subject: Any) -> None:
        """`action(subject)` when so much work is done, which takes this long without any other."""
        self._advance()
        heappush(self._jobs, (self._done_s + work_s, next(self._number), action, subject))
        self._foresee()

    def _phi(self, busy: int) -> float:
        while len(self._slow) <= busy:
            self._slow.append(self._usl.slowdown(len(self._slow)))
        return self._slow[busy]

    def _advance(self) -> None:
        now = self._events.now
        if self._jobs:
            self._done_s += (now - self._seen_s) / self._phi(len(self._jobs))
        self._seen_s = now

    def _foresee(self) -> None:
        """Look when the next job ends. A job that has come since only puts that off, and the look finds so."""
        if not self._jobs:
            return
        end_s = self._seen_s + max(self._jobs[0][0] - self._done_s, 0.0) * self._phi(len(self._jobs))
        if end_s < self._next_look_s:
            self._next_look_s = end_s
            self._events.at(end_s, self._look, end_s)

    def _look(self, due_s: float) -> None:
        if due_s != self._next_look_s:
            return  # an earlier one was asked for since
        self._next_look_s = math.inf
        self._advance()
        end_s, _, action, subject = self._jobs[0]
        left_s = (end_s - self._done_s) * self._phi(len(self._jobs))
        if self._seen_s + left_s > self._seen_s:  # else what is left is lost in rounding
            self._foresee()
            return
        heappop(self._jobs)
        self._done_s = max(self._done_s, end_s)
        self._foresee()
        action(subject)
