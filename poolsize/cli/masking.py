"""The last line against a password in the output: everything that goes to stderr or tells a failure passes here.

Each part of poolsize masks what it says itself; this is for what was typed in the wrong place, and for a driver's or
the interpreter's own words, in a traceback.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from poolsize.dsn import Dsn

_SEEN: Final[list[Dsn]] = []
_URLS: Final = ("DATABASE_URL", "POOLSIZE_STORE")
_OF_LIBPQ: Final = "PGPASSWORD"
"""libpq's variable, the one that a database's password may be in beside a DSN; PyMySQL reads none."""
_SECRET: Final = re.compile(r"(?:[^/\s]*://)?[^/\s:]*:(.+)@|.*?pass\w*\s*=\s*(.+)", re.IGNORECASE | re.DOTALL)
"""What may be the password in a text that is like a DSN and is none."""


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
    """`text` without the password of any DSN that was read, typed or set as a variable, or of libpq's variable."""
    for dsn in (*_SEEN, *_typed()):
        text = dsn.mask(text)
    password = os.environ.get(_OF_LIBPQ)
    if password:
        text = _whose().mask(text, password)
    return text


def _whose() -> Dsn:
    """The DSN that libpq's variable goes with: its user, host and database are no secrets, even where they are the
    password's too."""
    from poolsize.dsn import Dsn  # here: most runs mask nothing

    return next((dsn for dsn in reversed(_SEEN) if dsn.dialect == "postgresql"), Dsn("", "", dialect=""))


def _typed() -> Iterator[Dsn]:
    """Whatever is like a DSN among the words of the command line and the variables, wherever it stands."""
    for word in (*sys.argv[1:], *(os.environ.get(name, "") for name in _URLS)):
        for part in (word, word.partition("=")[2]):  # --option=DSN
            if "@" in part or "pass" in part.lower():
                yield from _dsn_like(part)


def _dsn_like(text: str) -> Iterator[Dsn]:
    from poolsize.dsn import Dsn, parse  # here: most runs mask nothing
    from poolsize.errors import DsnError

    try:
        yield parse(text)
    except DsnError:
        found = _SECRET.match(text)
        if found:
            yield Dsn(text, "", dialect="", secrets=frozenset((found[1] or found[2],)))
