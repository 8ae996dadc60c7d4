"""Ask a real database what a connection costs, how many it allows, and who holds them."""

from __future__ import annotations

from importlib import import_module, util
from typing import cast

from poolsize.datatypes import DatabaseFacts
from poolsize.dsn import Dsn, parse
from poolsize.errors import MissingDriverError
from poolsize.installation import install_command
from poolsize.probe.dialect import Dialect, ProbeDialect, ProbeOptions, Progress

__all__ = ["DIALECTS", "ProbeOptions", "Progress", "probe"]

_ENTRIES = (
    Dialect("postgresql", "PostgreSQL and PgBouncer", "poolsize.probe.postgresql", "psycopg", "postgresql"),
    Dialect("mysql", "MySQL", "poolsize.probe.mysql", "pymysql", "mysql"),
    Dialect("mariadb", "MariaDB", "poolsize.probe.mysql", "pymysql", "mysql"),
    Dialect("sqlite", "SQLite", "poolsize.probe.sqlite", "", ""),
)
DIALECTS = {entry.name: entry for entry in _ENTRIES}


def probe(dsn: str | Dsn, options: ProbeOptions | None = None, *, on_progress: Progress | None = None) -> DatabaseFacts:
    """Measure one database within the bounds of `options` (default: about 20 s, read-only).

    Raises DsnError for a text that is no DSN, MissingDriverError when the extra is not installed, and the
    children of DatabaseError, which carry the facts known so far.
    """
    parsed = parse(dsn) if isinstance(dsn, str) else dsn
    entry = DIALECTS[parsed.dialect]
    if entry.driver and util.find_spec(entry.driver) is None:
        raise MissingDriverError(f"{entry.title} needs a driver that is not installed: {install_command(entry.extra)}")
    ask = cast(ProbeDialect, import_module(entry.module).probe)
    return ask(parsed, options or ProbeOptions(), on_progress or (lambda _what, _share: None))
