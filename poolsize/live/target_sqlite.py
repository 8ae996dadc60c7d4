"""Load on a SQLite file, which has no server: its work is done in the threads that ask for it."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from poolsize.dsn import Dsn
from poolsize.errors import DatabaseError, PoolsizeError, UnreachableError, UsageError
from poolsize.live.target import Reach
from poolsize.probe.sqlite import read_only_uri


class SqliteTarget:
    """See `Target`. The bound on a statement is that on waiting for another's lock; nothing else makes one wait."""

    def __init__(self, dsn: Dsn, reach: Reach) -> None:
        self.dsn = dsn
        self.reach = reach
        name = (dsn.database or ":memory:").removeprefix("file:")
        if name in ("", ":memory:") or dsn.options.get("mode") == "memory":
            raise UsageError("A SQLite database in memory is one connection's own: give the DSN of a file.")
        self._path = Path(name).absolute()
        self._begin = "BEGIN IMMEDIATE" if reach.allow_writes else "BEGIN"

    def connect(self) -> sqlite3.Connection:
        try:
            uri = f"{self._path.as_uri()}?mode=rw" if self.reach.allow_writes else read_only_uri(self._path)
            connection = sqlite3.connect(
                uri, uri=True, timeout=self.reach.statement_timeout_s, isolation_level=None, check_same_thread=False
            )
            try:
                connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
            except BaseException:
                connection.close()
                raise
        except OSError as error:
            raise UnreachableError(f"The SQLite file {self._path} cannot be read: {error.strerror}.") from None
        except sqlite3.Error as error:
            raise self.explain(error) from None
        return connection

    def run(self, connection: sqlite3.Connection, statement: str, parameters: Sequence[Any] = ()) -> None:
        try:
            connection.execute(self._begin)
            try:
                connection.execute(statement, tuple(parameters)).fetchall()
                connection.execute("COMMIT")
            except sqlite3.Error:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise self.explain(error) from None

    def ping(self, connection: sqlite3.Connection) -> None:
        try:
            connection.execute("SELECT 1").fetchone()
        except sqlite3.Error as error:
            raise self.explain(error) from None

    def close(self, connection: sqlite3.Connection) -> None:
        with contextlib.suppress(Exception):
            connection.close()

    def abort(self, connection: sqlite3.Connection) -> None:
        with contextlib.suppress(Exception):
            connection.interrupt()

    def placeholder(self, position: int) -> str:
        return f"?{position}"

    def literal(self, text: str) -> str:
        return text

    def explain(self, error: Exception) -> PoolsizeError:
        if isinstance(error, PoolsizeError):
            return error
        is_write = getattr(error, "sqlite_errorname", "").startswith("SQLITE_READONLY")
        advice = "; load is read-only unless --allow-writes is given" if is_write else ""
        return DatabaseError(f"SQLite refuses on {self._path}: {error}{advice}.")


def target(dsn: Dsn, reach: Reach) -> SqliteTarget:
    """See `target_of`."""
    return SqliteTarget(dsn, reach)
