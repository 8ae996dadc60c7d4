"""`poolsize probe`."""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer

from poolsize.cli.masking import read_dsn
from poolsize.cli.options import Json, NoSave, seconds
from poolsize.cli.output import emit, note, progress
from poolsize.cli.saving import keep
from poolsize.datatypes import DatabaseFacts, ErrorReport
from poolsize.dsn import Dsn
from poolsize.errors import DatabaseError
from poolsize.probe.dialect import ProbeOptions

NEXT = ("poolsize recommend --workers 4", "poolsize history")


def probe(
    dsn: Annotated[
        str | None,
        typer.Argument(
            metavar="[DSN]",
            help="A SQLAlchemy URL, a libpq URI or conninfo string, mysql://, mariadb:// or sqlite:///. "
            "`-` reads it from stdin, `@file` from a file, nothing means DATABASE_URL.",
        ),
    ] = None,
    samples: Annotated[
        int | None, typer.Option(min=1, help="Fresh connections at most; default 100 on this machine, 20 elsewhere.")
    ] = None,
    budget: Annotated[str, typer.Option(metavar="TIME", help="Total time.")] = "20s",
    connect_timeout: Annotated[str, typer.Option(metavar="TIME", help="Bound on each connection.")] = "5s",
    statement_timeout: Annotated[str, typer.Option(metavar="TIME", help="Bound on each statement.")] = "3s",
    burst: Annotated[int, typer.Option(min=0, max=10, help="Connections opened at once; 0 for none.")] = 5,
    own: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="An application_name that is this service's own; may be repeated."),
    ] = None,
    show_queries: Annotated[bool, typer.Option("--show-queries", help="Show the text of running queries.")] = False,
    as_json: Json = False,
    no_save: NoSave = False,
) -> None:
    """Measure a database: what a connection costs, how many it allows, who holds them.

    Read-only, one extra connection at a time but for the burst, none of the last free slots.

    Examples:  poolsize probe postgresql://app@db/shop    |    poolsize probe @dsn.txt --samples 20
    """
    options = ProbeOptions(
        budget_s=seconds(budget) or 0.0,
        connect_timeout_s=seconds(connect_timeout) or 0.0,
        statement_timeout_s=seconds(statement_timeout) or 0.0,
        samples=samples,
        burst=burst,
        show_queries=show_queries,
        own=tuple(own or ()),
    )
    facts = msgspec.structs.replace(measure(read_dsn(dsn), options, no_save=no_save), next=NEXT)
    from poolsize.report.probe import probe_report  # here: --json and failures need no rich

    emit(facts, "" if as_json else probe_report(facts), as_json=as_json)


def measure(dsn: Dsn, options: ProbeOptions, *, no_save: bool) -> DatabaseFacts:
    """Probe with progress, and keep what was learned, be it that the database could not be used."""
    from poolsize.probe.dialects import ask  # here: so that `--help` loads no dialect
    from poolsize.probe.measuring import planned_logins

    if dsn.dialect != "sqlite":
        note(f"Opens at most {planned_logins(options)} connections, one at a time; the server may log each login.")
    try:
        with progress() as tell:
            facts = ask(dsn, options, tell)
    except DatabaseError as error:
        if error.facts is not None:
            report = ErrorReport(code=error.code, message=error.message, next=error.next)
            keep(msgspec.structs.replace(error.facts, error=report), unless=no_save)
        raise
    keep(facts, unless=no_save)
    return facts
