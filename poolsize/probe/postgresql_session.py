"""One open session: statements with a bound on the time, whether or not the server keeps to its own."""

from __future__ import annotations

import selectors
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Final

from poolsize.errors import DatabaseError, UnreachableError
from poolsize.probe.postgresql_failures import lost
from poolsize.probe.postgresql_libpq import OperationalError, pq

if TYPE_CHECKING:
    from psycopg.pq.abc import PGconn, PGresult

    from poolsize.probe.postgresql_conninfo import Host

Row = Mapping[str, str | None]
"""A row in the server's own text form."""

_GRACE_S: Final = 1.0
"""The server ends a statement at its timeout; when it has not said so by then, it is gone."""
_RETURNED_ROWS: Final = (pq.ExecStatus.TUPLES_OK, pq.ExecStatus.SINGLE_TUPLE)


class StatementError(Exception):
    """The server refused a statement and the session goes on. `code` is the SQLSTATE."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Session:
    """Closed at the end of its `with`. `phases`: what opening it took, seconds."""

    def __init__(
        self,
        pgconn: PGconn,
        phases: Mapping[str, float],
        host: Host,
        statement_timeout_s: float,
        mask: Callable[[str], str],
    ) -> None:
        self.pgconn = pgconn
        self.phases = phases
        self.host = host
        self.statement_timeout_s = statement_timeout_s
        self._mask = mask

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self.pgconn.finish()

    def parameter(self, name: str) -> str | None:
        """What the server, or a pooler in its place, reported at the login."""
        found = self.pgconn.parameter_status(name.encode())
        return None if found is None else found.decode(errors="replace")

    def rows(self, statement: str) -> list[Row]:
        """The rows of the last statement of the text. Raises StatementError, or a DatabaseError when the session
        is lost or nothing comes within the statement timeout."""
        try:
            results = self._results(statement.encode(), time.monotonic() + self.statement_timeout_s + _GRACE_S)
        except OperationalError:
            raise self._lost() from None
        for result in results:
            if result.status == pq.ExecStatus.FATAL_ERROR:
                raise self._refused(result)
        return _rows(results[-1]) if results and results[-1].status in _RETURNED_ROWS else []

    def _results(self, statement: bytes, end: float) -> list[PGresult]:
        self.pgconn.nonblocking = 1
        self.pgconn.send_query(statement)
        while self.pgconn.flush():
            self._wait(selectors.EVENT_READ | selectors.EVENT_WRITE, end)
            self.pgconn.consume_input()
        results: list[PGresult] = []
        while True:
            while self.pgconn.is_busy():
                self._wait(selectors.EVENT_READ, end)
                self.pgconn.consume_input()
            result = self.pgconn.get_result()
            if result is None:
                return results
            results.append(result)

    def _wait(self, events: int, end: float) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self.pgconn.socket, events)
            if not selector.select(max(end - time.monotonic(), 0.0)):
                raise UnreachableError(
                    f"{self.host} gave no answer to a statement within {self.statement_timeout_s + _GRACE_S:g} s."
                )

    def _refused(self, result: PGresult) -> StatementError | DatabaseError:
        words = _field(result, pq.DiagnosticField.MESSAGE_PRIMARY)
        if self.pgconn.status == pq.ConnStatus.BAD:
            return lost(words, self.host, self._mask)
        return StatementError(_field(result, pq.DiagnosticField.SQLSTATE), self._mask(words))

    def _lost(self) -> DatabaseError:
        words = self.pgconn.error_message.decode(errors="replace").strip().partition("\n")[0]
        return lost(words, self.host, self._mask)


def _rows(result: PGresult) -> list[Row]:
    names = [(result.fname(column) or b"").decode() for column in range(result.nfields)]
    return [
        {name: _text(result.get_value(row, column)) for column, name in enumerate(names)}
        for row in range(result.ntuples)
    ]


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode(errors="replace")


def _field(result: PGresult, field: pq.DiagnosticField) -> str:
    return (result.error_field(field) or b"").decode(errors="replace")
