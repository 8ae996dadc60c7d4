"""The PgBouncer of this machine: what it is able to do depends on its version."""

from __future__ import annotations

import re
import subprocess
from functools import cache

from tests.servers.process import needed


@cache
def installed_version() -> tuple[int, ...]:
    """(1, 18, 0)"""
    told = subprocess.run([needed("PgBouncer"), "--version"], capture_output=True, text=True, check=True)
    match = re.search(r"PgBouncer (\d+)\.(\d+)\.(\d+)", told.stdout)
    assert match is not None
    return tuple(map(int, match.groups()))


def tracking(statements: int) -> dict[str, str | int]:
    """The setting that makes it track so many prepared statements of a client. Before 1.21 there is none."""
    return {"max_prepared_statements": statements} if installed_version() >= (1, 21) else {}
