"""The application: what stands before a command."""

from __future__ import annotations

from typing import Annotated

import typer

from poolsize._version import __version__
from poolsize.cli.commands import LazyGroup

app = typer.Typer(
    cls=LazyGroup,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode="rich",
)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"poolsize {__version__}")
        raise typer.Exit


@app.callback(
    epilog="Exit codes: 0 fine, 1 a database or a file could not be used, 2 wrong usage,\n3 the answer is no, 70 a bug."
)
def poolsize(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_version, is_eager=True)
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of a bug; works anywhere.")] = False,
) -> None:
    """Size database connection pools by measurement, and prove the answer.

    To see it work, on a PostgreSQL of its own:

      poolsize demo

    With your own database, or with nothing but a number of processes:

      poolsize probe postgresql://app@db/shop
      poolsize recommend --workers 4
      poolsize export sqlalchemy
    """
