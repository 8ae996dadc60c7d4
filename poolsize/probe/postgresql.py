"""Probe PostgreSQL, and PgBouncer in its place: what a connection costs, how many there may be, and who holds them."""

from __future__ import annotations

import time

import psutil

from poolsize import host
from poolsize.datatypes import Burst, DatabaseFacts, Finding, Unread, limits_of
from poolsize.dsn import Dsn
from poolsize.errors import AuthenticationError, DatabaseError
from poolsize.probe import pgbouncer
from poolsize.probe.dialect import ProbeOptions, Progress
from poolsize.probe.measuring import (
    SAMPLES_NEED_FREE,
    Run,
    burst_of,
    measure_connects,
    median_time,
    out_of_time,
    planned_logins,
)
from poolsize.probe.pgbouncer_limits import Pair, layers
from poolsize.probe.postgresql_connect import Connector
from poolsize.probe.postgresql_libpq import client_name, tls_version
from poolsize.probe.postgresql_limits import limits, read_identity, read_settings, timeouts
from poolsize.probe.postgresql_place import (
    ASSUMED_MEMORY,
    connection_memory,
    local_process,
    processors,
    read_provider,
)
from poolsize.probe.postgresql_reader import Reader, StatementPoolingError
from poolsize.probe.postgresql_session import Row, Session, StatementError
from poolsize.probe.postgresql_sessions import groups, mixed_own, own_test, read_sessions
from poolsize.probe.sampling import Sample


def probe(dsn: Dsn, options: ProbeOptions, on_progress: Progress) -> DatabaseFacts:
    """Everything this role may know, read-only, within `options.budget_s` after the first connection, which has
    `options.connect_timeout_s`.

    Raises DsnError for what libpq cannot read, and the children of DatabaseError with the facts so far.
    """
    with Run(dsn, options, on_progress) as run:
        connector = Connector(dsn, options)
        _begin(run, connector)
        run.tell(f"connecting; the server's log will show at most {planned_logins(options)} logins", 0.0)
        first = _ask(run, connector)
        _read_memory(run, connector)
        measure_connects(
            run,
            lambda: _one(connector, run),
            lambda count: _at_once(connector, count),
            client=client_name(),
            first=first,
        )
        return run.facts


def _begin(run: Run, connector: Connector) -> None:
    """What is known before anybody has answered: from the DSN, services, files and variables."""
    conninfo = connector.conninfo
    target = conninfo.hosts[0]
    port = int(target.port) if target.port.isdigit() else None
    run.describe(host=target.name or target.address, port=port, name=conninfo.database, user=conninfo.user)
    if conninfo.ignored:
        named = ", ".join(conninfo.ignored)
        run.note(
            Finding(
                code="PS301",
                severity="note",
                message=f"libpq does not know these arguments of the DSN, which are another client's: {named}.",
                remedy="They were left out for the probe; nothing need be done.",
            )
        )


def _ask(run: Run, connector: Connector) -> Sample:
    """One session answers all questions and times the round trips. Returns the phases of its opening."""
    try:
        return _ask_in(run, connector, in_transaction=True)
    except StatementPoolingError:
        return _ask_in(run, connector, in_transaction=False)
    except AuthenticationError as error:
        if connector.conninfo.database == pgbouncer.CONSOLE and "not allowed" in error.message:
            raise AuthenticationError(
                f"{connector.conninfo.hosts[0]} is PgBouncer, and this user may not use its console; "
                "give the DSN of a database behind it."
            ) from None
        raise


def _ask_in(run: Run, connector: Connector, *, in_transaction: bool) -> Sample:
    with connector.open() as session:
        if pgbouncer.is_console(session):
            raise _console_is_no_database(run, connector, session)
        run.tell("reading limits and sessions", 0.05)
        with Reader(session, in_transaction=in_transaction) as reader:
            identity = _read(run, connector, reader)
        _time_round_trips(run, session, in_transaction=in_transaction)
        signs = pgbouncer.signs_of(session, identity)
        announced = {name: session.parameter(f"pgbouncer.{name}") for name in ("version", "pool_mode")}
        phases = dict(session.phases)
    _note_silent_hosts(run, connector)
    if signs:
        _ask_pooler(run, connector, signs, announced)
    return phases


def _read(run: Run, connector: Connector, reader: Reader) -> Row:
    identity = read_identity(reader)
    settings = read_settings(reader)
    rows = read_sessions(reader, identity, show_queries=run.options.show_queries)
    is_own = own_test(identity, run.options.own)
    source = f"probe of {reader.session.host.name or reader.session.host.address}"
    found = groups(rows or (), is_own)
    process = local_process(identity)
    _describe(run, connector, reader, identity, process)
    run.learn(
        limits=limits(identity, settings, rows, is_own, source),
        sessions=found,
        timeouts=timeouts(settings) if settings else None,
    )
    run.note(*mixed_own(found, run.options.own))
    run.miss(*reader.unread)
    return identity


def _describe(run: Run, connector: Connector, reader: Reader, identity: Row, process: psutil.Process | None) -> None:
    session = reader.session
    count, unread = processors(process)
    run.miss(*unread)
    version = identity.get("version") or session.parameter("server_version") or ""
    run.describe(
        host=session.host.name or session.host.address,
        port=int(session.host.port),
        name=identity.get("database") or connector.conninfo.database,
        user=identity.get("role") or connector.conninfo.user,
        server_version=version.partition(" ")[0] or None,
        is_local=process is not None,
        provider=read_provider(reader, session.host.name),
        processors=count,
        tls=connector.conninfo.tls(tls_version(session.pgconn), used=session.pgconn.ssl_in_use),
    )


def _time_round_trips(run: Run, session: Session, *, in_transaction: bool) -> None:
    if run.left_s <= 0:
        run.miss(out_of_time("round_trip_s"), out_of_time("transaction_round_trip_s"))
        return
    run.learn(round_trip_s=median_time(lambda: session.rows("SELECT 1"), run.round_trip_deadline))
    if not in_transaction:
        reason = "The pooler allows no transaction (statement mode)."
        run.miss(Unread(name="transaction_round_trip_s", reason=reason))
        return

    def transaction() -> None:
        for statement in ("BEGIN READ ONLY", "SELECT 1", "ROLLBACK"):
            session.rows(statement)

    try:
        run.learn(transaction_round_trip_s=median_time(transaction, run.round_trip_deadline))
    except StatementError as error:
        run.miss(Unread(name="transaction_round_trip_s", reason=f"The server says: {error.message}."))


def _ask_pooler(run: Run, connector: Connector, signs: tuple[str, ...], announced: dict[str, str | None]) -> None:
    """The pooler's own limits are layers beside the server's, and its timing is its own."""
    console, refusal = pgbouncer.ask_console(connector, run.left_s)
    pair = Pair(connector.conninfo.database or "", connector.conninfo.user or "")
    found = pgbouncer.pooler(signs, announced, console, refusal, pair)
    run.describe(pooler=found)
    run.note(*pgbouncer.findings(found))
    if console is None:
        run.miss(pgbouncer.console_unread(pair.user, refusal))
        return
    limits = run.facts.limits
    run.learn(
        limits=limits_of(
            (limits.layers if limits else ()) + layers(console, pair),
            max_connections=limits.max_connections if limits else None,
            reserved_connections=limits.reserved_connections if limits else None,
            source=limits.source if limits else "",
        )
    )


def _console_is_no_database(run: Run, connector: Connector, session: Session) -> DatabaseError:
    console = pgbouncer.read_console(session)
    pair = Pair("", connector.conninfo.user or "")
    run.describe(pooler=pgbouncer.pooler((), {}, console, "", pair))
    run.learn(limits=limits_of(layers(console, pair), source=f"console of PgBouncer at {session.host}"))
    return DatabaseError(
        f"{session.host} with the database {pgbouncer.CONSOLE} is the console of PgBouncer {console.version}, not a "
        "database: give the DSN of a database behind it."
    )


def _note_silent_hosts(run: Run, connector: Connector) -> None:
    if not connector.silent:
        return
    named = " and ".join(str(silent) for silent in connector.silent)
    run.note(
        Finding(
            code="PS302",
            severity="warning",
            message=f"{named} of the DSN gave no answer; every new connection waits for it before the next is tried.",
            remedy="Take it out of the DSN or put it last, and set a short connect_timeout.",
        )
    )


def _read_memory(run: Run, connector: Connector) -> None:
    """Of a session that has done nothing yet, since the one that asked has filled its caches."""
    reason, remedy = "", ""
    if not run.database.is_local:
        reason, remedy = "The server's processes are not on this machine.", "run the probe on the server's machine"
    elif run.database.pooler is not None:
        reason, remedy = "Behind a pooler no fresh session can be had.", "probe the server directly"
    elif run.left_s <= 0 or not run.has_free(SAMPLES_NEED_FREE, if_unknown=True):
        reason, remedy = "There was no time or no free slot for a fresh session.", "--budget SECONDS"
    else:
        with connector.open(run.left_s) as session:
            process = host.server_process(session.pgconn.backend_pid, name="postgres", started_at=time.time())
            run.learn(memory=connection_memory(process))
        if run.facts.memory is None:
            reason = "This account may not read the memory of the server's processes."
            remedy = "run the probe as the server's account or as root"
    if reason:
        run.learn(memory=ASSUMED_MEMORY)
        run.miss(Unread(name="memory", reason=reason, remedy=remedy))


def _one(connector: Connector, run: Run) -> Sample:
    with connector.open(run.left_s) as session:
        return session.phases


def _at_once(connector: Connector, count: int) -> Burst:
    return burst_of(connector.open_at_once(count))
