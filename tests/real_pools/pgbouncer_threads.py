"""PgBouncer in transaction mode, in front of a real PostgreSQL."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
from psycopg.errors import ProtocolViolation

from tests.real_pools.threads import GaveUpError
from tests.servers import PgBouncerServer

ROLE = "trust"
_OPENING_S = 0.1
"""As long as this all server connections are in use at once, so that all are opened."""


class Client:
    """One thread's connection to PgBouncer. A transaction holds a connection to the server."""

    def __init__(self, pooler: PgBouncerServer) -> None:
        self._dsn = pooler.dsn(ROLE)
        self._connection = self._connected()

    def _connected(self) -> psycopg.Connection:
        return psycopg.connect(self._dsn, autocommit=True, prepare_threshold=None)

    def ask(self) -> int:
        try:
            cursor = self._connection.execute("BEGIN; SELECT pg_backend_pid()")
        except ProtocolViolation as error:
            raise GaveUpError from error
        cursor.nextset()
        row: Any = cursor.fetchone()
        return int(row[0])

    def hold(self, seconds: float) -> None:
        time.sleep(seconds)
        self._connection.execute("COMMIT")

    def give_back(self) -> None:
        """COMMIT did."""

    def recover(self) -> None:
        """PgBouncer closed the connection of a client that waited for too long."""
        self.close()
        self._connection = self._connected()

    def close(self) -> None:
        self._connection.close()

    def warm_up(self) -> None:
        self._connection.execute(f"SELECT pg_sleep({_OPENING_S})")


def clients(pooler: PgBouncerServer, count: int, pool_size: int) -> list[Client]:
    """So many, after which PgBouncer has all its connections to the server."""
    made = [Client(pooler) for _ in range(count)]
    with ThreadPoolExecutor(pool_size) as threads:
        while shown(pooler, "SHOW POOLS")["sv_idle"] < pool_size:
            list(threads.map(Client.warm_up, made[:pool_size]))
    return made


def shown(pooler: PgBouncerServer, command: str) -> dict[str, Any]:
    """What the console shows of the database."""
    with psycopg.connect(pooler.stats_dsn, autocommit=True) as console:
        cursor = console.execute(command.encode())
        names = [column.name for column in cursor.description or ()]
        rows = [dict(zip(names, row, strict=True)) for row in cursor]
    (app,) = (row for row in rows if row["database"] == "app")
    return app
