"""The last line against a password in the output: every DSN of this run masks all that goes to stderr or JSON.

Each part of poolsize masks what it says itself; this is for a driver's or the interpreter's own words, in a traceback.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from poolsize.dsn import Dsn

_SEEN: Final[list[Dsn]] = []
_VARIABLES: Final = ("PGPASSWORD", "MYSQL_PWD", "PGSSLPASSWORD")


def read_dsn(argument: str | None) -> Dsn:
    """The DSN that a command was given, as an argument, a file, stdin or DATABASE_URL; remembered for `masked`.

    Raises DsnError and FileError.
    """
    from poolsize.dsn import parse, read_argument  # here: a command without a DSN needs no parser

    dsn = parse(read_argument(argument))
    remember(dsn)
    return dsn


def remember(dsn: Dsn) -> None:
    """Its secrets are masked from now on."""
    _SEEN.append(dsn)


def masked(text: str) -> str:
    """`text` without the password of any DSN seen so far, or of the variables that clients read it from."""
    more = [os.environ.get(name) for name in _VARIABLES]
    for dsn in _SEEN:
        text = dsn.mask(text, *more)
    return text
