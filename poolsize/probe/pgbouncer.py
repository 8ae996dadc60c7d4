"""Notice PgBouncer in the server's place, and read its own limits from its console."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from poolsize.datatypes import Finding, Limits, Pooler, Unread, limits_of, with_layers
from poolsize.errors import DatabaseError
from poolsize.probe.measuring import Run
from poolsize.probe.pgbouncer_limits import Console, Pair, layers, pool_mode, settings
from poolsize.probe.postgresql_connect import Connector
from poolsize.probe.postgresql_session import Row, Session, StatementError

CONSOLE: Final = "pgbouncer"
"""The database name that leads to PgBouncer's own console."""
_REFUSED: Final = re.compile(r"says: not allowed(?: \(08P01\))?\.$")
"""How the console turns away a user that is in neither admin_users nor stats_users (1.18 to 1.26)."""


def signs_of(session: Session, identity: Row) -> tuple[str, ...]:
    """What gives a pooler away without another login; empty when nothing does."""
    found = []
    announced = session.parameter("pgbouncer.version")  # since 1.26
    if announced:
        found.append(f"it announces PgBouncer {announced}")
    pid, port = identity.get("pid"), identity.get("port")
    if pid and int(pid) != session.pgconn.backend_pid:
        found.append(f"the login names process {session.pgconn.backend_pid}, but process {pid} answers")
        if port and port != session.host.port and not session.host.is_socket:
            found.append(f"the server that answers listens on port {port}, not on {session.host.port}")
    return tuple(found)


def is_console(session: Session) -> bool:
    return (session.parameter("server_version") or "").endswith("/bouncer")


def read_console(session: Session) -> Console:
    """Everything that sizing needs, in SHOW commands that change nothing."""
    found = Console(version=(session.parameter("server_version") or "").removesuffix("/bouncer"))
    found.config = {str(row["key"]): str(row["value"]) for row in _show(session, "CONFIG")}
    found.databases, found.users = _show(session, "DATABASES"), _show(session, "USERS")
    found.pools = [row for row in _show(session, "POOLS") if row["database"] != CONSOLE]
    return found


def _show(session: Session, what: str) -> list[Row]:
    """Empty when this user may not, or this version does not know it."""
    try:
        return session.rows(f"SHOW {what}")
    except StatementError:
        return []


def announced_by(session: Session) -> dict[str, str | None]:
    """What PgBouncer says of itself at a login, since 1.26."""
    return {name: session.parameter(f"pgbouncer.{name}") for name in ("version", "pool_mode")}


def ask_pooler(run: Run, connector: Connector, signs: tuple[str, ...], announced: dict[str, str | None]) -> None:
    """The pooler's own limits are layers beside the server's, and its timing is its own."""
    console, refusal = (None, "There was no time.") if run.left_s <= 0 else _ask_console(connector, run.left_s)
    pair = Pair(connector.conninfo.database or "", connector.conninfo.user or "")
    found = pooler(signs, announced, console, refusal, pair)
    run.describe(pooler=found)
    run.note(_timing(found))
    if console is None:
        run.miss(_unread(found, pair.user, refusal))
        return
    limits = run.facts.limits or Limits()
    run.learn(limits=with_layers(limits, limits.layers + layers(console, pair)))


def console_is_no_database(run: Run, connector: Connector, session: Session) -> DatabaseError:
    console = read_console(session)
    pair = Pair("", connector.conninfo.user or "")
    run.describe(pooler=pooler((), {}, console, "", pair))
    run.learn(limits=limits_of(layers(console, pair), source=f"console of PgBouncer at {session.host}"))
    return DatabaseError(
        f"{session.host} with the database {CONSOLE} is the console of PgBouncer {console.version}, not a "
        "database: give the DSN of a database behind it."
    )


def _ask_console(connector: Connector, limit_s: float) -> tuple[Console | None, str]:
    """What the console tells the DSN's user, or None with the reason. One more login."""
    try:
        with connector.open(limit_s, database=CONSOLE) as session:
            return (read_console(session), "") if is_console(session) else (None, "there is no console")
    except DatabaseError as error:
        return None, error.message


def pooler(
    signs: Sequence[str], announced: Mapping[str, str | None], console: Console | None, refusal: str, pair: Pair
) -> Pooler:
    """Of what kind it is: PgBouncer when it says so, by its parameters or its console; otherwise unknown."""
    signs = list(signs)
    if console is not None:
        signs.append(f"the database {CONSOLE} is the console of PgBouncer {console.version}")
    elif _REFUSED.search(refusal):
        signs.append(f"the database {CONSOLE} turns this user away as PgBouncer's console does")
    is_pgbouncer = console is not None or announced.get("version") or _REFUSED.search(refusal)
    return Pooler(
        kind="pgbouncer" if is_pgbouncer else "unknown",
        version=console.version if console else announced.get("version"),
        pool_mode=(pool_mode(console, pair) if console else None) or announced.get("pool_mode"),
        signs=tuple(signs),
        settings=settings(console, pair) if console else {},
    )


def _unread(found: Pooler, user: str, reason: str) -> Unread:
    if found.kind == "unknown":
        reason = "Its own limits cannot be read, since it does not say which pooler or proxy it is."
        return Unread(name="limits.layers.pooler", reason=reason, remedy="compare with the pooler's own settings")
    return Unread(
        name="limits.layers.pooler",
        reason=f"PgBouncer's console was not open to this user. {reason}",
        remedy=f"stats_users = {user} in pgbouncer.ini, then RELOAD",
    )


def _timing(found: Pooler) -> Finding:
    name = "PgBouncer" if found.kind == "pgbouncer" else "A pooler or proxy"
    return Finding(
        code="PS510",
        severity="note",
        message=f"{name} answers in the server's place: the time to connect is the pooler's, and says nothing of how "
        "long PostgreSQL takes to start a session.",
        remedy="For the server's own, probe it directly.",
    )
