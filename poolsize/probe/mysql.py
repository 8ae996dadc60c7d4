"""Probe MySQL and MariaDB: what a connection costs, how many there may be, and who holds them."""

from __future__ import annotations

import ipaddress
import os
import socket
import statistics
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import datetime, timezone
from importlib import metadata
from typing import Final

import msgspec
import pymysql

from poolsize.datatypes import Burst, ConnectCost, Database, DatabaseFacts, Tls, Unread
from poolsize.dsn import Dsn
from poolsize.errors import DatabaseError, PoolsizeError
from poolsize.probe.dialect import ProbeOptions, Progress
from poolsize.probe.mysql_connect import CLIENT_NAME, Connector, TimedConnection
from poolsize.probe.mysql_facts import (
    Reader,
    own_test,
    prepare,
    read_limits,
    read_memory,
    read_processes,
    read_sessions,
    read_timeouts,
    version_of,
)
from poolsize.probe.sampling import Sample, connect_cost, sample_until_settled

LOCAL_SAMPLES: Final = 100
REMOTE_SAMPLES: Final = 20
_ROUND_TRIPS: Final = 21
_BURST_NEEDS_FREE: Final = 10
_ALL: Final = ("limits", "connect", "round_trip_s", "sessions", "timeouts", "memory")


def probe(dsn: Dsn, options: ProbeOptions, on_progress: Progress) -> DatabaseFacts:
    """Everything this account may know, read-only, within `options.budget_s`.

    Raises DsnError for TLS options that are not known, and the children of DatabaseError with the facts so far.
    """
    deadline = time.monotonic() + options.budget_s
    facts = _begin(dsn)
    try:
        connector = Connector(dsn, options)
        on_progress("connecting", 0.0)
        with closing(connector.open()) as connection:
            facts = _ask(connection, connector, facts, options, on_progress)
        return _measure(connector, facts, options, deadline, on_progress)
    except DatabaseError as error:
        reason = "The database could not be used before this was read."
        known = {entry.name for entry in facts.unread}
        missing = tuple(
            Unread(name=name, reason=reason) for name in _ALL if not getattr(facts, name) and name not in known
        )
        error.facts = msgspec.structs.replace(facts, unread=facts.unread + missing)
        raise


def _begin(dsn: Dsn) -> DatabaseFacts:
    return DatabaseFacts(
        poolsize_version=metadata.version("poolsize"),
        measured_at=datetime.now(timezone.utc).isoformat(timespec="seconds"),  # noqa: UP017 - plain on 3.11
        target=dsn.masked,
        database=Database(dialect=dsn.dialect, host=dsn.host, port=dsn.port, name=dsn.database, user=dsn.user),
    )


def _ask(
    connection: TimedConnection,
    connector: Connector,
    facts: DatabaseFacts,
    options: ProbeOptions,
    on_progress: Progress,
) -> DatabaseFacts:
    """One connection answers all questions, and times the round trips."""
    dsn = connector.dsn
    try:
        prepare(connection, options.statement_timeout_s)
        on_progress("reading limits and sessions", 0.05)
        reader = Reader(connection)
        processes = read_processes(reader)
        user, is_own = own_test(reader, dsn.database, options.own)
        limits = read_limits(reader, processes, user, is_own, f"probe of {connector.host}")
        sessions = read_sessions(reader, processes, is_own, show_queries=options.show_queries)
        database = _database(reader, connection, connector, user)
        if database.processors is None:
            reader.unread.append(
                Unread(name="database.processors", reason="The server does not say.", remedy="--db-cores N")
            )
        return msgspec.structs.replace(
            facts,
            database=database,
            limits=limits,
            sessions=sessions,
            timeouts=read_timeouts(reader),
            memory=read_memory(reader),
            round_trip_s=_round_trip(connection, "SELECT 1"),
            transaction_round_trip_s=_round_trip(connection, "START TRANSACTION READ ONLY", "SELECT 1", "ROLLBACK"),
            unread=tuple(reader.unread),
        )
    except (pymysql.MySQLError, OSError) as error:
        raise connector.explain(error) from None


def _database(reader: Reader, connection: TimedConnection, connector: Connector, user: str) -> Database:
    dialect, version = version_of(reader.variables.get("version") or connection.greeting_version)
    is_local = _is_local(connector, reader.variables.get("hostname", ""))
    used_tls = connection.tls_version
    return Database(
        dialect=dialect,
        host=connector.host,
        port=None if connector.unix_socket else connector.port,
        name=connector.dsn.database,
        user=user,
        server_version=version,
        is_local=is_local,
        processors=_processors(reader, dialect, is_local=is_local),
        tls=Tls(
            used=used_tls is not None,
            requested=connector.tls.mode,
            version=used_tls,
            verified=used_tls is not None and connector.tls.verified,
            root=connector.tls.root if used_tls else None,
        ),
    )


def _is_local(connector: Connector, server_hostname: str) -> bool:
    """A Unix socket, or a loopback address behind which the server has this machine's name: a tunnel or a
    container has another."""
    if connector.unix_socket:
        return True
    try:
        loopback = connector.host == "localhost" or ipaddress.ip_address(connector.host).is_loopback
    except ValueError:
        loopback = False
    return loopback and server_hostname == socket.gethostname()


def _processors(reader: Reader, dialect: str, *, is_local: bool) -> int | None:
    """This machine's when the server runs here. MariaDB sets thread_pool_size to its processors at start, which
    an administrator rarely changes unless the pool is in use."""
    if is_local:
        return os.cpu_count()
    size = reader.number("thread_pool_size")
    return int(size) if dialect == "mariadb" and size else None


def _round_trip(connection: TimedConnection, *statements: str) -> float:
    """Median seconds of the statements in a row."""
    spent = []
    with connection.cursor() as cursor:
        for _ in range(_ROUND_TRIPS):
            start = time.perf_counter()
            for statement in statements:
                cursor.execute(statement)
            spent.append(time.perf_counter() - start)
    return statistics.median(spent)


def _measure(
    connector: Connector, facts: DatabaseFacts, options: ProbeOptions, deadline: float, on_progress: Progress
) -> DatabaseFacts:
    """The cost of fresh connections, one at a time, and then of a few at once."""
    local = facts.database is not None and facts.database.is_local
    most = options.samples or (LOCAL_SAMPLES if local else REMOTE_SAMPLES)
    samples = sample_until_settled(
        lambda: _one(connector),
        minimum=min(10, most),
        maximum=most,
        deadline=deadline - 0.2 * options.budget_s,
        on_sample=lambda done, of: on_progress(f"connection {done} of at most {of}", 0.1 + 0.8 * done / of),
    )
    cost: ConnectCost = connect_cost(samples, client=CLIENT_NAME)
    free = facts.limits.free_connections if facts.limits else None
    unread = facts.unread
    burst = None
    if options.burst > 0:
        if free is None or free < _BURST_NEEDS_FREE or time.monotonic() > deadline - options.connect_timeout_s:
            why = "Fewer than ten slots are free." if (free or 0) < _BURST_NEEDS_FREE else "The time was used up."
            unread = (*unread, Unread(name="connect.burst", reason=why))
        else:
            on_progress(f"{options.burst} connections at once", 0.95)
            burst = _burst(connector.open, min(options.burst, _BURST_NEEDS_FREE))
            if burst is None:
                unread = (*unread, Unread(name="connect.burst", reason="The server refused one of the connections."))
    return msgspec.structs.replace(facts, connect=msgspec.structs.replace(cost, burst=burst), unread=unread)


def _one(connector: Connector) -> Sample:
    with closing(connector.open()) as connection:
        return connection.phases


def _burst(connect: Callable[[], TimedConnection], count: int) -> Burst | None:
    """All start at the same moment and stay open until the last is ready. None when one is refused."""
    barrier = threading.Barrier(count)
    opened: list[TimedConnection] = []

    def one() -> float:
        barrier.wait()
        start = time.perf_counter()
        opened.append(connect())
        return time.perf_counter() - start

    try:
        with ThreadPoolExecutor(count) as threads:
            spent = sorted(future.result() for future in [threads.submit(one) for _ in range(count)])
    except PoolsizeError:
        return None
    finally:
        for connection in opened:
            connection.close()
    return Burst(connections=count, first_s=spent[0], p50_s=statistics.median(spent), last_s=spent[-1])
