"""How many connections PostgreSQL allows this role, and who uses them: the server, the database, the role."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from poolsize.datatypes import Layer, Limits, ServerTimeouts, limits_of
from poolsize.probe.postgresql_reader import Reader
from poolsize.probe.postgresql_session import Row

# Readable by every role. `reset_val` is what this role and database start a session with, whatever is SET since.
# reserved_connections is there since PostgreSQL 16, idle_session_timeout since 14.
_ASK_SETTINGS: Final = """
SELECT name, reset_val
  FROM pg_settings
 WHERE name IN ('max_connections', 'superuser_reserved_connections', 'reserved_connections', 'statement_timeout',
                'idle_in_transaction_session_timeout', 'idle_session_timeout', 'log_connections',
                'logging_collector')"""
_ASK_IDENTITY: Final = """
SELECT session_user AS role, current_database() AS database, pg_backend_pid() AS pid,
       current_setting('server_version') AS version, current_setting('server_version_num') AS version_number,
       inet_server_port() AS port, r.rolsuper AS is_superuser, r.rolconnlimit AS role_limit,
       d.datconnlimit AS database_limit,
       (SELECT EXTRACT(epoch FROM backend_start) FROM pg_stat_activity WHERE pid = pg_backend_pid()) AS started_at
  FROM pg_roles r, pg_database d
 WHERE r.rolname = session_user AND d.datname = current_database()"""


def read_identity(reader: Reader) -> Row:
    """Who asks, where, and the limits on both."""
    return (reader.attempt("database", _ASK_IDENTITY) or [{}])[0]


def read_settings(reader: Reader) -> dict[str, str]:
    rows = reader.attempt("limits", _ASK_SETTINGS) or []
    return {str(row["name"]): str(row["reset_val"]) for row in rows}


def limits(
    identity: Row, settings: dict[str, str], sessions: Sequence[Row] | None, is_own: Callable[[Row], bool], source: str
) -> Limits | None:
    """None when the server does not tell max_connections. Counts are None where its sessions could not be read."""
    if "max_connections" not in settings:
        return None
    maximum = int(settings["max_connections"])
    reserved = int(settings.get("superuser_reserved_connections", 0)) + int(settings.get("reserved_connections", 0))
    layers = [_layer("server", maximum - reserved, sessions, is_own, _server_setting(maximum, settings))]
    database, role = identity.get("database"), identity.get("role")
    database_limit, role_limit = int(identity.get("database_limit") or -1), int(identity.get("role_limit") or -1)
    if database_limit >= 0:
        mine = None if sessions is None else [row for row in sessions if row["database"] == database]
        setting = f"CONNECTION LIMIT {database_limit} of database {database}"
        layers.append(_layer("database", database_limit, mine, is_own, setting))
    if role_limit >= 0:
        mine = None if sessions is None else [row for row in sessions if row["role"] == role]
        setting = f"CONNECTION LIMIT {role_limit} of role {role}"
        if identity.get("is_superuser") == "t":
            setting += ", which a superuser may exceed"
        layers.append(_layer("role", role_limit, mine, is_own, setting))
    return limits_of(tuple(layers), max_connections=maximum, reserved_connections=reserved, source=source)


def _layer(name: str, limit: int, sessions: Sequence[Row] | None, is_own: Callable[[Row], bool], setting: str) -> Layer:
    return Layer(
        name=name,
        limit=limit,
        used=None if sessions is None else len(sessions),
        others=None if sessions is None else sum(1 for row in sessions if not is_own(row)),
        setting=setting,
    )


def _server_setting(maximum: int, settings: dict[str, str]) -> str:
    """A superuser, or a member of pg_use_reserved_connections, may have more; a service should not count on them."""
    text = f"max_connections {maximum} - {settings.get('superuser_reserved_connections', 0)} reserved for superusers"
    reserved = int(settings.get("reserved_connections", 0))
    return f"{text} - {reserved} reserved (reserved_connections)" if reserved else text


def timeouts(settings: dict[str, str]) -> ServerTimeouts:
    """As this role has them in this database. PostgreSQL gives milliseconds, 0 is none."""
    return ServerTimeouts(
        idle_session_s=_seconds(settings.get("idle_session_timeout")),
        idle_in_transaction_s=_seconds(settings.get("idle_in_transaction_session_timeout")),
        statement_s=_seconds(settings.get("statement_timeout")),
    )


def _seconds(milliseconds: str | None) -> float | None:
    return int(milliseconds) / 1000 if milliseconds and int(milliseconds) > 0 else None
