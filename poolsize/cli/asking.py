"""Ask before anything is run on a database that is the user's own."""

from __future__ import annotations

import sys

import typer

from poolsize.cli.output import note
from poolsize.errors import UsageError

_YES = ("y", "yes")


def ask_to_run(sentence: str, *, yes: bool) -> None:
    """Go on only with a yes: `yes` is that of --yes, else a terminal is asked, once. `sentence` is what will be run.

    Raises UsageError where nobody can be asked, typer.Abort where the answer is no.
    """
    if not yes and not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError(f"{sentence} Nothing was run: nobody can be asked here, so say yes with --yes.")
    note(sentence)
    if yes:
        return
    print("Go on? [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in _YES:
        note("Nothing was run.")
        raise typer.Abort
