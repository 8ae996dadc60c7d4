"""`poolsize export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from poolsize._version import __version__
from poolsize.cli.options import Json, flag, text
from poolsize.cli.output import emit, note
from poolsize.cli.recommended import last_recommendation, read_recommendation
from poolsize.export import TARGETS, render, target_of
from poolsize.files import write_whole
from poolsize.report.json import Export


def export(
    target: Annotated[
        str,
        typer.Argument(metavar="TARGET", help=f"One of {', '.join(TARGETS)}.", autocompletion=lambda: list(TARGETS)),
    ],
    source: Annotated[
        str | None, text("--from", metavar="FILE", help="What `recommend --json` printed; `-` for stdin.")
    ] = None,
    output: Annotated[
        str | None, text("--output", "-o", metavar="FILE", help="Write it to this file; `-` is stdout.")
    ] = None,
    force: Annotated[bool, flag("--force", help="Overwrite the file if it exists.")] = False,
    shared: Annotated[bool, flag("--shared", help="For an application behind the one shared PgBouncer.")] = False,
    pgbouncer_version: Annotated[
        str | None, text(metavar="VERSION", help="As `pgbouncer --version` prints it; default: as probed.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Write the last recommendation as configuration that the software accepts.

    For example:

      poolsize export sqlalchemy
      poolsize export pgbouncer -o pgbouncer.ini
      poolsize recommend --workers 4 --json | poolsize export django --from -
    """
    target_of(target)  # a typo is told before anything is looked for
    answer = read_recommendation(source) if source is not None else last_recommendation("to export")
    rendered = render(target, answer, shared=shared, pgbouncer_version=pgbouncer_version)
    file = None if output == "-" else output
    if file is not None:
        write_whole(Path(file), rendered, overwrite=force)
        note(f"Written to {file}.")
    document = Export(poolsize_version=__version__, export_target=target, text=rendered, file=file)
    emit(document, rendered if file is None else "", as_json=as_json)
