"""Who holds PostgreSQL's connections, as far as this role may see, and which of them are this service's."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from typing import Final

from poolsize.datatypes import Finding, SessionGroup, Unread
from poolsize.probe.postgresql_reader import Reader
from poolsize.probe.postgresql_session import Row
from poolsize.units import plural

_COLUMNS: Final = """
SELECT datname AS database, usename AS role, application_name AS application, host(client_addr) AS address,
       state, EXTRACT(epoch FROM clock_timestamp() - state_change) AS state_age_s, {query} AS query
  FROM pg_stat_activity
 WHERE pid <> pg_backend_pid() AND datid IS NOT NULL AND usename IS NOT NULL"""
# A role without pg_read_all_stats gets the other roles' rows without their kind: those count as clients, since most
# are. Where the kind shows, parallel workers, walsenders and the like are none, having slots of their own.
_ASK: Final = (
    (100000, f"{_COLUMNS} AND (backend_type = 'client backend' OR backend_type IS NULL)"),
    (0, _COLUMNS),  # before 10 the view has no kinds, and only clients and walsenders in it
)
"""(oldest server version, statement)"""
_IDLE_IN_TRANSACTION: Final = ("idle in transaction", "idle in transaction (aborted)")
_LISTED: Final = 5
"""Names that a sentence lists; the groups hold them all."""


def read_sessions(reader: Reader, identity: Row, *, show_queries: bool) -> list[Row] | None:
    """The client sessions, without the one that asks. None when they cannot be read."""
    version, role = int(identity.get("version_number") or 0), identity.get("role")
    statement = next(text for since, text in _ASK if version >= since)
    rows = reader.attempt("sessions", statement.replace("{query}", "query" if show_queries else "NULL"))
    hidden = sum(1 for row in rows or () if row["state"] is None)
    if hidden:
        reader.unread.append(
            Unread(
                name="sessions.state",
                reason=f"The state and address of {plural(hidden, 'session')} of other roles are not shown to this "
                "role, nor whether they are clients or the server's own workers.",
                remedy=f'GRANT pg_read_all_stats TO "{role}"',
            )
        )
    return rows


def own_test(identity: Row, names: Sequence[str]) -> Callable[[Row], bool]:
    """Which sessions are this service's: in this database, those of this role, or of the applications `names`."""
    database, role = identity.get("database"), identity.get("role")
    if names:
        return lambda row: row["database"] == database and row["application"] in names
    return lambda row: row["database"] == database and row["role"] == role


def applications_of(identity: Row, rows: Sequence[Row]) -> set[str]:
    """The names among which a service's own are looked for: of the sessions in this database."""
    return {row["application"] for row in rows if row["database"] == identity.get("database") and row["application"]}


def groups(sessions: Sequence[Row], is_own: Callable[[Row], bool]) -> tuple[SessionGroup, ...]:
    """By application, user and address, the largest first."""
    rows: dict[tuple[str, str, str, bool], list[Row]] = defaultdict(list)
    for row in sessions:
        rows[(row["application"] or "", row["role"] or "", row["address"] or "", is_own(row))].append(row)
    return tuple(sorted((_group(*key, found) for key, found in rows.items()), key=lambda group: -group.count))


def _group(application: str, role: str, address: str, own: bool, rows: Sequence[Row]) -> SessionGroup:
    """States are None where any is hidden: those of one role are hidden together."""
    states = None if any(row["state"] is None for row in rows) else Counter(row["state"] for row in rows)
    ages = [float(row["state_age_s"] or 0) for row in rows if row["state"] in _IDLE_IN_TRANSACTION]
    return SessionGroup(
        application=application or None,
        user=role,
        address=address or None,
        count=len(rows),
        active=None if states is None else states["active"] + states["fastpath function call"],
        idle=None if states is None else states["idle"],
        idle_in_transaction=None if states is None else sum(states[name] for name in _IDLE_IN_TRANSACTION),
        oldest_idle_in_transaction_s=max(ages, default=None),
        own=own,
        queries=tuple(row["query"] for row in rows if row["query"]),
    )


def mixed_own(found: Sequence[SessionGroup], names: Sequence[str]) -> tuple[Finding, ...]:
    """Several applications or addresses among the own sessions may be several services with one role."""
    own = [group for group in found if group.own]
    applications = sorted({group.application or "(no name)" for group in own})
    addresses = sorted({group.address or "(socket)" for group in own})
    if names or (len(applications) < 2 and len(addresses) < 2):
        return ()
    named = [name for name in applications if name != "(no name)"]
    remedy = (
        f"If only one of them is this service, say which: {' or '.join(f'--own {name!r}' for name in named[:_LISTED])}."
        if len(applications) > 1 and named
        else "If only one of them is this service, give each its own application_name and use --own NAME."
    )
    return (
        Finding(
            code="PS104",
            severity="note",
            message=f"The sessions counted as this service's own, {sum(group.count for group in own)} of this role in "
            f"this database, come from {_list('application', applications)} at {_list('address', addresses)}.",
            remedy=remedy,
        ),
    )


def _list(noun: str, names: Sequence[str]) -> str:
    shown = ", ".join(names[:_LISTED]) + (f" and {len(names) - _LISTED} more" if len(names) > _LISTED else "")
    return f"{plural(len(names), noun)} ({shown})"
