"""PgBouncer in transaction mode, of which each thread is a client."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from psycopg import Connection
from psycopg.errors import ProtocolViolation

from poolsize.live.pools.pool import Book, GaveUpError, Order, Work, clock

_OPENING_S: Final = 0.1
"""So long a first round of statements lasts, in which all server connections are in use at once, so that PgBouncer
opens them: longer than a login takes."""
_ROUNDS: Final = 20
"""It opens one at a time, so that a few rounds may be needed."""


class PoolerClients:
    """The way to a PgBouncer. It keeps its server connections for its own server_idle_timeout, so that a pool that was
    once full stays so."""

    def __init__(self, order: Order) -> None:
        self.book = Book()
        self._order = order
        self._fill(order.settings.capacity)

    def _fill(self, capacity: int) -> None:
        clients = [self.client() for _ in range(capacity)]
        try:
            with ThreadPoolExecutor(capacity) as threads:
                for _ in range(_ROUNDS):
                    seen = set(threads.map(PoolerClient.warm_up, clients))
                    if len(seen) >= capacity:
                        return
        finally:
            for client in clients:
                client.close()

    def client(self) -> PoolerClient:
        return PoolerClient(self._order, self.book.sessions)

    def close(self) -> None:
        """Each client has its own."""


class PoolerClient:
    """One thread's connection to PgBouncer. A transaction holds a connection to the server."""

    def __init__(self, order: Order, seen: set[int]) -> None:
        self._order, self._seen = order, seen
        self._work: Work = order.work
        self._connection = self._connected()

    def _connected(self) -> Connection[Any]:
        # PgBouncer before 1.21 keeps no prepared statements.
        return Connection.connect(self._order.conninfo, autocommit=True, prepare_threshold=None)

    def ask(self) -> int:
        try:
            cursor = self._connection.execute(f"{self._order.begin}; SELECT pg_backend_pid() AS pid".encode())
        except ProtocolViolation as error:  # 08P01, query_wait_timeout
            raise GaveUpError from error
        while cursor.nextset():
            pass  # to the last of its statements
        row: Any = cursor.fetchone()
        self._seen.add(int(row[0]))
        return int(row[0])

    def hold(self, seconds: float) -> None:
        self._connection.execute(self._work.statement.encode(), self._work.parameters(seconds))

    def give_back(self) -> float:
        self._connection.execute("COMMIT")
        return clock()

    def recover(self) -> None:
        """PgBouncer closes the connection of a client that waited for too long."""
        self._connection.close()
        self._connection = self._connected()

    def close(self) -> None:
        self._connection.close()

    def warm_up(self) -> int:
        """Hold a connection to the server, and say which."""
        row: Any = self._connection.execute("SELECT pg_backend_pid() FROM pg_sleep(%s)", (_OPENING_S,)).fetchone()
        return int(row[0])
