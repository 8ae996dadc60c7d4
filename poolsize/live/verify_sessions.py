"""How many connections of the pool the server has, as the server itself says."""

from __future__ import annotations

import threading
from typing import Any, Final

from poolsize.live.pools.pool import Book
from poolsize.live.target import Target

LOOK_S: Final = 0.25
"""Four times a second."""


class SessionCount:
    """The most that were seen at once; looked at by a connection of its own, in a thread of its own."""

    def __init__(self, target: Target, stop: threading.Event) -> None:
        self.highest: int | None = None
        """None: could not be looked at."""
        self._book: Book | None = None
        self._target, self._stop = target, stop
        self._thread = threading.Thread(target=self._watch, name="poolsize sessions", daemon=True)

    def count(self, book: Book) -> None:
        """Those of this pool, from the first call on."""
        if self._book is None:
            self._book = book
            self._thread.start()

    def join(self) -> None:
        if self._book is not None:
            self._thread.join(2 * LOOK_S)

    def _watch(self) -> None:
        connection = None
        try:
            connection = self._target.connect()
            while not self._stop.wait(LOOK_S):
                seen = self._now(connection, self._book)
                self.highest = max(seen, self.highest or 0)
        except Exception:  # a server that is gone is the guard's to tell; what was seen stays
            return
        finally:
            if connection is not None:
                self._target.close(connection)

    def _now(self, connection: Any, book: Book | None) -> int:
        numbers = sorted(book.sessions) if book else []
        if not numbers:
            return 0
        listed = ", ".join(map(str, numbers))
        is_postgresql = self._target.dsn.dialect == "postgresql"
        table, column = ("pg_stat_activity", "pid") if is_postgresql else ("information_schema.processlist", "id")
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT count(*) FROM {table} WHERE {column} IN ({listed})")  # noqa: S608 - numbers
            row: Any = cursor.fetchone()
        return int(row[0])
