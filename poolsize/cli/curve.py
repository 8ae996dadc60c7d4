"""`poolsize curve`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from msgspec.structs import replace

from poolsize.cli.asking import ask_to_run, check_askable
from poolsize.cli.curve_options import ranges_of, texts_of, weights_of
from poolsize.cli.masking import read_dsn
from poolsize.cli.options import Json, NoSave, count, flag, text, time
from poolsize.cli.output import emit, note, progress
from poolsize.cli.reading import reproduced
from poolsize.cli.saving import keep
from poolsize.cli.signals import Terminated

if TYPE_CHECKING:
    from poolsize.datatypes import Curve
    from poolsize.live.curve import PlannedCurve

WHAT: Final = "What is run (default: a built-in statement that reads nothing)"
HOW_MUCH: Final = "How much"
NEXT: Final = ("poolsize recommend --workers 4 --rate 80 --hold 20ms --curve last",)
EXIT: Final = {"interrupted": 130, "terminated": 143}
"""As a shell has it; whatever else ends a run is a database that could not be used: 1."""


def curve(
    dsn: Annotated[str | None, typer.Argument(metavar="DSN", help="As `poolsize probe` takes it.")] = None,
    sql: Annotated[
        list[str] | None, text(metavar="SQL", panel=WHAT, help="A statement of yours; may be repeated.")
    ] = None,
    sql_file: Annotated[
        list[str] | None, text(metavar="FILE", panel=WHAT, help="One in a file; may be repeated.")
    ] = None,
    weights: Annotated[
        str | None, text(metavar="W,W,...", panel=WHAT, help="How often each is run, in that order; default equally.")
    ] = None,
    param: Annotated[
        list[str] | None,
        text(metavar="NAME=A..B", panel=WHAT, help="A number for :NAME, anew each time; may be repeated."),
    ] = None,
    allow_writes: Annotated[
        bool, flag("--allow-writes", help="Let statements write, and keep it; else all is read-only.")
    ] = False,
    statement_timeout: Annotated[
        float, time(panel=WHAT, is_bound=True, help="Bound on each statement; default 3s.")
    ] = 3.0,
    up_to: Annotated[int, count(panel=HOW_MUCH, least=1, help="The highest concurrency.")] = 64,
    at_most: Annotated[
        int | None, count(panel=HOW_MUCH, least=1, help="Connections; default a quarter of the free ones.")
    ] = None,
    duration: Annotated[
        float | None, time(panel=HOW_MUCH, is_bound=True, help="Of each run; default 0.5s to 3s, as it needs.")
    ] = None,
    rounds: Annotated[int, count(panel=HOW_MUCH, least=1, help="Runs of each concurrency.")] = 3,
    processes: Annotated[
        int | None, count(panel=HOW_MUCH, least=1, most=64, help="Client processes; default as it needs.")
    ] = None,
    yes: Annotated[bool, flag("--yes", help="Run without asking.")] = False,
    as_json: Json = False,
    no_save: NoSave = False,
) -> None:
    """Measure what a database does at rising concurrency: its capacity curve.

    Keeps 1, 2, 3, 4, 6, 8, ... connections busy, each with one transaction after
    the other, until the throughput falls, and fits the law that it follows.

    For example:

      poolsize curve "$DATABASE_URL"
      poolsize curve --sql "SELECT * FROM t WHERE id = :id" --param id=1..9999
    """
    check_askable(yes=yes)
    from poolsize.live.curve import CurveOptions, plan_curve  # here: a driver, for which a mistake need not wait

    options = CurveOptions(
        statements=texts_of(sql or (), [Path(name) for name in sql_file or ()]),
        weights=weights_of(weights),
        ranges=ranges_of(param or ()),
        up_to=up_to,
        at_most=at_most,
        run_s=duration,
        rounds=rounds,
        processes=processes,
        allow_writes=allow_writes,
        statement_timeout_s=statement_timeout,
    )
    with progress() as told:
        planned = plan_curve(read_dsn(dsn), options, on_progress=told)
    ask_to_run(planned.plan.sentence, yes=yes)
    found = replace(_run(planned), reproduce=reproduced(dsn))
    found = replace(found, next=NEXT if found.usl is not None else ())
    keep(found, unless=no_save or found.usl is None)
    from poolsize.report.curve import curve_report  # here: --json needs no rich

    emit(found, "" if as_json else curve_report(found), as_json=as_json)
    if found.stopped is not None:
        note(found.stopped.reason)
        raise typer.Exit(EXIT.get(found.stopped.kind, 1))


def _run(planned: PlannedCurve) -> Curve:
    from poolsize.cli.live_table import growing  # here: a mistake needs no terminal

    with growing() as (told, shown):
        return planned.run(on_progress=told, on_points=shown, interrupts=(KeyboardInterrupt, Terminated))
