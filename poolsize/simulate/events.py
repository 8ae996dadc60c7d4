"""What will happen, in the order of time."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from heapq import heappop, heappush
from itertools import count
from typing import Any, Final

Action = Callable[[Any], None]
"""Told the subject that it was asked for with; a method of a pool and one of its requests, mostly."""


class Events:
    """Actions that are due at some time, and the time: seconds since the start."""

    __slots__ = ("_due", "_each", "_number", "_times", "is_over", "now")

    def __init__(self) -> None:
        self.now = 0.0
        self.is_over = False
        """Set by an action: it was the last."""
        self._due: Final[list[tuple[float, int, Action, Any]]] = []
        self._number: Final = count()
        self._times: Iterator[float] = iter(())
        self._each: Callable[[], None] = _nothing

    def follow(self, times_s: Iterator[float], action: Callable[[], None]) -> None:
        """`action` at each of these times, which do not fall. They are known beforehand, and need not be sorted in."""
        self._times, self._each = times_s, action

    def at(self, time_s: float, action: Action, subject: Any) -> None:
        """`action(subject)` at that time; at equal times in the order in which they were asked for."""
        heappush(self._due, (time_s, next(self._number), action, subject))

    def after(self, delay_s: float, action: Action, subject: Any) -> None:
        """`action(subject)` so much later; in the next step of the same moment with 0."""
        heappush(self._due, (self.now + delay_s, next(self._number), action, subject))

    def run(self) -> None:
        """Until it is over, or nothing is due any more."""
        due, times, each = self._due, self._times, self._each
        following = next(times, math.inf)
        while not self.is_over:
            if due and due[0][0] <= following:
                self.now, _, action, subject = heappop(due)
                action(subject)
            elif following < math.inf:
                self.now, following = following, next(times, math.inf)
                each()
            else:
                return


def _nothing() -> None:
    """Where there are no such times."""
