"""Whether a pool's library is installed, and which one."""

from __future__ import annotations

from importlib import metadata, util

from poolsize.errors import MissingDriverError
from poolsize.live.pools import PoolKind


def check_installed(kind: PoolKind) -> None:
    """Raises MissingDriverError with the command that installs it."""
    if any(util.find_spec(package) is None for package in kind.packages):
        raise MissingDriverError(f'{kind.name} is not installed here: pip install "{kind.install}"')


def version_of(kind: PoolKind) -> str:
    """`SQLAlchemy 2.1.9`; empty for a pooler, whose version its probe says."""
    if not kind.packages:
        return ""
    name = kind.install.partition("[")[0]
    found = metadata.distribution(name)
    return f"{found.metadata['Name']} {found.version}"
