"""The command line as it can be run again."""

from __future__ import annotations

import shlex
import sys

from poolsize.cli.masking import masked


def reproduced(dsn: str | None) -> str:
    """The command line as it was typed, with "$DATABASE_URL" in the place of a DSN that holds a password."""
    is_secret = dsn is not None and masked(dsn) != dsn
    words = ['"$DATABASE_URL"' if is_secret and word == dsn else shlex.quote(word) for word in sys.argv[1:]]
    return " ".join(["poolsize", *words])
