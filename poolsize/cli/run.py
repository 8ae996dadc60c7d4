"""Run the application and end with a documented exit code, one sentence on stderr, and a document with --json."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from types import FrameType
from typing import Final, NoReturn

import typer
from typer.exceptions import TyperException

from poolsize.cli.app import app
from poolsize.cli.commands import COMMANDS
from poolsize.cli.masking import masked
from poolsize.errors import PoolsizeError, UsageError

BUG: Final = 70
INTERRUPTED: Final = 130
TERMINATED: Final = 143
NO_READER: Final = 141
"""128 + the signal's number, as a shell reports it: SIGINT, SIGTERM, SIGPIPE."""
_REPORT: Final = "please report it with the output of --debug"


class Terminated(BaseException):
    """SIGTERM, as an exception, so that everything open is closed on the way out."""


def run() -> NoReturn:
    """The whole program; arguments from sys.argv."""
    signal.signal(signal.SIGTERM, _terminate)
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    sys.exit(_code(arguments, debug=len(arguments) < len(sys.argv) - 1))


def _terminate(_number: int, _frame: FrameType | None) -> NoReturn:
    raise Terminated


def _code(arguments: list[str], *, debug: bool) -> int:
    try:
        code = app(arguments, prog_name="poolsize", standalone_mode=False)
        sys.stdout.flush()
        return code or 0
    except (PoolsizeError, TyperException) as error:
        return _failed(error, arguments)
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except Terminated:
        return TERMINATED
    except BrokenPipeError:
        # Whoever read has gone; the interpreter's own flush at exit must not complain of it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return NO_READER
    except Exception as error:
        return _bug(error, arguments, debug=debug)


def _failed(error: PoolsizeError | TyperException, arguments: list[str]) -> int:
    known = error if isinstance(error, PoolsizeError) else UsageError(error.format_message().strip().rstrip("."))
    if known is not error:
        known.message += "."
        known.next = (f"poolsize {_command(arguments)} --help".replace("  ", " "),)
    _say(known.message)
    for command in known.next:
        _say(f"Next: {command}")
    if "--json" in arguments:
        from poolsize.cli.failure import failure_document  # here: a run without a failure needs none of it

        print(failure_document(_command(arguments), known))
    return known.exit_code


def _bug(error: Exception, arguments: list[str], *, debug: bool) -> int:
    if debug:
        _say("".join(traceback.format_exception(error)).rstrip())
    _say(f"This is a bug in poolsize ({type(error).__name__}); {_REPORT}.")
    if "--json" in arguments:
        from poolsize.cli.failure import bug_document  # here: a run without a failure needs none of it

        print(bug_document(_command(arguments), error))
    return BUG


def _command(arguments: list[str]) -> str:
    return next((argument for argument in arguments if argument in COMMANDS), "")


def _say(text: str) -> None:
    """On stderr, without any password that this run has seen."""
    print(masked(text), file=sys.stderr)
