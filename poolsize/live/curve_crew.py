"""The connections of one process, and threads that keep so many of them busy for a while."""

from __future__ import annotations

import random
import threading
import time
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from poolsize.errors import DatabaseError, UnreachableError
from poolsize.live.statements import Mix
from poolsize.live.target import Target

_AFTER_ERROR_S: Final = 0.01
"""A statement that fails at once would otherwise be tried thousands of times a second."""
_END_S: Final = 0.5
"""How long a thread may take to finish its operation after the end, before its connection is cut."""


@dataclass(frozen=True)
class Window:
    """When a run is measured, by time.time(), which other processes share."""

    begins_at: float
    seconds: float
    warm_s: float
    """Load that is not measured before it."""


@dataclass
class Tally:
    """What came of a run: of the operations that ended within its window."""

    latencies_s: list[float] = field(default_factory=list)
    errors: int = 0
    last_error: str = ""
    client_share: float = 0.0
    """Of the time of the busiest client process that it worked itself, warming up included."""

    def add(self, other: Tally) -> None:
        """Another thread's or process's of the same run."""
        self.latencies_s += other.latencies_s
        self.errors += other.errors
        self.last_error = other.last_error or self.last_error
        self.client_share = max(self.client_share, other.client_share)


class Crew(Protocol):
    """Connections that can be kept busy; those that were lost are opened again by `grow`."""

    def grow(self, connections: int) -> None:
        """Open connections until there are so many. Raises the children of DatabaseError."""

    def begin(self, connections: int, window: Window) -> None:
        """Keep so many of them busy from now until the window's end."""

    def finish(self) -> Tally:
        """Wait for that end; what was measured."""

    def halt(self) -> None:
        """End what is under way; from another thread too."""

    def close(self) -> None:
        """Close all connections, whatever they do."""


class ThreadCrew:
    """See `Crew`: in this process, a thread for each busy connection."""

    def __init__(self, target: Target, mix: Mix, seed: int) -> None:
        self._target, self._mix, self._seed = target, mix, seed
        self._connections: list[Any] = []
        self._lost: list[Any] = []
        self._halted = threading.Event()
        self._threads: list[threading.Thread] = []
        self._tallies: list[Tally] = []
        self._end_s = 0.0
        self._cpu_s = self._start_s = 0.0
        self._runs = 0

    def grow(self, connections: int) -> None:
        while self._lost:
            gone = self._lost.pop()
            self._connections.remove(gone)
            self._target.close(gone)
        while len(self._connections) < connections:
            self._connections.append(self._target.connect())

    def begin(self, connections: int, window: Window) -> None:
        now = time.perf_counter()
        start_s = now + window.begins_at - time.time() + window.warm_s
        self._end_s = start_s + window.seconds
        self._cpu_s, self._start_s = time.process_time(), now
        self._runs += 1
        self._tallies = [Tally() for _ in range(connections)]
        busy = zip(self._connections, self._tallies, strict=False)
        self._threads = [
            threading.Thread(target=self._work, args=(number, connection, tally, start_s), daemon=True)
            for number, (connection, tally) in enumerate(busy)
        ]
        for thread in self._threads:
            thread.start()

    def _work(self, number: int, connection: Any, tally: Tally, start_s: float) -> None:
        source = random.Random(hash((self._seed, self._runs, number)))  # noqa: S311 - no secret
        run, draw, clock, halted, end_s = self._target.run, self._mix.draw, time.perf_counter, self._halted, self._end_s
        begun = clock()
        while begun < end_s and not halted.is_set():
            statement, parameters = draw(source)
            try:
                run(connection, statement, parameters)
            except DatabaseError as error:
                tally.errors += 1
                tally.last_error = error.message
                if isinstance(error, UnreachableError):
                    self._lost.append(connection)
                    return
                halted.wait(_AFTER_ERROR_S)
                begun = clock()
                continue
            ended = clock()
            if start_s <= ended < end_s:
                tally.latencies_s.append(ended - begun)
            begun = ended

    def finish(self) -> Tally:
        deadline = self._end_s + _END_S + self._target.reach.statement_timeout_s
        for thread in self._threads:
            while thread.is_alive() and not self._halted.is_set() and time.perf_counter() < deadline:
                thread.join(_END_S)
        self._cut()
        spent_s = time.perf_counter() - self._start_s
        found = Tally(client_share=(time.process_time() - self._cpu_s) / spent_s)
        for tally in self._tallies:
            found.add(tally)
        return found

    def _cut(self) -> None:
        """Threads that still wait for the server get an error instead."""
        end = time.perf_counter() + _END_S
        for thread in self._threads:
            thread.join(max(end - time.perf_counter(), 0.0))
        if any(thread.is_alive() for thread in self._threads):
            for connection in self._connections:
                self._target.abort(connection)
        for thread in self._threads:
            thread.join()
        self._threads = []

    def halt(self) -> None:
        self._halted.set()

    def close(self) -> None:
        self.halt()
        self._cut()
        for connection in self._connections:
            self._target.close(connection)
        self._connections = []
