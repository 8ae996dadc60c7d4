"""Probe PostgreSQL, and PgBouncer in its place: what a connection costs, how many there may be, and who holds them."""

from __future__ import annotations

import msgspec

from poolsize.datatypes import DatabaseFacts, Finding
from poolsize.dsn import Dsn
from poolsize.errors import DatabaseError
from poolsize.probe.dialect import ProbeOptions, Progress
from poolsize.probe.measuring import Run, burst_of, measure_connects, planned_logins
from poolsize.probe.postgresql_ask import ask
from poolsize.probe.postgresql_connect import Connector
from poolsize.probe.postgresql_libpq import client_name
from poolsize.probe.postgresql_log import Place, split
from poolsize.probe.postgresql_memory import read_memory
from poolsize.probe.postgresql_reader import Reader
from poolsize.probe.sampling import Sample, connect_cost


def probe(dsn: Dsn, options: ProbeOptions, on_progress: Progress) -> DatabaseFacts:
    """Everything this role may know, read-only, within `options.budget_s` after the first connection, which has
    `options.connect_timeout_s`.

    Raises DsnError for what libpq cannot read, and the children of DatabaseError with the facts so far.
    """
    with Run(dsn, options, on_progress) as run:
        connector = Connector(dsn, options)
        _begin(run, connector)
        run.tell(f"connecting; the server's log will show at most {planned_logins(options)} logins", 0.0)
        asked = ask(run, connector)
        _note_silent_hosts(run, connector)
        read_memory(run, connector)
        samples: list[tuple[int, Sample]] = []
        measure_connects(
            run,
            lambda: _one(connector, run, samples),
            lambda count: burst_of(connector.open_at_once(count)),
            client=client_name(),
            first=asked.phases,
        )
        if asked.log is not None and samples:
            _split_phases(run, connector, asked.log, samples)
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
                code="PS511",
                severity="note",
                message=f"libpq does not know these arguments of the DSN, which are another client's: {named}.",
                remedy="They were left out for the probe; nothing need be done.",
            )
        )


def _note_silent_hosts(run: Run, connector: Connector) -> None:
    if not connector.silent:
        return
    named = " and ".join(str(silent) for silent in connector.silent)
    run.note(
        Finding(
            code="PS512",
            severity="warning",
            message=f"{named} of the DSN gave no answer; every new connection waits for it before the next is tried.",
            remedy="Take it out of the DSN or put it last, and set a short connect_timeout.",
        )
    )


def _one(connector: Connector, run: Run, samples: list[tuple[int, Sample]]) -> Sample:
    with connector.open(run.left_s) as session:
        samples.append((session.pgconn.backend_pid, session.phases))
        return session.phases


def _split_phases(run: Run, connector: Connector, log: Place, samples: list[tuple[int, Sample]]) -> None:
    """The same samples with the server's own times in them, as the last thing: without them nothing is lost."""
    try:
        with connector.open(run.left_s) as session, Reader(session, run.deadline) as reader:
            found = split(reader, log, samples)
    except DatabaseError:
        return
    run.miss(*reader.unread)
    if found is not None and run.facts.connect is not None:
        cost = connect_cost(found, client=run.facts.connect.client)
        run.learn(connect=msgspec.structs.replace(run.facts.connect, phases=cost.phases))
