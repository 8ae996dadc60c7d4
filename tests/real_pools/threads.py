"""Threads that think, ask for a connection, hold it and give it back: a closed load on whatever pool they share."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol

import numpy as np

from poolsize.queueing import Closed
from tests.real_pools.measured import Measured

clock: Final = time.perf_counter


class GaveUpError(Exception):
    """The pool's timeout."""


class Client(Protocol):
    """One thread's way to the pool."""

    def ask(self) -> int:
        """Wait for a connection, and say which it is; raises GaveUpError."""

    def hold(self, seconds: float) -> None:
        """For about so long, until just before it is given back."""

    def give_back(self) -> None:
        """The connection."""

    def recover(self) -> None:
        """From having given up."""


class Visit(NamedTuple):
    asked_s: float
    got_s: float
    """Or gave up."""
    done_s: float
    connection: int | None
    """None for one that gave up; it would have been done at `done_s`."""


class Customer(NamedTuple):
    """What one thread did until the end."""

    visits: list[Visit]
    thought_s: float
    """All of its thinks, the last one as far as it went."""


class Observed(NamedTuple):
    """A run, and what its load really was."""

    measured: Measured
    load: Closed


@dataclass(frozen=True)
class Pool:
    """What is to be known of the pool to tell its waits from what the machine adds to them."""

    opened_s: Sequence[float] = ()
    """When connections were opened, by `clock`; it may grow during the run."""
    ready_s: Mapping[int, float] = field(default_factory=dict)
    """From when on a connection that was opened in the background could be used; it may grow too."""
    timeout_s: float | None = None
    """How long one waits who gives up; None: until he knows."""


def drive(pool: Pool, clients: Sequence[Client], *, think_s: float, hold_s: float, seconds: float) -> Observed:
    """Exponential thinks and holds of these means by a thread for each client, until no more requests are made after
    so many `seconds`.

    A connection that somebody waits for is his from the moment it was given back, and held from then on, though the
    machine may take a while to wake him up: that is his handover, and no part of his wait.
    """
    begin_s = clock()

    def work(number: int) -> Customer:
        rng = random.Random(number)  # noqa: S311 - nothing secret is drawn
        return _customer(clients[number], rng, think_s, hold_s, begin_s + seconds)

    with ThreadPoolExecutor(len(clients)) as threads:
        customers = list(threads.map(work, range(len(clients))))
    visits = sorted(visit for customer in customers for visit in customer.visits)
    mean_think_s = sum(customer.thought_s for customer in customers) / len(visits)
    return Observed(_measured(pool, visits, begin_s), Closed(len(clients), mean_think_s))


def _customer(client: Client, rng: random.Random, think_s: float, hold_s: float, end_s: float) -> Customer:
    visits: list[Visit] = []
    thought_s, left_s = 0.0, clock()
    while True:
        time.sleep(rng.expovariate(1.0 / think_s))
        seconds = rng.expovariate(1.0 / hold_s)
        asked_s = clock()
        thought_s += max(min(asked_s, end_s) - left_s, 0.0)
        if asked_s > end_s:
            return Customer(visits, thought_s)
        try:
            connection = client.ask()
        except GaveUpError:
            left_s = clock()
            visits.append(Visit(asked_s, left_s, left_s + seconds, None))
            client.recover()
            continue
        got_s = clock()
        client.hold(seconds)
        left_s = clock()
        client.give_back()
        visits.append(Visit(asked_s, got_s, left_s, connection))


def _measured(pool: Pool, visits: Sequence[Visit], begin_s: float) -> Measured:
    asked, got = (np.array([visit[column] for visit in visits]) for column in range(2))
    granted, done = (np.array(times) for times in _held_s(pool, visits))
    is_late = np.array([visit.connection is None for visit in visits])
    return Measured(
        asked_s=asked - begin_s,
        wait_s=granted - asked,
        handover_s=got - granted,
        hold_s=done - np.where(is_late, got, granted),
        is_late=is_late,
        opened_s=np.array(sorted(opened - begin_s for opened in pool.opened_s if opened > begin_s)),
    )


def _held_s(pool: Pool, visits: Sequence[Visit]) -> tuple[list[float], list[float]]:
    """When each wait ended, and each hold."""
    granted_s = [
        visit.asked_s + (visit.got_s - visit.asked_s if pool.timeout_s is None else pool.timeout_s) for visit in visits
    ]
    done_s = [visit.done_s for visit in visits]
    free_s, last = dict(pool.ready_s), dict[int, int]()
    for number in sorted(range(len(visits)), key=lambda number: visits[number].got_s):
        visit = visits[number]
        if visit.connection is None:
            continue
        free = min(free_s.get(visit.connection, visit.asked_s), visit.got_s)
        if visit.connection in last:  # it was given back by then, though who did so may have known it later
            done_s[last[visit.connection]] = free
        granted_s[number] = max(free, visit.asked_s)
        last[visit.connection], free_s[visit.connection] = number, visit.done_s
    return granted_s, done_s
