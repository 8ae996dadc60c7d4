"""The databases that can be probed. A new one is one file and one line here."""

from __future__ import annotations

from importlib import import_module, util
from typing import Final, cast

from poolsize.datatypes import DatabaseFacts
from poolsize.dsn import Dsn, parse
from poolsize.errors import MissingDriverError
from poolsize.installation import install_command
from poolsize.probe.dialect import Dialect, ProbeDialect, ProbeOptions, Progress

_ENTRIES = (
    Dialect("postgresql", "PostgreSQL and PgBouncer", "poolsize.probe.postgresql", "psycopg", "postgresql"),
    Dialect("mysql", "MySQL", "poolsize.probe.mysql", "pymysql", "mysql"),
    Dialect("mariadb", "MariaDB", "poolsize.probe.mysql", "pymysql", "mysql"),
    Dialect("sqlite", "SQLite", "poolsize.probe.sqlite", "", ""),
)
DIALECTS: Final = {entry.name: entry for entry in _ENTRIES}


def ask(dsn: str | Dsn, options: ProbeOptions | None, on_progress: Progress | None) -> DatabaseFacts:
    """See `poolsize.probe`."""
    parsed = parse(dsn) if isinstance(dsn, str) else dsn
    probe = cast(ProbeDialect, import_module(with_driver(parsed.dialect).module).probe)
    return probe(parsed, options or ProbeOptions(), on_progress or (lambda _what, _share: None))


def with_driver(name: str) -> Dialect:
    """The entry of that name. Raises MissingDriverError, with the command that mends it, when its driver is not
    installed."""
    entry = DIALECTS[name]
    if entry.driver and util.find_spec(entry.driver) is None:
        raise MissingDriverError(
            f"To probe {entry.title}, a driver must be installed first: {install_command(entry.extra)}"
        )
    return entry
