"""The command line: reads arguments, calls one function, prints, exits."""

from __future__ import annotations


def main() -> None:
    """The entry point; ends the process with a documented exit code."""
    from poolsize.cli.run import run  # here: whoever imports a command for a test starts no program

    run()
