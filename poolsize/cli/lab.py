"""`poolsize lab`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Final

import typer
from msgspec.structs import replace

from poolsize._version import __version__
from poolsize.choices import not_one_of
from poolsize.cli.asking import ask_to_run, check_askable
from poolsize.cli.masking import read_dsn, remember
from poolsize.cli.options import MOST, Json, count, flag, text, time
from poolsize.cli.output import emit, note, progress
from poolsize.cli.reading import reproduced
from poolsize.cli.signals import Terminated
from poolsize.datatypes import DatabaseFacts, Lab, LessonLine
from poolsize.dsn import Dsn, parse
from poolsize.embedded import embedded_postgres, programs_folder
from poolsize.live.lessons import LESSONS

if TYPE_CHECKING:
    from poolsize.live.lab_plan import LabOptions
    from poolsize.probe.dialect import Progress

RUN: Final = "Run"
VERSION: Final = 18
"""Of the embedded PostgreSQL."""
INTERRUPTS: Final = (KeyboardInterrupt, Terminated)
NEXT: Final = ("poolsize lab --list",)
EXIT: Final = {"interrupted": 130, "terminated": 143}
"""As a shell has it; what else ends a run is the database's failure."""


def lab(
    dsn: Annotated[
        str | None,
        typer.Argument(metavar="DSN", help="Your database; without one, an embedded PostgreSQL that is removed again."),
    ] = None,
    requests: Annotated[int, count(least=1, help="All under way at once.")] = 300,
    pool: Annotated[int | None, count(least=1, help="Connections of the pool; default 10.")] = None,
    request_time: Annotated[float, time(is_bound=True, help="How long a request lives; default 1s.")] = 1.0,
    hold: Annotated[float, time(is_bound=True, help="The part of it in the database; default 20ms.")] = 0.02,
    lesson: Annotated[
        str | None, text(metavar="NAME", choices=LESSONS, help=f"In their place: {', '.join(LESSONS)}.")
    ] = None,
    as_list: Annotated[bool, flag("--list", help="List the lessons.")] = False,
    seed: Annotated[int, count(panel=RUN, least=0, help="Other moments of the queries.")] = 0,
    at_most: Annotated[
        int | None, count(panel=RUN, least=1, help="Connections; default a quarter of the free ones for the pool.")
    ] = None,
    yes: Annotated[bool, flag("--yes", help="Run without asking.")] = False,
    as_json: Json = False,
) -> None:
    r"""See why pooling matters: the same requests without a pool and through one.

    Without a DSN nothing is asked and nothing is needed but the extra \[demo]. On your
    own database it asks first: the half without a pool takes all the connections that
    it can get.

    For example:

      poolsize lab
      poolsize lab "$DATABASE_URL" --requests 300 --pool 10
      poolsize lab --lesson overflow
    """
    if as_list:
        lines = tuple(LessonLine(name=entry.name, title=entry.title) for entry in LESSONS.values())
        _print(Lab(poolsize_version=__version__, lessons=lines), as_json=as_json)
        return
    if lesson is not None and lesson not in LESSONS:
        raise not_one_of("lesson", lesson, LESSONS)
    # here: a mistake in the options, and the list, need not wait for the drivers
    from poolsize.live.lab import LOOK
    from poolsize.live.lab_lesson import lesson_plan
    from poolsize.live.lab_plan import LabOptions, plan_of
    from poolsize.probe.dialects import ask

    options = LabOptions(
        requests=requests, pool=pool, request_time_s=request_time, hold_s=hold, at_most=at_most, seed=seed
    )
    options.check()
    if dsn is None:
        options = replace(options, at_most=MOST)  # of a server that is nobody else's
        with own_server() as (own, tell):
            found = _run(own, options, lesson, ask(own, LOOK, None), tell)
    else:
        check_askable(yes=yes)
        named = read_dsn(dsn)
        facts = ask(named, LOOK, None)
        plan = plan_of(options, facts) if lesson is None else lesson_plan(lesson, facts, at_most)
        ask_to_run(plan.sentence, yes=yes)
        with progress() as tell:
            found = _run(named, options, lesson, facts, tell)
    _print(replace(found, reproduce=reproduced(dsn), next=() if lesson else NEXT), as_json=as_json)
    if found.stopped is not None:
        note(found.stopped.reason)
        raise typer.Exit(EXIT.get(found.stopped.kind, 1))


@contextmanager
def own_server() -> Iterator[tuple[Dsn, Progress]]:
    """An embedded PostgreSQL, and where its start and all that follows is told."""
    programs_folder(VERSION)  # or the failure: before anything is said of a start
    note("Starts a PostgreSQL of its own on this machine, in a temporary folder that is removed at the end.")
    with progress() as tell, embedded_postgres(VERSION, on_progress=tell) as server:
        dsn = parse(server.dsn)
        remember(dsn)
        yield dsn, tell


def _run(dsn: Dsn, options: LabOptions, lesson: str | None, facts: DatabaseFacts, tell: Progress) -> Lab:
    # here: as above
    from poolsize.live.lab import lab as run_lab
    from poolsize.live.lab_lesson import give_lesson

    if lesson is None:
        return run_lab(dsn, options, facts=facts, on_progress=tell, interrupts=INTERRUPTS)
    return give_lesson(lesson, dsn, facts=facts, at_most=options.at_most, on_progress=tell, interrupts=INTERRUPTS)


def _print(document: Lab, *, as_json: bool) -> None:
    if as_json:
        emit(document, "", as_json=True)
        return
    from poolsize.report.lab import lab_report  # here: --json needs no rich

    emit(document, lab_report(document), as_json=False)
