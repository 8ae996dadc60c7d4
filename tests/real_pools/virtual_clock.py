"""An event loop whose clock jumps to the next timer, so that an hour of waiting takes as long as its computing."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

_T = TypeVar("_T")


class DeadlockError(Exception):
    """Everything waits for something else, and no timer is set."""


class _NoWaiting(selectors.SelectSelector):
    """Where the loop would wait for a file or a timer, time passes at once. Nothing here comes from outside."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise DeadlockError
        self.now_s += max(timeout, 0.0)
        return []


class VirtualClockLoop(asyncio.SelectorEventLoop):
    """Its `time()` begins with 0."""

    def __init__(self) -> None:
        self._clock = _NoWaiting()
        super().__init__(self._clock)

    def time(self) -> float:
        return self._clock.now_s


def run(work: Coroutine[Any, Any, _T]) -> _T:
    """The result of `work` in a loop of its own."""
    with asyncio.Runner(loop_factory=VirtualClockLoop) as runner:
        return runner.run(work)
