"""A load on a pool by threads: a closed one, or arrivals that each find a thread."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

from poolsize.live.pools.pool import Client, GaveUpError, OpenPool, clock
from poolsize.live.verify_load import SPARE, Arrivals, Turns
from poolsize.live.verify_visits import Log, Visit

_JOIN_S: Final = 0.2
"""How often the main thread looks whether it was interrupted."""


class Threads:
    """Requests by threads until `stop` is set or there are no more."""

    def __init__(self, pool: OpenPool, log: Log, stop: threading.Event, on_error: Callable[[Exception], None]) -> None:
        self._pool, self._log, self._stop, self._on_error = pool, log, stop, on_error
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._next = 0
        self._waiting = 0
        self._most = 0

    def run_closed(self, turns: list[Turns], seconds: float) -> None:
        """One thread for each; they make requests for so many seconds."""
        end_s = self._log.begin_s + seconds
        for one in turns:
            self._start(self._customer, one, end_s)
        self._join()

    def run_open(self, arrivals: Arrivals, most: int) -> None:
        """Each arrival by a thread that waits for it, by at most so many."""
        self._most = most
        for _ in range(min(SPARE, most)):
            self._start(self._server, arrivals)
        self._join()

    def _start(self, target: Callable[..., None], *arguments: object) -> None:
        # Daemons, so that one that the server keeps cannot keep the program.
        thread = threading.Thread(target=self._guarded, args=(target, *arguments), daemon=True)
        self._threads.append(thread)
        thread.start()

    def _guarded(self, target: Callable[..., None], *arguments: object) -> None:
        try:
            client = self._pool.client()
        except Exception as error:
            self._failed(error)
            return
        try:
            target(client, *arguments)
        finally:
            client.close()

    def _join(self) -> None:
        """A thread may start another while it is waited for."""
        for thread in self._threads:
            while thread.is_alive():
                thread.join(_JOIN_S)

    def _customer(self, client: Client, turns: Turns, end_s: float) -> None:
        due_s = clock()
        while True:
            due_s += next(turns.thinks_s)
            if due_s > end_s or self._stop.wait(max(due_s - clock(), 0.0)):
                return
            self._visit(client, due_s, next(turns.holds_s))
            due_s = clock()

    def _server(self, client: Client, arrivals: Arrivals) -> None:
        while True:
            number = self._taken(len(arrivals.due_s))
            if number is None:
                return
            due_s = self._log.begin_s + float(arrivals.due_s[number])
            is_stopped = self._stop.wait(max(due_s - clock(), 0.0))
            if self._left(len(arrivals.due_s)):
                self._start(self._server, arrivals)
            if is_stopped:
                return
            self._visit(client, due_s, float(arrivals.holds_s[number]))

    def _taken(self, count: int) -> int | None:
        """The next arrival."""
        with self._lock:
            if self._next >= count:
                return None
            self._waiting += 1
            self._next += 1
            return self._next - 1

    def _left(self, count: int) -> bool:
        """One thread no longer waits for its arrival; says whether another is needed."""
        with self._lock:
            self._waiting -= 1
            is_needed = self._waiting < SPARE and self._next < count and len(self._threads) < self._most
            return is_needed and not self._stop.is_set()

    def _visit(self, client: Client, due_s: float, hold_s: float) -> None:
        asked_s = clock()
        try:
            try:
                connection = client.ask()
            except GaveUpError:
                left_s = clock()
                self._log.append(Visit(due_s, asked_s, left_s, left_s, None))
                client.recover()
                return
            got_s = clock()
            client.hold(hold_s)
            done_s = client.give_back()
            self._log.append(Visit(due_s, asked_s, got_s, done_s, connection))
        except Exception as error:
            self._failed(error)
            self._recover(client)

    def _recover(self, client: Client) -> None:
        try:
            client.recover()
        except Exception as error:
            self._failed(error)

    def _failed(self, error: Exception) -> None:
        with self._lock:
            self._log.failed(error)
        self._on_error(error)
