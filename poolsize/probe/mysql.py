"""Probe MySQL and MariaDB: what a connection costs, how many there may be, and who holds them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pymysql

from poolsize.datatypes import Burst, DatabaseFacts, Tls, Unread
from poolsize.dsn import Dsn
from poolsize.probe.dialect import ProbeOptions, Progress
from poolsize.probe.measuring import Run, burst_of, measure_connects, median_time, planned_logins
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
from poolsize.probe.mysql_place import is_local, processors, provider
from poolsize.probe.own import unmatched
from poolsize.probe.sampling import Sample


def probe(dsn: Dsn, options: ProbeOptions, on_progress: Progress) -> DatabaseFacts:
    """Everything this account may know, read-only, within `options.budget_s` after the first connection, which has
    `options.connect_timeout_s`.

    Raises DsnError for TLS options that are not known, and the children of DatabaseError with the facts so far.
    """
    with Run(dsn, options, on_progress) as run:
        connector = Connector(dsn, options)
        run.tell(f"connecting; the server's log will show at most {planned_logins(options)} logins", 0.0)
        with closing(connector.open()) as connection:
            _ask(run, connection, connector)
        measure_connects(
            run,
            lambda: _one(connector, run),
            lambda count: _burst(connector.open, count),
            client=CLIENT_NAME,
            first=connection.phases,
        )
        return run.facts


def _ask(run: Run, connection: TimedConnection, connector: Connector) -> None:
    """One connection answers all questions, and times the round trips."""
    try:
        prepare(connection, run.options.statement_timeout_s)
        run.tell("reading limits and sessions", 0.05)
        reader = Reader(connection)
        processes = read_processes(reader)
        user, is_own, programs = own_test(reader, connector.dsn.database, run.options.own)
        _describe(run, reader, connection, connector, user)
        run.learn(
            limits=read_limits(reader, processes, user, is_own, run.source),
            sessions=read_sessions(reader, processes, is_own, show_queries=run.options.show_queries),
            timeouts=read_timeouts(reader),
            memory=read_memory(reader),
        )
        if programs is not None:
            run.note(*unmatched(run.options.own, {programs[row["id"]] for row in processes if row["id"] in programs}))
        run.miss(*reader.unread)
        _time_round_trips(run, connection)
    except (pymysql.MySQLError, OSError) as error:
        raise connector.explain(error) from None


def _describe(run: Run, reader: Reader, connection: TimedConnection, connector: Connector, user: str) -> None:
    dialect, version = version_of(reader.variables.get("version") or connection.greeting_version)
    local = is_local(connector, reader.variables.get("hostname", ""))
    count = processors(reader, dialect, local=local)
    used_tls = connection.tls_version
    run.describe(
        dialect=dialect,
        host=connector.host,
        port=None if connector.unix_socket else connector.port,
        name=connector.dsn.database,
        user=user,
        server_version=version,
        is_local=local,
        provider=provider(reader, dialect, connector.host),
        processors=count,
        tls=Tls(
            used=used_tls is not None,
            requested=connector.tls.mode,
            version=used_tls,
            verified=used_tls is not None and connector.tls.verified,
            root=connector.tls.root if used_tls else None,
        ),
    )
    if count is None:
        run.miss(Unread(name="database.processors", reason="The server does not say.", remedy="--db-cores N"))


def _time_round_trips(run: Run, connection: TimedConnection) -> None:
    def ask(*statements: str) -> None:
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    run.learn(
        round_trip_s=median_time(lambda: ask("SELECT 1"), run.round_trip_deadline),
        transaction_round_trip_s=median_time(
            lambda: ask("START TRANSACTION READ ONLY", "SELECT 1", "ROLLBACK"), run.round_trip_deadline
        ),
    )


def _one(connector: Connector, run: Run) -> Sample:
    with closing(connector.open(run.left_s)) as connection:
        return connection.phases


def _burst(connect: Callable[[], TimedConnection], count: int) -> Burst:
    """All start at the same moment and stay open until the last is ready."""
    barrier = threading.Barrier(count)
    opened: list[TimedConnection] = []

    def one() -> float:
        barrier.wait()
        start = time.perf_counter()
        opened.append(connect())
        return time.perf_counter() - start

    try:
        with ThreadPoolExecutor(count) as threads:
            try:
                return burst_of([future.result() for future in [threads.submit(one) for _ in range(count)]])
            except BaseException:
                barrier.abort()  # an interrupt may come before all have been started, and the rest would wait forever
                raise
    finally:
        for connection in opened:
            connection.close()
