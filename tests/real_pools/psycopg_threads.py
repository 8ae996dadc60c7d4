"""psycopg_pool's ConnectionPool on a real PostgreSQL."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Self

from psycopg import Connection
from psycopg_pool import ConnectionPool, PoolTimeout

from tests.real_pools.threads import GaveUpError, Pool, clock


class TimedConnection(Connection[Any]):
    """Knows when it began to be opened."""

    begun_s: float

    @classmethod
    def connect(cls, conninfo: str = "", **options: Any) -> Self:
        begun_s = clock()
        connection = super().connect(conninfo, **options)
        connection.begun_s = begun_s
        return connection


@dataclass
class Opened:
    """Makes a new connection wait for `delay_s`, as a slow login does, and knows when each was opened."""

    delay_s: float
    begun_s: list[float] = field(default_factory=list)
    ready_s: dict[int, float] = field(default_factory=dict)

    def __call__(self, connection: TimedConnection) -> None:
        """The pool's `configure`, a part of opening a connection."""
        time.sleep(self.delay_s)
        self.begun_s.append(connection.begun_s)
        self.ready_s[connection.info.backend_pid] = clock()

    @property
    def times_s(self) -> list[float]:
        """What opening each took."""
        return [ready - begun for begun, ready in zip(self.begun_s, self.ready_s.values(), strict=True)]


@contextmanager
def opened_pool(dsn: str, opened: Opened, **settings: Any) -> Iterator[ConnectionPool[TimedConnection]]:
    """With its min_size connections."""
    with ConnectionPool(
        dsn, connection_class=TimedConnection, kwargs={"autocommit": True}, configure=opened, open=False, **settings
    ) as pool:
        pool.wait()
        yield pool


def facts(pool: ConnectionPool[TimedConnection], opened: Opened) -> Pool:
    return Pool(opened.begun_s, opened.ready_s, pool.timeout)


class Client:
    """One thread's, which holds its connection by a statement that takes so long."""

    def __init__(self, pool: ConnectionPool[TimedConnection]) -> None:
        self._pool = pool
        self._connection: TimedConnection | None = None

    def ask(self) -> int:
        try:
            self._connection = self._pool.getconn()
        except PoolTimeout as error:
            raise GaveUpError from error
        return self._connection.info.backend_pid

    def hold(self, seconds: float) -> None:
        assert self._connection is not None
        self._connection.execute("SELECT pg_sleep(%s)", (seconds,))

    def give_back(self) -> None:
        assert self._connection is not None
        self._pool.putconn(self._connection)

    def recover(self) -> None:
        """Nothing is broken."""
