"""SQLAlchemy's QueuePool, as `create_engine` makes it, with threads."""

from __future__ import annotations

from itertools import count
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import PoolProxiedConnection, QueuePool

from poolsize.datatypes import Settings
from poolsize.live.pools.pool import Book, GaveUpError, Order, Returned, Work, clock

DRIVERS: Final = {"postgresql": "postgresql+psycopg", "mysql": "mysql+pymysql", "mariadb": "mariadb+pymysql"}
NUMBER: Final = "poolsize_number"
"""What a connection is known by, in the notes that SQLAlchemy keeps with it."""


def pool_arguments(settings: Settings) -> dict[str, Any]:
    """Those of `create_engine`."""
    return {
        "pool_size": settings.pool_size,
        "max_overflow": settings.max_overflow,
        "pool_timeout": settings.pool_timeout_s,
        "pool_recycle": settings.pool_recycle_s or -1,
        "pool_pre_ping": settings.pool_pre_ping,
    }


def watch(pool: sa.Pool, returned: Returned) -> None:
    """Number the connections, and note when one goes back: after SQLAlchemy's rollback, just before it is anybody's."""
    numbers = count()

    def number(_connection: object, record: Any) -> None:
        record.info[NUMBER] = next(numbers)

    def note(_connection: object, _record: object) -> None:
        returned.at_s = clock()

    sa.event.listen(pool, "connect", number)
    sa.event.listen(pool, "checkin", note)


class ThreadedEngine:
    """An engine, of which only the pool is used."""

    def __init__(self, order: Order) -> None:
        self.book = Book()
        self._order = order
        self._returned = Returned()
        self._engine = sa.create_engine(
            f"{DRIVERS[order.dialect]}://", creator=self._opened, poolclass=QueuePool, **pool_arguments(order.settings)
        )
        watch(self._engine.pool, self._returned)
        try:
            self._fill(order.settings.pool_size)
        except BaseException:
            self._engine.dispose()
            raise

    def _opened(self) -> Any:
        begun_s = clock()
        connection = self._order.connect()
        self.book.opens(begun_s, _session(connection))
        return connection

    def _fill(self, kept: int) -> None:
        checkouts: list[PoolProxiedConnection] = []
        try:
            checkouts.extend(self._engine.raw_connection() for _ in range(kept))
        finally:
            for checkout in checkouts:
                checkout.close()

    def client(self) -> ThreadedClient:
        return ThreadedClient(self._engine, self._returned, self._order.work)

    def close(self) -> None:
        self._engine.dispose()


class ThreadedClient:
    """One thread's."""

    def __init__(self, engine: sa.Engine, returned: Returned, work: Work) -> None:
        self._engine, self._returned, self._work = engine, returned, work
        self._checkout: PoolProxiedConnection | None = None

    def ask(self) -> int:
        try:
            self._checkout = self._engine.raw_connection()
        except PoolTimeoutError as error:
            raise GaveUpError from error
        return int(self._checkout.info[NUMBER])

    def hold(self, seconds: float) -> None:
        cursor = _of(self._checkout).cursor()
        cursor.execute(self._work.statement, self._work.parameters(seconds))
        cursor.close()

    def give_back(self) -> float:
        _of(self._checkout).close()
        self._checkout = None
        return self._returned.at_s

    def recover(self) -> None:
        """A connection whose work failed is closed, not given to the next."""
        if self._checkout is not None:
            self._checkout.invalidate()
            self._checkout = None

    def close(self) -> None:
        """The engine has all that is open."""


def _of(checkout: PoolProxiedConnection | None) -> PoolProxiedConnection:
    assert checkout is not None  # noqa: S101 - asked for before it is used
    return checkout


def _session(connection: Any) -> int:
    """What the server calls it, by psycopg or PyMySQL."""
    return int(connection.info.backend_pid if hasattr(connection, "info") else connection.thread_id())
