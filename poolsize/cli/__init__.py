"""The command line: reads arguments, calls one function, prints, exits."""

from __future__ import annotations

import sys


def main() -> None:
    """The entry point; ends the process with a documented exit code."""
    try:
        from poolsize.cli.run import run  # here: whoever imports a command for a test starts no program

        run()
    except KeyboardInterrupt:  # before `run` could see to it
        sys.exit(130)
