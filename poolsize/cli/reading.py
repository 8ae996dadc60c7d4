"""Options whose text is more than a number; and the command line as it can be run again."""

from __future__ import annotations

import shlex
import sys

from poolsize.cli.masking import masked
from poolsize.errors import UsageError


def usl_of(text: str | None) -> tuple[float, float] | None:
    """alpha and beta of `0.05,0.002`."""
    if text is None:
        return None
    try:
        alpha, beta = map(float, text.split(","))
    except ValueError:
        raise UsageError(f"--usl {text!r} is not alpha,beta, such as 0.05,0.002.") from None
    return alpha, beta


def reproduced(dsn: str | None) -> str:
    """The command line as it was typed, with "$DATABASE_URL" in the place of a DSN that holds a password."""
    is_secret = dsn is not None and masked(dsn) != dsn
    words = ['"$DATABASE_URL"' if is_secret and word == dsn else shlex.quote(word) for word in sys.argv[1:]]
    return " ".join(["poolsize", *words])
