"""Load on PostgreSQL, or on PgBouncer in front of it."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import psycopg

from poolsize.dsn import Dsn
from poolsize.errors import DatabaseError, PoolsizeError
from poolsize.live.target import Reach
from poolsize.probe.dialect import ProbeOptions
from poolsize.probe.postgresql_connect import Connector
from poolsize.probe.postgresql_failures import Answer, kind_by_words, lost
from poolsize.probe.postgresql_libpq import pq

if TYPE_CHECKING:
    from psycopg.pq.abc import PGconn, PGresult

_FAILED: Final = pq.ExecStatus.FATAL_ERROR
_CHECKS_CLIENT_SINCE: Final = 140000
"""client_connection_check_interval, with which a server notices within a statement that its client is gone."""
_CHECK_MS: Final = 1000


class PostgresTarget:
    """See `Target`. `run` uses libpq's blocking calls, which hold no lock of Python's while the server works: a
    process then makes three times as many operations as through psycopg's cursors."""

    def __init__(self, dsn: Dsn, reach: Reach) -> None:
        self.dsn = dsn
        self.reach = reach
        options = ProbeOptions(connect_timeout_s=reach.connect_timeout_s, statement_timeout_s=reach.statement_timeout_s)
        self._connector = Connector(dsn, options)
        milliseconds = int(reach.statement_timeout_s * 1000)
        mode = "" if reach.allow_writes else " READ ONLY"
        bound = f"; SET LOCAL statement_timeout = {milliseconds}" if reach.is_pooled else ""
        self._begin = f"BEGIN{mode}{bound}".encode()
        self._advice = {
            "25006": "; load is read-only unless --allow-writes is given",
            "57014": f"; a statement of load is given {reach.statement_timeout_s:g} s",
        }
        characteristics = "" if reach.allow_writes else "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY; "
        self._prepare = f"{characteristics}SET statement_timeout = {milliseconds}".encode()

    def conninfo(self) -> str:
        """What libpq is given, with its secrets: for a pool that opens its own connections. Never print it."""
        return self._connector.text(self._connector.conninfo.hosts, None)

    def connect(self) -> psycopg.Connection[Any]:
        session = self._connector.open()
        try:
            if not self.reach.is_pooled:
                self._set_up(session.pgconn)
            connection: psycopg.Connection[Any] = psycopg.Connection(session.pgconn)
            connection.autocommit = True
            connection.read_only = None if self.reach.allow_writes else True
        except BaseException:
            session.close()
            raise
        return connection

    def _set_up(self, pgconn: PGconn) -> None:
        self._checked(pgconn, pgconn.exec_(self._prepare))
        if pgconn.server_version >= _CHECKS_CLIENT_SINCE:
            # Refused where the server's system cannot notice it (Windows), and the statement timeout must do.
            pgconn.exec_(f"SET client_connection_check_interval = {_CHECK_MS}".encode())

    def run(self, connection: psycopg.Connection[Any], statement: str, parameters: Sequence[Any] = ()) -> None:
        pgconn = connection.pgconn
        values = [str(value).encode() for value in parameters] if parameters else None
        try:
            self._checked(pgconn, pgconn.exec_(self._begin))
            try:
                self._checked(pgconn, pgconn.exec_params(statement.encode(), values))
                self._checked(pgconn, pgconn.exec_(b"COMMIT"))
            except DatabaseError:
                if pgconn.status == pq.ConnStatus.OK:
                    pgconn.exec_(b"ROLLBACK")
                raise
        except psycopg.Error as error:
            raise self.explain(error) from None

    def ping(self, connection: psycopg.Connection[Any]) -> None:
        try:
            self._checked(connection.pgconn, connection.pgconn.exec_(b"SELECT 1"))
        except psycopg.Error as error:
            raise self.explain(error) from None

    def close(self, connection: psycopg.Connection[Any]) -> None:
        with contextlib.suppress(Exception):
            connection.close()

    def abort(self, connection: psycopg.Connection[Any]) -> None:
        """The socket is shut down and not closed: libpq still has it."""
        with contextlib.suppress(Exception), socket.socket(fileno=os.dup(connection.pgconn.socket)) as same:
            same.shutdown(socket.SHUT_RDWR)

    def placeholder(self, position: int) -> str:
        return f"${position}"

    def literal(self, text: str) -> str:
        return text

    def explain(self, error: Exception) -> PoolsizeError:
        if isinstance(error, PoolsizeError):
            return error
        words = str(error).strip().partition("\n")[0].removeprefix("FATAL:").strip() or type(error).__name__
        if isinstance(error, psycopg.OperationalError) and error.sqlstate is None:
            return lost(words, self._connector.conninfo.hosts[0], self._connector.mask)
        code = error.sqlstate if isinstance(error, psycopg.Error) else None
        return self._refusal(words, code or "")

    def _checked(self, pgconn: PGconn, result: PGresult) -> None:
        if result.status != _FAILED:
            return
        words = _field(result, pq.DiagnosticField.MESSAGE_PRIMARY)
        code = _field(result, pq.DiagnosticField.SQLSTATE)
        if pgconn.status == pq.ConnStatus.BAD:
            said = words or result.error_message.decode(errors="replace").strip().partition("\n")[0]
            raise lost(said, self._connector.conninfo.hosts[0], self._connector.mask)
        raise self._refusal(words, code)

    def _refusal(self, words: str, code: str) -> DatabaseError:
        kind = kind_by_words([Answer(code, words)]) or DatabaseError
        advice = self._advice.get(code, "")
        shown = f" ({code})" if code else ""
        host = self._connector.conninfo.hosts[0]
        return kind(self._connector.mask(f"The server at {host} refuses: {words.rstrip('.')}{shown}{advice}."))


def _field(result: PGresult, field: pq.DiagnosticField) -> str:
    return (result.error_field(field) or b"").decode(errors="replace")


def target(dsn: Dsn, reach: Reach) -> PostgresTarget:
    """See `target_of`."""
    return PostgresTarget(dsn, reach)
