"""What will happen, in the order of time."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from typing import Any, Final

Action = Callable[[Any], None]
"""Told the subject that it was asked for with; a method of a pool and one of its requests, mostly."""


class Events:
    """Actions that are due at some time, and the time: seconds since the start."""

    __slots__ = ("_due", "_number", "is_over", "now")

    def __init__(self) -> None:
        self.now = 0.0
        self.is_over = False
        """Set by an action: it was the last."""
        self._due: Final[list[tuple[float, int, Action, Any]]] = []
        self._number: Final = count()

    def at(self, time_s: float, action: Action, subject: Any) -> None:
        """`action(subject)` at that time; at equal times in the order in which they were asked for."""
        heappush(self._due, (time_s, next(self._number), action, subject))

    def after(self, delay_s: float, action: Action, subject: Any) -> None:
        """`action(subject)` so much later; in the next step of the same moment with 0."""
        heappush(self._due, (self.now + delay_s, next(self._number), action, subject))

    def run(self) -> None:
        """Until it is over, or nothing is due any more."""
        due = self._due
        while due and not self.is_over:
            self.now, _, action, subject = heappop(due)
            action(subject)
