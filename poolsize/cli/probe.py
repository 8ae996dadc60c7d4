"""`poolsize probe`."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
import typer

from poolsize.cli.masking import read_dsn
from poolsize.cli.options import Json, NoSave, count, flag, text, time
from poolsize.cli.output import emit, note, progress
from poolsize.cli.saving import keep
from poolsize.datatypes import DatabaseFacts
from poolsize.dsn import Dsn
from poolsize.errors import DatabaseError
from poolsize.probe.dialect import ProbeOptions

NEXT: Final = ("poolsize recommend --workers 4", "poolsize history")
_DEFAULTS: Final = ProbeOptions()


def probe(
    dsn: Annotated[
        str | None,
        typer.Argument(
            metavar="DSN",
            help="A SQLAlchemy URL, a libpq URI or conninfo string, mysql://, mariadb:// or sqlite:///. "
            "`-` reads it from stdin, `@file` from a file, nothing means DATABASE_URL.",
        ),
    ] = None,
    samples: Annotated[
        int | None, count(least=1, help="Fresh connections at most; default 100 on this machine, 20 elsewhere.")
    ] = None,
    budget: Annotated[
        float, time(is_bound=True, help=f"Total time, after the first connection; default {_DEFAULTS.budget_s:g}s.")
    ] = _DEFAULTS.budget_s,
    connect_timeout: Annotated[
        float, time(is_bound=True, help=f"Bound on each connection; default {_DEFAULTS.connect_timeout_s:g}s.")
    ] = _DEFAULTS.connect_timeout_s,
    statement_timeout: Annotated[
        float, time(is_bound=True, help=f"Bound on each statement; default {_DEFAULTS.statement_timeout_s:g}s.")
    ] = _DEFAULTS.statement_timeout_s,
    burst: Annotated[int, count(least=0, most=10, help="Connections opened at once; 0 for none.")] = _DEFAULTS.burst,
    own: Annotated[
        list[str] | None,
        text(metavar="NAME", help="An application_name that is this service's own; may be repeated."),
    ] = None,
    show_queries: Annotated[bool, flag("--show-queries", help="Show the text of running queries.")] = False,
    as_json: Json = False,
    no_save: NoSave = False,
) -> None:
    """Measure a database: what a connection costs, how many it allows, who holds them.

    Read-only. Opens one extra connection at a time but for the burst, and leaves
    the last free slots alone.

    For example:

      poolsize probe postgresql://app@db/shop
      poolsize probe @dsn.txt --samples 20
    """
    options = ProbeOptions(
        budget_s=budget,
        connect_timeout_s=connect_timeout,
        statement_timeout_s=statement_timeout,
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
    from poolsize.probe.dialects import ask, with_driver  # here: so that `--help` loads no dialect
    from poolsize.probe.measuring import planned_logins

    with_driver(dsn.dialect)  # or the failure: before anything is said of connections
    if dsn.dialect != "sqlite":
        at_once = f" but for {options.burst} at once" if options.burst > 1 else ""
        note(
            f"Opens at most {planned_logins(options)} connections, one at a time{at_once}; "
            "the server may log each login."
        )
    try:
        with progress() as tell:
            facts = ask(dsn, options, tell)
    except DatabaseError as error:
        if error.facts is not None:
            from poolsize.cli.failure import report_of  # here: a probe without a failure needs none of it

            keep(msgspec.structs.replace(error.facts, error=report_of(error)), unless=no_save)
        raise
    keep(facts, unless=no_save)
    return facts
