"""psycopg_pool's ConnectionPool on a real PostgreSQL."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, Self

from psycopg import Connection
from psycopg_pool import ConnectionPool, PoolTimeout

from tests.real_pools.threads import GaveUpError, Observed, Pool, clock, drive


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
    took_s: list[float] = field(default_factory=list)
    done_s: list[float] = field(default_factory=list)
    ready_s: dict[int, float] = field(default_factory=dict)

    def __call__(self, connection: TimedConnection) -> None:
        """The pool's `configure`, a part of opening a connection."""
        time.sleep(self.delay_s)
        now_s = clock()
        self.took_s.append(now_s - connection.begun_s)
        self.done_s.append(now_s)
        self.ready_s[connection.info.backend_pid] = now_s


@contextmanager
def opened_pool(dsn: str, opened: Opened, **settings: Any) -> Iterator[ConnectionPool[TimedConnection]]:
    """With its min_size connections."""
    with ConnectionPool(
        dsn, connection_class=TimedConnection, kwargs={"autocommit": True}, configure=opened, open=False, **settings
    ) as pool:
        pool.wait()
        yield pool


def _facts(pool: ConnectionPool[TimedConnection], opened: Opened) -> Pool:
    return Pool(opened.done_s, opened.ready_s, pool.timeout)


CAPACITY: Final = 4
"""Of the pool whose size is fixed."""
LEAST: Final = 1
MOST: Final = 6
MAX_IDLE_S: Final = 0.05
"""Of the one that grows, and shrinks every 50 ms."""


class Growing(NamedTuple):
    """A run of a pool that grows."""

    seen: Observed
    opened: Opened


def observed_fixed(dsn: str, seconds: float, *, timeout_s: float) -> tuple[Observed, dict[str, int]]:
    """With thinks of 30 ms and holds of 20 ms; and the pool's own figures."""
    opened = Opened(0.0)
    with opened_pool(dsn, opened, min_size=CAPACITY, max_size=CAPACITY, timeout=timeout_s) as pool:
        clients = [Client(pool) for _ in range(12)]
        seen = drive(_facts(pool, opened), clients, think_s=0.03, hold_s=0.02, seconds=seconds)
        return seen, pool.get_stats()


def observed_growing(dsn: str, seconds: float) -> Growing:
    """With thinks of 80 ms, and holds of 30 ms: about what it takes to open a connection."""
    return _grown(dsn, seconds, think_s=0.08, hold_s=0.03, max_idle_s=MAX_IDLE_S)


def observed_burst(dsn: str) -> Growing:
    """Eight threads ask within a tenth of a second, and hold for longer than all connections take to open."""
    return _grown(dsn, 0.1, think_s=0.005, hold_s=0.3, max_idle_s=600.0)


def _grown(dsn: str, seconds: float, *, think_s: float, hold_s: float, max_idle_s: float) -> Growing:
    opened = Opened(0.03)
    with opened_pool(dsn, opened, min_size=LEAST, max_size=MOST, max_idle=max_idle_s) as pool:
        clients = [Client(pool) for _ in range(8)]
        seen = drive(_facts(pool, opened), clients, think_s=think_s, hold_s=hold_s, seconds=seconds)
    return Growing(seen, opened)


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
