"""Load on MySQL and MariaDB."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Sequence
from typing import Any, Final

import pymysql

from poolsize.dsn import Dsn
from poolsize.errors import PoolsizeError, UnreachableError
from poolsize.live.target import Reach
from poolsize.probe.dialect import ProbeOptions
from poolsize.probe.mysql_connect import Connector, TimedConnection
from poolsize.probe.mysql_facts import prepare

_LOST: Final = frozenset({2006, 2013, 2014, 4031, 1927, 1053, 0})
"""Gone away, lost, out of step, idle too long, killed, shutting down; 0 is PyMySQL's for a closed connection."""
_READS_ONLY: Final = "SET SESSION TRANSACTION READ ONLY"
"""Said before each statement, since the one before it may have said otherwise."""


class MysqlTarget:
    """See `Target`. A statement is a transaction of its own by autocommit: START TRANSACTION READ ONLY would be ended
    by DDL before it is refused."""

    def __init__(self, dsn: Dsn, reach: Reach) -> None:
        self.dsn = dsn
        self.reach = reach
        options = ProbeOptions(connect_timeout_s=reach.connect_timeout_s, statement_timeout_s=reach.statement_timeout_s)
        self._connector = Connector(dsn, options)
        bounded = f"a statement of load is given {reach.statement_timeout_s:g} s"
        self._advice: dict[int | None, str] = {
            1792: "load is read-only unless --allow-writes is given",  # ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION
            1969: bounded,  # ER_STATEMENT_TIMEOUT of MariaDB
            3024: bounded,  # ER_QUERY_TIMEOUT of MySQL
        }

    def connect(self) -> TimedConnection:
        connection = self._connector.open()
        try:
            prepare(connection, self.reach.statement_timeout_s)
            if self.reach.allow_writes:
                _ask(connection, "SET SESSION TRANSACTION READ WRITE")
            connection.autocommit(True)
        except (pymysql.MySQLError, OSError) as error:
            self.close(connection)
            raise self.explain(error) from None
        except BaseException:
            self.close(connection)
            raise
        return connection

    def run(self, connection: TimedConnection, statement: str, parameters: Sequence[Any] = ()) -> None:
        try:
            if not self.reach.allow_writes:
                _ask(connection, _READS_ONLY)
            _ask(connection, statement, parameters)
        except (pymysql.MySQLError, OSError) as error:
            raise self.explain(error) from None

    def ping(self, connection: TimedConnection) -> None:
        try:
            _ask(connection, "SELECT 1")
        except (pymysql.MySQLError, OSError) as error:
            raise self.explain(error) from None

    def close(self, connection: TimedConnection) -> None:
        with contextlib.suppress(Exception):
            connection.close()

    def abort(self, connection: TimedConnection) -> None:
        with contextlib.suppress(Exception):
            if connection._sock is not None:
                connection._sock.shutdown(socket.SHUT_RDWR)

    def placeholder(self, position: int) -> str:  # noqa: ARG002 - other dialects number theirs
        return "%s"

    def literal(self, text: str) -> str:
        return text.replace("%", "%%")

    def explain(self, error: Exception) -> PoolsizeError:
        if isinstance(error, PoolsizeError):
            return error
        code = error.args[0] if error.args and isinstance(error.args[0], int) else None
        where = self._connector.unix_socket or f"{self._connector.host}:{self._connector.port}"
        if isinstance(error, pymysql.err.InterfaceError) or code in _LOST:
            words = str(error.args[1]) if len(error.args) > 1 and error.args[1] else "without a word"
            return UnreachableError(self.dsn.mask(f"{where} ended the session: {words.rstrip('.')}."))
        found = self._connector.explain(error)
        advice = self._advice.get(code)
        return type(found)(f"{found.message.rstrip('.')}; {advice}.") if advice else found


def _ask(connection: TimedConnection, statement: str, parameters: Sequence[Any] = ()) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, tuple(parameters) or None)
        cursor.fetchall()


def target(dsn: Dsn, reach: Reach) -> MysqlTarget:
    """See `target_of`."""
    return MysqlTarget(dsn, reach)
