"""PgBouncer in transaction mode, in front of a real PostgreSQL."""

from __future__ import annotations

import math
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, NamedTuple

import psycopg
from psycopg.errors import ProtocolViolation

from tests.real_pools.threads import GaveUpError, Observed, Pool, drive
from tests.servers import PgBouncerServer, PostgresServer, started_pgbouncer

CAPACITY: Final = 4
_OPENING_S: Final = 0.1
"""As long as this all server connections are in use at once, so that all are opened."""


class Client:
    """One thread's connection to PgBouncer. A transaction holds a connection to the server."""

    def __init__(self, pooler: PgBouncerServer) -> None:
        self._dsn = pooler.dsn("trust")
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


class Case(NamedTuple):
    """A load on a pool of CAPACITY connections."""

    clients: int
    think_s: float
    hold_s: float
    timeout_s: float = math.inf

    @property
    def settings(self) -> dict[str, Any]:
        return {"timeout_s": self.timeout_s, "pool_size": CAPACITY, "semantics": "pgbouncer"}


PATIENT: Final = Case(12, 0.03, 0.02)
IMPATIENT: Final = Case(32, 0.1, 0.08, 0.5)


class Pooled(NamedTuple):
    """A run, and what SHOW STATS counted of it."""

    seen: Observed
    transactions: int
    waited_s: float


def observed(server: PostgresServer, case: Case, seconds: float) -> Pooled:
    """At a PgBouncer of its own."""
    wait_timeout = "0" if case.timeout_s == math.inf else f"{case.timeout_s:g}"
    with started_pgbouncer(server, default_pool_size=CAPACITY, query_wait_timeout=wait_timeout) as pooler:
        made = clients(pooler, case.clients, CAPACITY)
        before = shown(pooler, "SHOW STATS")
        seen = drive(Pool(), made, think_s=case.think_s, hold_s=case.hold_s, seconds=seconds)
        after = shown(pooler, "SHOW STATS")
        for client in made:
            client.close()
    transactions, waited_us = (after[name] - before[name] for name in ("total_xact_count", "total_wait_time"))
    return Pooled(seen, int(transactions), float(waited_us) / 1e6)


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
