"""Ask one thing after another, in one read-only transaction that leaves nothing behind."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Final

from poolsize.datatypes import Unread
from poolsize.errors import DatabaseError
from poolsize.probe.measuring import out_of_time
from poolsize.probe.postgresql_session import Row, Session, StatementError

_NO_TRANSACTIONS: Final = "transaction blocks not allowed"
"""PgBouncer's word in statement mode (1.18 to 1.24), with which it also ends the session."""


class StatementPoolingError(Exception):
    """The pooler allows no transaction: ask again in a new session, statement by statement."""


class Reader:
    """Asks within a transaction, so that its timeout and read-only mode are gone with it: behind a pooler a plain SET
    would stay with a server connection that somebody else gets next. What the server refuses goes to `unread`.

    After `deadline` (`time.monotonic()`) it asks no more. `in_transaction` False: no settings at all, for a pooler that
    hands each statement to another connection.
    """

    def __init__(self, session: Session, deadline: float, *, in_transaction: bool = True) -> None:
        self.session = session
        self._deadline = deadline
        self.unread: list[Unread] = []
        self._in_transaction = in_transaction
        self._is_open = False

    def __enter__(self) -> Reader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._is_open and kind is None:
            self._end()

    def rows(self, statement: str) -> list[Row]:
        """Raises StatementError for what the server refuses, a DatabaseError when the session is lost."""
        if self._in_transaction and not self._is_open:
            self._begin()
        try:
            return self.session.rows(statement)
        except StatementError:
            if self._is_open:
                self._end()
            raise

    def attempt(self, name: str, statement: str, remedy: str = "") -> list[Row] | None:
        """The rows, or None with `name` listed as unread."""
        if time.monotonic() >= self._deadline:
            self.unread.append(out_of_time(name))
            return None
        try:
            return self.rows(statement)
        except StatementError as error:
            self.unread.append(Unread(name=name, reason=f"The server says: {error.message}.", remedy=remedy))
            return None

    def _begin(self) -> None:
        milliseconds = int(self.session.statement_timeout_s * 1000)
        try:
            self.session.rows(f"BEGIN READ ONLY; SET LOCAL statement_timeout = {milliseconds}")
        except (StatementError, DatabaseError) as error:
            if _NO_TRANSACTIONS in str(error):
                raise StatementPoolingError from None
            raise
        self._is_open = True

    def _end(self) -> None:
        self._is_open = False
        self.session.rows("ROLLBACK")
