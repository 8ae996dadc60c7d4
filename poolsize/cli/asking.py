"""Ask before anything is run on a database that is the user's own."""

from __future__ import annotations

import sys
from typing import Final

import typer

from poolsize.cli.output import note
from poolsize.errors import UsageError

_YES: Final = ("y", "yes")
DECLINED: Final = 130
"""The exit code of a no, which is what Ctrl-C would have said."""


def check_askable(*, yes: bool) -> None:
    """Before anything is asked of a database. Raises UsageError where nobody could say yes."""
    if not yes and not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError("Load on a database needs a yes, and nobody can be asked here: say it with --yes.")


def ask_to_run(sentence: str, *, yes: bool) -> None:
    """Go on only with a yes: `yes` is that of --yes, else a terminal is asked, once. `sentence` is what will be run.

    Raises UsageError where nobody can be asked, and ends the program where the answer is no.
    """
    check_askable(yes=yes)
    note(sentence)
    if yes:
        return
    print("Go on? [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in _YES:
        note("Nothing was run.")
        raise typer.Exit(DECLINED)
