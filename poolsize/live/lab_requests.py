"""Requests that are all under way at once, each a thread of this process with its own moment in the database."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any, Final, Protocol

from poolsize.datatypes import Value
from poolsize.errors import UsageError
from poolsize.live.lab_tally import Served, Tally, clock
from poolsize.live.lab_work import SLICE_S

TOLD_S: Final = 0.1
"""Between two looks at how far the run is: a person sees no more than that."""
GRACE_S: Final = 2 * SLICE_S
"""After a stop, statements may come to their ends for so long; then they are broken off."""


class Crowd(Value, frozen=True):
    """`requests` that begin at the same moment. Seconds."""

    requests: int
    request_time_s: float
    """How long one lives, were there nobody else."""
    hold_s: float
    """The part of it that it spends in the database, in one stretch."""
    seed: int = 0

    def first_query_s(self) -> list[float]:
        """When in its life each request has its query: anywhere, since requests that are under way at the same time
        are not at the same place in their code."""
        rng = random.Random(self.seed)  # noqa: S311 - nothing secret is drawn
        return [rng.uniform(0.0, self.request_time_s - self.hold_s) for _ in range(self.requests)]


class Way(Protocol):
    """How a request gets its connection and when it lets go of it. The methods may raise what the driver raises."""

    def take(self) -> Any:
        """At the request's first query."""

    def after_query(self, connection: Any) -> bool:
        """The database has done its part: whether the connection has been given back."""

    def after_request(self, connection: Any) -> None:
        """The request ends."""

    def close(self) -> None:
        """Nobody needs it any more."""


class Run:
    """One crowd on one way. `work` keeps a connection busy for the crowd's hold; `failures` are the exceptions that are
    results, told by `failed`; `stop` ends it early, `interrupted` is told of what else does, and `abort` makes whoever
    still waits for the server go on."""

    def __init__(
        self,
        crowd: Crowd,
        way: Way,
        work: Callable[[Any], None],
        *,
        tally: Tally,
        failures: tuple[type[Exception], ...],
        failed: Callable[[Exception], None],
        stop: threading.Event,
        interrupted: Callable[[BaseException], None],
        abort: Callable[[], None],
    ) -> None:
        self._crowd = crowd
        self._way = way
        self._work = work
        self._tally = tally
        self._failures = failures
        self._failed = failed
        self._stop = stop
        self._interrupted = interrupted
        self._abort = abort
        self._begun = threading.Event()

    def to_its_end(self, tell: Callable[[], None]) -> None:
        """All requests, each once. `tell` is called every tenth of a second, in this thread, and may raise to end the
        run. Raises UsageError where this machine allows no such number of threads."""
        under_way: list[Future[None]] = []
        with ThreadPoolExecutor(self._crowd.requests) as threads:
            try:
                self._submit(threads, under_way)
                self._tally.begin()
                self._begun.set()
                while wait(under_way, TOLD_S).not_done and not self._stop.is_set():
                    tell()
            except BaseException as error:
                self._interrupted(error)
                raise
            finally:
                self._let_go(under_way)
        for one in under_way:
            one.result()  # a mistake of this program's in a thread is raised here

    def _submit(self, threads: ThreadPoolExecutor, under_way: list[Future[None]]) -> None:
        try:
            for first_query_s in self._crowd.first_query_s():
                under_way.append(threads.submit(self._one, first_query_s))  # noqa: PERF401 - each is there at once
        except RuntimeError:
            requests = self._crowd.requests
            raise UsageError(f"This machine allows no {requests} threads at once: ask for fewer requests.") from None

    def _let_go(self, under_way: list[Future[None]]) -> None:
        """Nobody is left, however it ended."""
        if all(one.done() for one in under_way):
            return
        self._stop.set()
        self._begun.set()
        if wait(under_way, GRACE_S).not_done:
            self._abort()

    def _one(self, first_query_s: float) -> None:
        self._begun.wait()
        start_s = clock()
        if self._stop.wait(first_query_s):
            return
        try:
            self._serve(start_s, first_query_s)
        except self._failures as error:
            self._failed(error)

    def _serve(self, start_s: float, first_query_s: float) -> None:
        asked_s = clock()
        connection = self._way.take()
        try:
            got_s = clock()
            try:
                self._work(connection)
            finally:
                is_given_back = self._way.after_query(connection)
            given_back_s = clock()
            is_stopped = self._stop.wait(self._crowd.request_time_s - self._crowd.hold_s - first_query_s)
        finally:
            self._way.after_request(connection)
        end_s = clock()
        if not is_stopped:
            held_s = (given_back_s if is_given_back else end_s) - got_s
            self._tally.serve(Served(end_s - start_s, got_s - asked_s, held_s))
