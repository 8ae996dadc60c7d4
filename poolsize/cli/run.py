"""Run the application and end with a documented exit code, one sentence on stderr, and a document with --json."""

from __future__ import annotations

import os
import sys
import traceback
from itertools import pairwise
from typing import Final, NoReturn

import typer
from typer.exceptions import TyperException

from poolsize.cli import signals, streams
from poolsize.cli.app import app
from poolsize.cli.commands import COMMANDS
from poolsize.cli.masking import masked
from poolsize.errors import PoolsizeError, UsageError

LOST: Final = 1
BUG: Final = 70
INTERRUPTED: Final = 130
TERMINATED: Final = 143
NO_READER: Final = 141
"""128 + the signal's number, as a shell reports it: SIGINT, SIGTERM, SIGPIPE."""
_REPORT: Final = "please report it with the output of --debug"
_COMPLETION: Final = "_POOLSIZE_COMPLETE"
"""The variable by which a shell asks for completions; typer then ends the program itself."""


def run() -> NoReturn:
    """The whole program; arguments from sys.argv."""
    signals.install()
    streams.prepare()
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    sys.exit(_code(arguments or ["--help"], debug=len(arguments) < len(sys.argv) - 1))


def _code(arguments: list[str], *, debug: bool) -> int:
    try:
        code = _outcome(arguments, debug=debug)
        sys.stdout.flush()
        return code
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except signals.Terminated:
        return TERMINATED
    except BrokenPipeError:
        return _no_reader()
    except SystemExit as ended:
        # typer and rich end a program with 1 whose reader has gone, typer also one that a shell asks for completions.
        return _no_reader() if ended.code == 1 and _COMPLETION not in os.environ else int(ended.code or 0)
    except OSError as error:
        _tell(f"The output cannot be written: {error.strerror}.")
        streams.abandon()
        return LOST


def _no_reader() -> int:
    streams.abandon()
    return NO_READER


def _outcome(arguments: list[str], *, debug: bool) -> int:
    """The exit code, after everything is said. Raises OSError only where stdout or stderr cannot be written."""
    try:
        return app(arguments, prog_name="poolsize", standalone_mode=False) or 0
    except (PoolsizeError, TyperException) as error:
        return _failed(error, arguments)
    except Exception as error:
        if isinstance(error, OSError) and (isinstance(error, BrokenPipeError) or error.errno in streams.LOST):
            raise
        return _bug(error, arguments, debug=debug)


def _failed(error: PoolsizeError | TyperException, arguments: list[str]) -> int:
    known = error if isinstance(error, PoolsizeError) else _in_our_words(error, arguments)
    _tell(known.message)
    for command in known.next:
        _say(f"Next: {command}")
    if _wants_json(arguments):
        from poolsize.cli.failure import failure_document  # here: a run without a failure needs none of it

        print(failure_document(_command(arguments), known))
    return known.exit_code


def _in_our_words(error: TyperException, arguments: list[str]) -> UsageError:
    """The parser's complaint, in one line."""
    message = " ".join(error.format_message().split()).rstrip(".")
    return UsageError(f"{message}.", next=(" ".join(filter(None, ("poolsize", _command(arguments), "--help"))),))


def _bug(error: Exception, arguments: list[str], *, debug: bool) -> int:
    if debug:
        _say("".join(traceback.format_exception(error)).rstrip())
    _tell(f"This is a bug in poolsize ({type(error).__name__}); {_REPORT}.")
    if _wants_json(arguments):
        from poolsize.cli.failure import bug_document  # here: a run without a failure needs none of it

        print(bug_document(_command(arguments), error))
    return BUG


def _wants_json(arguments: list[str]) -> bool:
    """However the arguments continue: a failure may be that they cannot be read."""
    return "--json" in arguments or "--format=json" in arguments or ("--format", "json") in pairwise(arguments)


def _command(arguments: list[str]) -> str:
    return next((argument for argument in arguments if argument in COMMANDS), "")


def _tell(sentence: str) -> None:
    """On stderr, as wide as the terminal."""
    from poolsize.cli.output import note  # here: a run without a failure may need none of it

    note(sentence)


def _say(text: str) -> None:
    """On stderr as it stands, for it is copied; without any password that this run has seen."""
    print(masked(text), file=sys.stderr)
