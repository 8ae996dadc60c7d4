"""SQLAlchemy's AsyncAdaptedQueuePool under load, in an event loop with a virtual clock."""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import numpy as np
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import AsyncAdaptedQueuePool, PoolProxiedConnection
from sqlalchemy.util import await_only, greenlet_spawn

from poolsize.queueing import Closed, Hold, Open
from poolsize.simulate import Trace
from tests.real_pools.measured import Measured
from tests.real_pools.virtual_clock import run


class Case(NamedTuple):
    """A pool and its load."""

    load: Open | Closed
    hold: Hold
    capacity: int
    pool_size: int
    timeout_s: float = math.inf
    setup_s: float = 0.0

    @property
    def settings(self) -> dict[str, Any]:
        return {"pool_size": self.pool_size, "timeout_s": self.timeout_s, "setup_s": self.setup_s}


EXPONENTIAL: Final = {
    "patient": Case(Open(8.0), Hold(1.0), 10, 10),
    "timeout": Case(Open(8.0), Hold(1.0), 10, 5, 0.5),
    "overload": Case(Open(10.5), Hold(1.0), 10, 2, 1.0),
    "threads": Case(Closed(20, 1.0), Hold(1.0), 10, 5),
    "threads, timeout": Case(Closed(20, 1.0), Hold(1.0), 10, 5, 0.5),
}
OTHERS: Final = {
    "lognormal": Case(Open(7.0), Hold(1.0, 4.0), 10, 10),
    "lognormal, timeout": Case(Open(8.0), Hold(1.0, 4.0), 10, 5, 0.5),
    "lognormal, threads": Case(Closed(20, 1.0), Hold(1.0, 4.0), 10, 5, 0.5),
    "set-up": Case(Open(8.0), Hold(1.0), 10, 2, 0.5, 0.2),
}
CASES: Final = EXPONENTIAL | OTHERS


class Connection:
    """A DBAPI connection of which nothing is asked: the pool is what is tried."""

    def __init__(self, begun_s: float) -> None:
        self._begun_s = begun_s

    def rollback(self) -> None:
        """The pool's reset on return."""

    def close(self) -> None:
        """By the pool, where enough are idle."""

    def granted(self, now_s: float) -> float:
        """When the wait for it ended: for who opened it, before that."""
        granted_s, self._begun_s = min(self._begun_s, now_s), math.inf
        return granted_s


class Visit(NamedTuple):
    asked_s: float
    wait_s: float
    hold_s: float
    is_late: bool


@dataclass
class Run:
    """One pool with its load."""

    capacity: int
    pool_size: int
    timeout_s: float
    setup_s: float
    draw_hold: Callable[[], float]
    visits: list[Visit] = field(default_factory=list)
    opened_s: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._pool = AsyncAdaptedQueuePool(
            self._opened,  # type: ignore[arg-type]  # of a DBAPI connection it has what the pool uses
            pool_size=self.pool_size,
            max_overflow=self.capacity - self.pool_size,
            timeout=self.timeout_s,
        )

    def _opened(self) -> Connection:
        begun_s = asyncio.get_running_loop().time()
        self.opened_s.append(begun_s)
        if self.setup_s > 0.0:
            await_only(asyncio.sleep(self.setup_s))
        return Connection(begun_s)

    async def visit(self, hold_s: float) -> None:
        """One request: a checkout, a hold, and the return."""
        loop = asyncio.get_running_loop()
        asked_s = loop.time()
        try:
            checkout = await greenlet_spawn(self._pool.connect)
        except PoolTimeoutError:
            self.visits.append(Visit(asked_s, loop.time() - asked_s, hold_s, is_late=True))
            return
        granted_s = _connection_of(checkout).granted(loop.time())
        self.visits.append(Visit(asked_s, granted_s - asked_s, hold_s, is_late=False))
        await asyncio.sleep(hold_s)
        await greenlet_spawn(checkout.close)

    async def fill(self) -> None:
        """Let it have as many connections open as it keeps."""
        checkouts = [await greenlet_spawn(self._pool.connect) for _ in range(self.pool_size)]
        for checkout in checkouts:
            _connection_of(checkout).granted(math.inf)
            await greenlet_spawn(checkout.close)
        self.opened_s.clear()

    async def open_load(self, rng: random.Random, rate_per_s: float, requests: int) -> None:
        await self.fill()
        async with asyncio.TaskGroup() as under_way:
            for _ in range(requests):
                await asyncio.sleep(rng.expovariate(rate_per_s))
                under_way.create_task(self.visit(self.draw_hold()))

    async def recorded_load(self, trace: Trace) -> None:
        await self.fill()
        loop = asyncio.get_running_loop()
        async with asyncio.TaskGroup() as under_way:
            for arrival_s, hold_s in zip(trace.arrivals_s, trace.holds_s or (), strict=True):
                await asyncio.sleep(arrival_s - loop.time())
                under_way.create_task(self.visit(hold_s))

    async def closed_load(self, rng: random.Random, load: Closed, requests: int) -> None:
        async def customer() -> None:
            while len(self.visits) < requests:
                await asyncio.sleep(rng.expovariate(1.0 / load.think_s))
                await self.visit(self.draw_hold())

        async with asyncio.TaskGroup() as customers:
            await self.fill()
            for _ in range(load.threads):
                customers.create_task(customer())


def drive(
    load: Open | Closed | Trace,
    hold: Hold,
    capacity: int,
    *,
    pool_size: int,
    requests: int = 0,
    timeout_s: float = math.inf,
    setup_s: float = 0.0,
) -> Measured:
    """So many requests, or those of a trace with their own holds, at a fresh pool that has `pool_size` connections
    open."""
    rng: Final = random.Random(0)  # noqa: S311 - nothing secret is drawn
    pool = Run(capacity, pool_size, timeout_s, setup_s, _drawn(hold, rng))
    if isinstance(load, Trace):
        run(pool.recorded_load(load))
    elif isinstance(load, Open):
        run(pool.open_load(rng, load.rate_per_s, requests))
    else:
        run(pool.closed_load(rng, load, requests))
    asked_s, wait_s, hold_s, is_late = (np.array(column) for column in zip(*sorted(pool.visits), strict=True))
    return Measured(asked_s, wait_s, np.zeros(len(asked_s)), hold_s, is_late, np.array(pool.opened_s))


def _connection_of(checkout: PoolProxiedConnection) -> Connection:
    assert isinstance(checkout.dbapi_connection, Connection)
    return checkout.dbapi_connection


def _drawn(hold: Hold, rng: random.Random) -> Callable[[], float]:
    if hold.law_name == "exponential":
        return lambda: rng.expovariate(1.0 / hold.mean_s)
    assert hold.law_name == "lognormal"
    sigma = math.sqrt(math.log1p(hold.scv))
    return lambda: rng.lognormvariate(math.log(hold.mean_s) - sigma**2 / 2.0, sigma)
