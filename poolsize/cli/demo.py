"""`poolsize demo`."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from poolsize._version import __version__
from poolsize.cli.masking import remember
from poolsize.cli.options import Json, count
from poolsize.cli.output import emit, note, progress, rendered
from poolsize.datatypes import DatabaseFacts, Recommendation, Request
from poolsize.dsn import parse
from poolsize.embedded import VERSIONS, embedded_postgres, programs_folder
from poolsize.export import render
from poolsize.probe.dialect import ProbeOptions
from poolsize.probe.dialects import ask
from poolsize.recommend.document import recommendation
from poolsize.remembered import dated
from poolsize.report.json import Demo, Export

WORKLOAD: Final = Request(workers=4, rate_per_s=200.0, hold_s=0.02)
"""Four processes of eight threads, 200 checkouts/s that hold a connection for 20 ms each."""
AS_COMMAND: Final = "poolsize recommend --workers 4 --rate 200 --hold 20ms"
NEXT: Final = ("poolsize recommend --workers 4",)
"""Not an export: nothing of this is in the history."""
SHOWN: Final = ("sqlalchemy", "django", "pgbouncer")


def demo(
    postgresql: Annotated[int, count(help=f"Its version: {' or '.join(map(str, VERSIONS))}.")] = 18,
    as_json: Json = False,
) -> None:
    r"""Run all of it on a throw-away PostgreSQL: start it, probe, recommend, export.

    Needs the extra \[demo], takes less than a minute, and leaves nothing behind, in
    the history neither.
    """
    programs_folder(postgresql)  # or the failure: before anything is said of a start
    note("Starts a PostgreSQL of its own on this machine, in a temporary folder that is removed at the end.")
    with progress() as tell, embedded_postgres(postgresql, on_progress=tell) as server:
        dsn = parse(server.dsn)
        remember(dsn)
        facts = dated(ask(dsn, ProbeOptions(), tell))
    answer = msgspec.structs.replace(recommendation(WORKLOAD, facts), reproduce="poolsize demo", next=NEXT)
    exports = tuple(
        Export(poolsize_version=__version__, export_target=target, text=render(target, answer)) for target in SHOWN
    )
    document = Demo(poolsize_version=__version__, probe=facts, recommend=answer, exports=exports)
    emit(document, "" if as_json else _shown(facts, answer, exports), as_json=as_json)


def _shown(facts: DatabaseFacts, answer: Recommendation, exports: tuple[Export, ...]) -> str:
    from rich.rule import Rule  # here: --json needs no rich

    from poolsize.report.probe import probe_report  # here: they import rich
    from poolsize.report.summary import summary

    parts = [
        ("poolsize probe DSN", rendered(probe_report(facts))),
        (AS_COMMAND, rendered(summary(answer))),
        *((f"poolsize export {one.export_target}", one.text or "") for one in exports),
    ]
    return "\n".join(rendered(Rule(title, align="left")) + shown for title, shown in parts)
