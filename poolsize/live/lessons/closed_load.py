"""Threads that ask a pool for a connection, use it, give it back, think, and ask again."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from poolsize.errors import PoolsizeError
from poolsize.live.guard import Guard
from poolsize.live.lab_requests import Way
from poolsize.live.lab_tally import clock


class Visit(NamedTuple):
    """One request. Seconds."""

    wait_s: float
    hold_s: float

    @property
    def response_s(self) -> float:
        return self.wait_s + self.hold_s


def visits(
    way: Way, work: Callable[[Any], None], guard: Guard, *, threads: int, think_s: float, seconds: float
) -> tuple[Sequence[Visit], float]:
    """Those that `threads` made, and the seconds from the first to the last. A request that fails is not among them,
    and is told to the guard, at whose word all end. Thinks are exponential, with this mean: without any, the thread
    that gives a connection back would take it again before one that waits has woken up."""
    ended = threading.Event()
    done: list[Visit] = []

    def client(number: int) -> None:
        rng = random.Random(number)  # noqa: S311 - nothing secret is drawn
        while not ended.wait(rng.expovariate(1.0 / think_s)) and not guard.stop.is_set():
            try:
                done.append(_visit(way, work))
                guard.done(1)
            except PoolsizeError as error:
                guard.failed(error)

    with ThreadPoolExecutor(threads) as running:
        start_s = clock()
        clients = [running.submit(client, number) for number in range(threads)]
        try:
            guard.wait(seconds)
        finally:
            ended.set()
    for one in clients:
        one.result()  # a mistake of this program's in a thread is raised here
    return done, clock() - start_s


def _visit(way: Way, work: Callable[[Any], None]) -> Visit:
    asked_s = clock()
    connection = way.take()
    got_s = clock()
    try:
        work(connection)
    finally:
        way.after_query(connection)
    return Visit(got_s - asked_s, clock() - got_s)
