"""What an open MySQL or MariaDB connection can tell: limits, sessions, timeouts, memory. Read-only."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

import pymysql

from poolsize.datatypes import ConnectionMemory, Layer, Limits, ServerTimeouts, SessionGroup, Unread, limits_of
from poolsize.probe.mysql_connect import TimedConnection

Row = Mapping[str, Any]

BUFFERS: Final = (
    "thread_stack",
    "sort_buffer_size",
    "join_buffer_size",
    "read_buffer_size",
    "read_rnd_buffer_size",
    "net_buffer_length",
    "binlog_cache_size",
)
"""What a thread may allocate once each; the sum that MySQL's manual calls per-connection buffers."""
_VARIABLES: Final = (
    *BUFFERS,
    "aurora_version",
    "basedir",
    "hostname",
    "max_connections",
    "max_user_connections",
    "wait_timeout",
    "idle_transaction_timeout",
    "max_statement_time",
    "max_execution_time",
    "thread_handling",
    "thread_pool_size",
    "version",
)
_GRACE_S: Final = 1.0
"""The server ends a statement at its bound and the session goes on; when it has not done so by then, it is gone."""
_SERVER_THREADS: Final = frozenset({"system user", "event_scheduler"})
_GRANT_PROCESS: Final = "GRANT PROCESS ON *.* TO CURRENT_USER, run by an administrator for this account"


class Reader:
    """Asks one thing after another; what the server refuses goes to `unread` and the rest goes on."""

    def __init__(self, connection: TimedConnection) -> None:
        self.connection = connection
        self.unread: list[Unread] = []
        self.me = int(connection.thread_id())  # type: ignore[no-untyped-call]
        names = ", ".join(f"'{name}'" for name in _VARIABLES)
        rows = self.rows(f"SHOW GLOBAL VARIABLES WHERE Variable_name IN ({names})")
        self.variables = {str(row["Variable_name"]).lower(): str(row["Value"]) for row in rows}

    def rows(self, statement: str) -> list[Row]:
        with self.connection.cursor(pymysql.cursors.DictCursor) as cursor:
            cursor.execute(statement)
            return list(cursor.fetchall())

    def attempt(self, name: str, statement: str, remedy: str) -> list[Row] | None:
        """The rows, or None with `name` listed as unread."""
        try:
            return self.rows(statement)
        except pymysql.MySQLError as error:
            reason = str(error.args[1] if len(error.args) > 1 else error)
            self.unread.append(Unread(name=name, reason=f"The server says: {reason}", remedy=remedy))
            return None

    def number(self, variable: str) -> float | None:
        try:
            return float(self.variables[variable])
        except (KeyError, ValueError):
            return None


def prepare(connection: TimedConnection, statement_timeout_s: float) -> None:
    """Nothing is written and no statement runs long on this connection."""
    is_mariadb = "mariadb" in connection.greeting_version.lower()
    bound = (
        f"SET SESSION max_statement_time = {statement_timeout_s:g}"
        if is_mariadb
        else f"SET SESSION max_execution_time = {int(statement_timeout_s * 1000)}"
    )
    connection.bound_statements(statement_timeout_s + _GRACE_S)
    with connection.cursor() as cursor:
        for statement in ("SET SESSION TRANSACTION READ ONLY", bound):
            try:
                cursor.execute(statement)
            except pymysql.err.MySQLError as error:
                if error.args[0] != 1193:  # a server so old that it does not know the variable
                    raise


def version_of(text: str) -> tuple[str, str]:
    """dialect and numeric version: `10.11.6-MariaDB-0+deb12u1` is mariadb 10.11.6, `26.7.0` is mysql 26.7.0."""
    dialect = "mariadb" if "mariadb" in text.lower() else "mysql"
    # MariaDB puts 5.5.5- before its version where an old replica might read it.
    numeric = re.match(r"\d+(?:\.\d+)*", text.removeprefix("5.5.5-") if dialect == "mariadb" else text)
    return dialect, numeric[0] if numeric else text


def read_processes(reader: Reader) -> list[Row]:
    """The client sessions this account may see, without the probe's own."""
    rows = [{key.lower(): value for key, value in row.items()} for row in reader.rows("SHOW FULL PROCESSLIST")]
    return [
        row
        for row in rows
        if row["id"] != reader.me and row["command"] != "Daemon" and row["user"] not in _SERVER_THREADS
    ]


class Own(NamedTuple):
    """Which sessions are this service's."""

    user: str
    """This account's name."""
    is_own: Callable[[Row], bool]
    programs: Mapping[int, str] | None
    """The program_name of each session that has one, where sessions are told apart by it."""


def own_test(reader: Reader, database: str | None, names: tuple[str, ...]) -> Own:
    """This service's are the sessions of this user in this database, or those whose program_name is one of `names`."""
    user = str(reader.rows("SELECT SUBSTRING_INDEX(USER(), '@', 1) AS u")[0]["u"])
    if names:
        rows = reader.attempt(
            "sessions.own",
            "SELECT PROCESSLIST_ID AS id, ATTR_VALUE AS name FROM performance_schema.session_connect_attrs "
            "WHERE ATTR_NAME = 'program_name'",
            "GRANT SELECT ON performance_schema.session_connect_attrs",
        )
        programs = {int(row["id"]): str(row["name"]) for row in rows or []}
        if programs:
            return Own(user, lambda row: programs.get(row["id"]) in names, programs)
        if rows is not None:
            reader.unread.append(
                Unread(
                    name="sessions.own",
                    reason="The server shows no program names; this user's sessions in this database count as own.",
                    remedy="performance_schema=ON in the server's configuration",
                )
            )
    return Own(user, lambda row: row["user"] == user and row["db"] == database, None)


def read_limits(reader: Reader, processes: list[Row], user: str, is_own: Callable[[Row], bool], source: str) -> Limits:
    """The server, and the limit of this user or account, as layers."""
    maximum = int(reader.number("max_connections") or 0)
    status = reader.attempt("limits.used_connections", "SHOW GLOBAL STATUS LIKE 'Threads_connected'", "")
    used = max(int(status[0]["Value"]) - 1, 0) if status else None
    own = sum(1 for row in processes if is_own(row))
    server = Layer(
        name="server",
        limit=maximum,
        used=used,
        others=None if used is None else max(used - own, 0),
        setting=f"max_connections {maximum}",
    )
    layers = [server, *_account_layer(reader, processes, user, is_own)]
    if used is not None and len(processes) < used:
        reader.unread.append(
            Unread(
                name="sessions",
                reason=f"This account sees {len(processes)} of the {used} sessions, its own.",
                remedy=_GRANT_PROCESS,
            )
        )
    return limits_of(tuple(layers), max_connections=maximum, reserved_connections=0, source=source)


def _account_layer(reader: Reader, processes: list[Row], user: str, is_own: Callable[[Row], bool]) -> list[Layer]:
    """The limit on this account's own sessions: its own, or else the server's for every user. 0 is none.

    The session's value of max_user_connections shows the account's own limit where there is one, without the
    privilege that mysql.user needs.
    """
    rows = reader.attempt("limits.layers.account", "SELECT @@SESSION.max_user_connections AS m", "")
    limit = int(rows[0]["m"]) if rows else 0
    if limit <= 0:
        return []
    mine = [row for row in processes if row["user"] == user]
    is_general = limit == reader.number("max_user_connections")
    return [
        Layer(
            name="user" if is_general else "account",
            limit=limit,
            used=len(mine),
            others=sum(1 for row in mine if not is_own(row)),
            setting=f"max_user_connections {limit}" + (" for every user" if is_general else f" of account {user}"),
        )
    ]


def read_sessions(
    reader: Reader, processes: list[Row], is_own: Callable[[Row], bool], *, show_queries: bool
) -> tuple[SessionGroup, ...]:
    """Sessions by user, address and database, largest group first."""
    transactions = reader.attempt(
        "sessions.idle_in_transaction",
        "SELECT trx_mysql_thread_id AS id, TIMESTAMPDIFF(SECOND, trx_started, NOW()) AS age "
        "FROM information_schema.innodb_trx",
        _GRANT_PROCESS,
    )
    ages = None if transactions is None else {row["id"]: float(row["age"]) for row in transactions}
    groups: dict[tuple[str, str | None, str | None, bool], list[Row]] = defaultdict(list)
    for row in processes:
        groups[(row["user"], _address(row["host"]), row["db"], is_own(row))].append(row)
    found = [_group(key, rows, ages, show_queries=show_queries) for key, rows in groups.items()]
    return tuple(sorted(found, key=lambda group: -group.count))


def _group(
    key: tuple[str, str | None, str | None, bool],
    rows: list[Row],
    ages: Mapping[int, float] | None,
    *,
    show_queries: bool,
) -> SessionGroup:
    user, address, database, own = key
    sleeping = [row for row in rows if row["command"] == "Sleep"]
    held = [ages[row["id"]] for row in sleeping if row["id"] in ages] if ages is not None else None
    return SessionGroup(
        application=f"database {database}" if database else None,
        user=user,
        address=address,
        count=len(rows),
        active=len(rows) - len(sleeping),
        idle=len(sleeping) - len(held or ()),
        idle_in_transaction=None if held is None else len(held),
        oldest_idle_in_transaction_s=max(held, default=None) if held else None,
        own=own,
        queries=tuple(str(row["info"]) for row in rows if row["info"]) if show_queries else (),
    )


def _address(host: str | None) -> str | None:
    """The processlist's `host:port` without the port."""
    if not host:
        return None
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdigit() else host


def read_timeouts(reader: Reader) -> ServerTimeouts:
    """wait_timeout, MariaDB's idle_transaction_timeout, and either's bound on a statement; 0 is none."""
    statement = reader.number("max_statement_time") or (reader.number("max_execution_time") or 0) / 1000
    return ServerTimeouts(
        idle_session_s=reader.number("wait_timeout") or None,
        idle_in_transaction_s=reader.number("idle_transaction_timeout") or None,
        statement_s=statement or None,
    )


def read_memory(reader: Reader) -> ConnectionMemory:
    """A ceiling: every buffer of a thread once. Threads share the server's memory, so no process shows it."""
    sizes = {name: int(reader.number(name) or 0) for name in BUFFERS}
    named = " + ".join(f"{name} {size}" for name, size in sizes.items() if size)
    return ConnectionMemory(bytes=sum(sizes.values()), origin="upper bound", source=f"the server's {named}")
