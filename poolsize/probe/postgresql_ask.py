"""The one session of a PostgreSQL probe that asks: limits, sessions, settings, the round trips, the pooler between."""

from __future__ import annotations

from typing import NamedTuple

from poolsize.datatypes import Unread
from poolsize.errors import AuthenticationError, DatabaseError
from poolsize.probe import pgbouncer
from poolsize.probe.measuring import Run, median_time, out_of_time
from poolsize.probe.own import unmatched
from poolsize.probe.postgresql_connect import Connector
from poolsize.probe.postgresql_libpq import tls_version
from poolsize.probe.postgresql_limits import limits, read_identity, read_settings, timeouts
from poolsize.probe.postgresql_log import SINCE, Place, place
from poolsize.probe.postgresql_place import local_process, processors, read_provider
from poolsize.probe.postgresql_reader import Reader, StatementPoolingError
from poolsize.probe.postgresql_session import Row, Session, StatementError
from poolsize.probe.postgresql_sessions import applications_of, groups, mixed_own, own_test, read_sessions
from poolsize.probe.sampling import Sample


class Asked(NamedTuple):
    """What the later parts of the probe need beside the facts."""

    phases: Sample
    """Of opening the session."""
    log: Place | None
    """Where the server's log was before the samples, if that can be read."""


def ask(run: Run, connector: Connector) -> Asked:
    """One session answers all questions and times the round trips, and then perhaps a pooler's console its own."""
    try:
        return _ask(run, connector, in_transaction=True)
    except StatementPoolingError:
        return _ask(run, connector, in_transaction=False)
    except StatementError as error:
        raise DatabaseError(f"The server refuses a plain statement: {error.message}.") from None
    except AuthenticationError as error:
        if connector.conninfo.database == pgbouncer.CONSOLE and "not allowed" in error.message:
            raise AuthenticationError(
                f"{connector.conninfo.hosts[0]} is PgBouncer, and this user may not use its console; "
                "give the DSN of a database behind it."
            ) from None
        raise


def _ask(run: Run, connector: Connector, *, in_transaction: bool) -> Asked:
    with connector.open() as session:
        if pgbouncer.is_console(session):
            raise pgbouncer.console_is_no_database(run, connector, session)
        run.tell("reading limits and sessions", 0.05)
        with Reader(session, run.asking_deadline, in_transaction=in_transaction) as reader:
            identity, log = _read(run, connector, reader)
        _time_round_trips(run, session, in_transaction=in_transaction)
        signs = pgbouncer.signs_of(session, identity)
        announced = pgbouncer.announced_by(session)
        phases = dict(session.phases)
    if signs:
        pgbouncer.ask_pooler(run, connector, signs, announced)
    return Asked(phases, log)


def _read(run: Run, connector: Connector, reader: Reader) -> tuple[Row, Place | None]:
    identity = read_identity(reader)
    settings = read_settings(reader)
    rows = read_sessions(reader, identity, show_queries=run.options.show_queries)
    is_own = own_test(identity, run.options.own)
    found = groups(rows or (), is_own)
    _describe(run, connector, reader, identity)
    run.learn(
        limits=limits(identity, settings, rows, is_own, run.source),
        sessions=found,
        timeouts=timeouts(settings) if settings else None,
    )
    run.note(*mixed_own(found, run.options.own))
    if rows is not None:
        run.note(*unmatched(run.options.own, applications_of(identity, rows)))
    is_direct = not pgbouncer.signs_of(reader.session, identity)
    log = place(reader, settings) if is_direct and int(identity.get("version_number") or 0) >= SINCE else None
    run.miss(*reader.unread)
    return identity, log


def _describe(run: Run, connector: Connector, reader: Reader, identity: Row) -> None:
    session, process = reader.session, local_process(identity)
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
