"""psycopg_pool's ConnectionPool, with threads."""

from __future__ import annotations

from typing import Any, Final, Self

from psycopg import Connection
from psycopg_pool import ConnectionPool, PoolTimeout

from poolsize.live.pools.pool import Book, GaveUpError, Order, Work, clock

_READY_S: Final = 30.0
"""For the connections that it keeps to be there, its own default."""


class TimedConnection(Connection[Any]):
    """Knows when it began to be opened."""

    begun_s: float

    @classmethod
    def connect(cls, conninfo: str = "", **options: Any) -> Self:
        begun_s = clock()
        connection = super().connect(conninfo, **options)
        connection.begun_s = begun_s
        return connection


class PsycopgPool:
    """With pool_size as its min_size, and all of the capacity as its max_size."""

    def __init__(self, order: Order) -> None:
        self.book = Book()
        self._work = order.work
        self._pool: ConnectionPool[TimedConnection] = ConnectionPool(
            order.conninfo,
            connection_class=TimedConnection,
            kwargs=order.options,
            configure=self._note,
            min_size=order.settings.pool_size,
            max_size=order.settings.capacity,
            timeout=order.settings.pool_timeout_s,
            open=False,
        )
        try:
            self._pool.open(wait=True, timeout=_READY_S)
        except BaseException:
            self._pool.close()
            raise

    def _note(self, connection: TimedConnection) -> None:
        """Each connection that it opens, when it is ready."""
        self.book.opens(connection.begun_s, connection.info.backend_pid)
        self.book.ready_s[connection.info.backend_pid] = self.book.opened_s[-1]

    def client(self) -> PsycopgClient:
        return PsycopgClient(self._pool, self._work)

    def close(self) -> None:
        self._pool.close()


class PsycopgClient:
    """One thread's, which does what the pool's own `with pool.connection()` does."""

    def __init__(self, pool: ConnectionPool[TimedConnection], work: Work) -> None:
        self._pool, self._work = pool, work
        self._connection: TimedConnection | None = None

    def ask(self) -> int:
        try:
            self._connection = self._pool.getconn()
        except PoolTimeout as error:
            raise GaveUpError from error
        return self._connection.info.backend_pid

    def hold(self, seconds: float) -> None:
        _of(self._connection).execute(self._work.statement.encode(), self._work.parameters(seconds))

    def give_back(self) -> float:
        connection, self._connection = _of(self._connection), None
        connection.commit()
        free_s = clock()
        self._pool.putconn(connection)
        return free_s

    def recover(self) -> None:
        """The pool replaces a connection that is closed."""
        if self._connection is not None:
            connection, self._connection = self._connection, None
            connection.close()
            self._pool.putconn(connection)

    def close(self) -> None:
        """The pool has all that is open."""


def _of(connection: TimedConnection | None) -> TimedConnection:
    assert connection is not None  # noqa: S101 - asked for before it is used
    return connection
