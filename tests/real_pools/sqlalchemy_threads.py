"""SQLAlchemy's QueuePool, for threads."""

from __future__ import annotations

import time
from itertools import count

from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import PoolProxiedConnection, QueuePool

from tests.real_pools.threads import GaveUpError, clock


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
