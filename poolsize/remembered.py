"""The limits that the history knows of a database: of which probe, how old, and what its age means."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import msgspec

from poolsize.datatypes import DatabaseFacts, Finding

if TYPE_CHECKING:
    from poolsize.store import Store

STALE_AFTER: Final = timedelta(days=7)
"""Limits seldom change within a week; who else uses the server often does."""


def remembered_facts(store: Store, target: str | None = None) -> DatabaseFacts | None:
    """What the newest probe of that target (a DSN as `Dsn.masked` has it; None: of any) found, with the most others
    that were seen there, its age in `limits.source`, and a finding when it is old. None: there is no such probe.

    Raises FileError where the store cannot be read.
    """
    stored = store.latest_probe(target)
    if stored is None:
        return None
    facts = stored.facts
    return dated(facts if facts.measured_at else msgspec.structs.replace(facts, measured_at=stored.saved_at))


def dated(facts: DatabaseFacts, *, now: datetime | None = None) -> DatabaseFacts:
    """The facts of a probe with the place and their age as the limits' source, and a warning when they are old. `now`
    None: the clock's."""
    age = (now or datetime.now(UTC)) - datetime.fromisoformat(facts.measured_at)
    place = facts.database.place if facts.database else facts.target
    limits = facts.limits
    if limits is not None:
        limits = msgspec.structs.replace(limits, source=f"probe of {place}, {_ago(age)}")
    findings = facts.findings if age <= STALE_AFTER else (*facts.findings, _old(age))
    return msgspec.structs.replace(facts, limits=limits, findings=findings)


def _old(age: timedelta) -> Finding:
    return Finding(
        code="PS102",
        severity="warning",
        message=f"The limits are from a probe {_ago(age)}.",
        remedy="Probe again: poolsize probe DSN.",
    )


def _ago(age: timedelta) -> str:
    seconds = max(age.total_seconds(), 0.0)
    for unit, length in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit} ago"
    return "just now"
