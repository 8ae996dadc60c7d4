"""`poolsize demo`."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
import typer

from poolsize._version import __version__
from poolsize.cli.masking import remember
from poolsize.cli.options import Json
from poolsize.cli.output import emit, note, progress
from poolsize.datatypes import DatabaseFacts, Recommendation, Request
from poolsize.dsn import parse
from poolsize.embedded import VERSIONS, embedded_postgres
from poolsize.export import render
from poolsize.probe.dialect import ProbeOptions
from poolsize.probe.dialects import ask
from poolsize.recommend.document import recommendation
from poolsize.report.json import Demo, Export

WORKLOAD: Final = Request(workers=4, rate_per_s=200.0, hold_s=0.02)
"""Four processes of eight threads, 200 checkouts/s that hold a connection for 20 ms each."""
AS_COMMAND: Final = "poolsize recommend --workers 4 --rate 200 --hold 20ms"
SHOWN: Final = ("sqlalchemy", "django", "pgbouncer")


def demo(
    postgresql: Annotated[int, typer.Option(help=f"Its version: {' or '.join(map(str, VERSIONS))}.")] = 18,
    as_json: Json = False,
) -> None:
    """Run all of it on a throw-away PostgreSQL: start it, probe, recommend, export, and leave nothing behind.

    Needs the extra [demo]; under a minute. Nothing is kept in the history.
    """
    note("Starts a PostgreSQL of its own on this machine, in a temporary folder that is removed at the end.")
    with progress() as tell, embedded_postgres(postgresql, on_progress=tell) as server:
        dsn = parse(server.dsn)
        remember(dsn)
        facts = ask(dsn, ProbeOptions(), tell)
    answer = msgspec.structs.replace(recommendation(WORKLOAD, facts), reproduce=AS_COMMAND)
    exports = tuple(
        Export(poolsize_version=__version__, export_target=target, text=render(target, answer)) for target in SHOWN
    )
    document = Demo(poolsize_version=__version__, probe=facts, recommend=answer, exports=exports)
    emit(document, "", as_json=as_json)
    if not as_json:
        _show(facts, answer, exports)


def _show(facts: DatabaseFacts, answer: Recommendation, exports: tuple[Export, ...]) -> None:
    from rich.console import Console  # here: --json needs no rich

    from poolsize.report.probe import probe_report
    from poolsize.report.recommendation import summary

    console = Console(highlight=False)
    console.rule("poolsize probe DSN", align="left")
    console.print(probe_report(facts))
    console.rule(AS_COMMAND, align="left")
    console.print(summary(answer))
    for one in exports:
        console.rule(f"poolsize export {one.export_target}", align="left")
        print(one.text, end="")
