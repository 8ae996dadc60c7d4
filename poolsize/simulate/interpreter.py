"""One Python process: its threads take turns at the lock of the interpreter."""

from __future__ import annotations

from collections import deque
from typing import Any, Final

from poolsize.simulate.events import Action, Events

SWITCH_INTERVAL_S: Final = 5e-3
"""After so long a thread that waits for the lock makes the one that has it let go: sys.getswitchinterval() of
CPython, 3.2 and later."""


class Interpreter:
    """Threads that are ready to run do so in the order in which they became ready, one at a time, for at most a switch
    interval before the next has its turn. Waiting for a database or for a pool needs no lock."""

    def __init__(self, events: Events) -> None:
        self._events = events
        self._ready: Final[deque[tuple[float, Action, Any]]] = deque()
        self._is_running = False

    def run(self, seconds: float, action: Action, subject: Any) -> None:
        """`action(subject)` by a thread that becomes ready now and has computed so long before."""
        self._ready.append((seconds, action, subject))
        if not self._is_running:
            self._is_running = True
            self._turn(None)

    def _turn(self, _: None) -> None:
        """Actions that need no time follow each other at once."""
        ready = self._ready
        while ready:
            seconds, action, subject = ready.popleft()
            if seconds > SWITCH_INTERVAL_S:
                self._events.after(SWITCH_INTERVAL_S, self._yield, (seconds - SWITCH_INTERVAL_S, action, subject))
                return
            if seconds > 0.0:
                self._events.after(seconds, self._finish, (action, subject))
                return
            action(subject)
        self._is_running = False

    def _yield(self, rest: tuple[float, Action, Any]) -> None:
        self._ready.append(rest)
        self._turn(None)

    def _finish(self, last: tuple[Action, Any]) -> None:
        action, subject = last
        action(subject)
        self._turn(None)
