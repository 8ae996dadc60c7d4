"""SQLAlchemy's QueuePool, for threads."""

from __future__ import annotations

import time
from itertools import count
from typing import Any, Final, NamedTuple

from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import PoolProxiedConnection, QueuePool

from tests.real_pools.threads import GaveUpError, Observed, Pool, clock, drive


class Connection:
    """A DBAPI connection of which nothing is asked: the pool is what is tried."""

    def __init__(self, number: int) -> None:
        self.number = number

    def rollback(self) -> None:
        """The pool's reset on return."""

    def close(self) -> None:
        """By the pool, where enough are idle."""


class Opened:
    """Makes connections, and knows when."""

    def __init__(self) -> None:
        self.times_s: list[float] = []
        self._numbers = count()

    def __call__(self) -> Connection:
        self.times_s.append(clock())
        return Connection(next(self._numbers))


def filled_pool(opened: Opened, capacity: int, pool_size: int, timeout_s: float) -> QueuePool:
    """With as many connections open as it keeps."""
    pool = QueuePool(
        opened,  # type: ignore[arg-type]  # of a DBAPI connection it has what the pool uses
        pool_size=pool_size,
        max_overflow=capacity - pool_size,
        timeout=timeout_s,
    )
    for checkout in [pool.connect() for _ in range(pool_size)]:
        checkout.close()
    return pool


class Case(NamedTuple):
    """A pool and its load."""

    threads: int
    capacity: int
    pool_size: int
    think_s: float
    timeout_s: float = 30.0

    @property
    def settings(self) -> dict[str, Any]:
        return {"timeout_s": self.timeout_s, "pool_size": self.pool_size}


CASES: Final = {
    "waits": Case(12, 4, 4, 0.03),
    "timeouts": Case(12, 4, 4, 0.03, 0.02),
    "overflow": Case(8, 4, 2, 0.04),
}


def observed(case: Case, seconds: float) -> Observed:
    """With holds of 20 ms."""
    opened = Opened()
    pool = filled_pool(opened, case.capacity, case.pool_size, case.timeout_s)
    clients = [Client(pool) for _ in range(case.threads)]
    facts = Pool(opened.times_s, timeout_s=case.timeout_s)
    return drive(facts, clients, think_s=case.think_s, hold_s=0.02, seconds=seconds)


class Client:
    """One thread's."""

    def __init__(self, pool: QueuePool) -> None:
        self._pool = pool
        self._checkout: PoolProxiedConnection | None = None

    def ask(self) -> int:
        try:
            self._checkout = self._pool.connect()
        except PoolTimeoutError as error:
            raise GaveUpError from error
        connection = self._checkout.dbapi_connection
        assert isinstance(connection, Connection)
        return connection.number

    def hold(self, seconds: float) -> None:
        time.sleep(seconds)

    def give_back(self) -> None:
        assert self._checkout is not None
        self._checkout.close()

    def recover(self) -> None:
        """Nothing is broken."""
