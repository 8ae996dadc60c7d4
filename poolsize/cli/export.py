"""`poolsize export`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer

from poolsize._version import __version__
from poolsize.cli.options import Json, flag, text
from poolsize.cli.output import emit, note
from poolsize.datatypes import Recommendation
from poolsize.errors import FileError, UsageError
from poolsize.export import TARGETS, render
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
    answer = _read(source) if source is not None else _last()
    rendered = render(target, answer, shared=shared, pgbouncer_version=pgbouncer_version)
    file = None if output == "-" else output
    if file is not None:
        write_whole(Path(file), rendered, overwrite=force)
        note(f"Written to {file}.")
    document = Export(poolsize_version=__version__, export_target=target, text=rendered, file=file)
    emit(document, rendered if file is None else "", as_json=as_json)


def _last() -> Recommendation:
    from poolsize.store import open_store  # here: `--from` needs no SQLAlchemy

    stored = open_store().latest_recommendation()
    if stored is None:
        raise UsageError(
            "There is no recommendation in the history to export.", next=("poolsize recommend --workers 4",)
        )
    return stored.recommendation


class _Head(msgspec.Struct):
    """What tells one document from another."""

    command: str
    schema_version: int


_EXPECTED: Final = (Recommendation().command, Recommendation().schema_version)


def _read(source: str) -> Recommendation:
    name = "stdin" if source == "-" else f"The file {source}"
    try:
        data = sys.stdin.buffer.read() if source == "-" else Path(source).read_bytes()
        head = msgspec.json.decode(data, type=_Head)
        if (head.command, head.schema_version) != _EXPECTED:
            raise FileError(
                f"{name} holds version {head.schema_version} of the document of `poolsize {head.command}`; "
                f"what is exported is version {_EXPECTED[1]} of that of `poolsize {_EXPECTED[0]}`."
            )
        return msgspec.json.decode(data, type=Recommendation)
    except OSError as error:
        raise FileError(f"{name} cannot be read: {error.strerror or error}.") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise FileError(f"{name} does not hold what `poolsize recommend --json` prints: {error}.") from None
