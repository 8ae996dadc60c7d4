"""Options whose text is more than a number: `25%`, `5+10`; and the command line as it can be run again."""

from __future__ import annotations

import math
import re
import shlex
import sys
from typing import Final

from poolsize.cli.masking import masked
from poolsize.errors import UsageError

SQLALCHEMY_DEFAULT: Final = (5, 10)
"""pool_size and max_overflow of create_engine (SQLAlchemy 2.0 and 2.1)."""


def surge_of(text: str | None, instances: int) -> int | None:
    """Instances of `2`, or of `25%` rounded up as Kubernetes does; None for the default."""
    if text is None:
        return None
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(%?)\s*", text)
    if match is None or (not match[2] and not match[1].isdigit()):
        raise UsageError(f"--surge {text!r} is neither a number of instances nor a percentage, such as 1 or 25%.")
    return math.ceil(float(match[1]) / 100 * instances) if match[2] else int(match[1])


def current_of(text: str | None) -> tuple[int, int] | None:
    """pool_size and max_overflow of `5+10`, or SQLAlchemy's own for `default`."""
    if text is None:
        return None
    if text == "default":
        return SQLALCHEMY_DEFAULT
    match = re.fullmatch(r"\s*(\d+)\s*\+\s*(-1|\d+)\s*", text)
    if match is None:
        raise UsageError(f"--current {text!r} is not pool_size+max_overflow, such as 5+10, nor the word default.")
    return int(match[1]), int(match[2])


def reproduced(dsn: str | None) -> str:
    """The command line as it was typed, with "$DATABASE_URL" in the place of a DSN that holds a password."""
    is_secret = dsn is not None and masked(dsn) != dsn
    words = ['"$DATABASE_URL"' if is_secret and word == dsn else shlex.quote(word) for word in sys.argv[1:]]
    return " ".join(["poolsize", *words])
