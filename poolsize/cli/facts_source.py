"""Where the limits come from: a probe now, what the user states, a probe from the history, or a default."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import msgspec

from poolsize.cli.masking import read_dsn
from poolsize.cli.output import note
from poolsize.cli.saving import with_history
from poolsize.datatypes import DatabaseFacts, Finding, StoredProbe
from poolsize.errors import DsnError, UsageError
from poolsize.providers import parse_size, provider_facts, stated_facts

if TYPE_CHECKING:
    from poolsize.store import Store

STALE_AFTER: Final = timedelta(days=7)
"""Limits seldom change within a week; who else uses the server often does."""


@dataclass(frozen=True)
class LimitOptions:
    """The options of `recommend` that say where the limits are from."""

    dsn: str | None = None
    max_connections: int | None = None
    reserved: int | None = None
    dialect: str | None = None
    provider: str | None = None
    db_memory: str | None = None


def facts_for(options: LimitOptions, *, no_save: bool) -> DatabaseFacts | None:
    """What was asked for; else the stored probe of DATABASE_URL, else (but not under CI, where the last probe is
    somebody else's) the last one; None when there is nothing."""
    _check(options)
    if options.dsn is not None:
        from poolsize.cli.probe import measure  # here: the other ways need no dialect
        from poolsize.probe.dialect import ProbeOptions

        return measure(read_dsn(options.dsn), ProbeOptions(), no_save=no_save)
    if options.max_connections is not None:
        dialect = options.dialect or "postgresql"
        return stated_facts(options.max_connections, dialect=dialect, reserved=options.reserved)
    if options.provider is not None:
        memory = None if options.db_memory is None else parse_size(options.db_memory)
        return provider_facts(options.provider, memory_bytes=memory, reserved=options.reserved)
    stored = with_history(_stored)
    return None if stored is None else _dated(stored)


def _check(options: LimitOptions) -> None:
    """Two sources contradict each other, and an option without its source would silently do nothing."""
    given = [
        name
        for name, value in (
            ("a DSN", options.dsn),
            ("--max-connections", options.max_connections),
            ("--provider", options.provider),
        )
        if value is not None
    ]
    if len(given) > 1:
        raise UsageError(f"{given[0]} and {given[1]} both say what the limits are: give one of them.")
    if options.reserved is not None and given not in (["--max-connections"], ["--provider"]):
        raise UsageError("--reserved goes with --max-connections or --provider.")
    if options.db_memory is not None and given != ["--provider"]:
        raise UsageError("--db-memory goes with --provider.")
    if options.dialect is not None and given != ["--max-connections"]:
        raise UsageError("--dialect goes with --max-connections.")


def _stored(store: Store) -> StoredProbe | None:
    if os.environ.get("DATABASE_URL", "").strip():
        try:
            found = store.latest_probe(read_dsn(None).masked)
        except DsnError as error:  # of a database that is not ours to probe, and nobody asked to
            note(f"DATABASE_URL is not used: {error.message}")
            found = None
        if found is not None:
            return found
    return None if os.environ.get("CI") else store.latest_probe()


def _dated(stored: StoredProbe) -> DatabaseFacts:
    """The facts with their host and age for the first lines, and a warning when they are old."""
    facts = stored.facts
    age = datetime.now(UTC) - datetime.fromisoformat(facts.measured_at or stored.saved_at)
    host = (facts.database.host or facts.database.name) if facts.database else None
    limits = facts.limits
    if limits is not None:
        limits = msgspec.structs.replace(limits, source=f"probe of {host or facts.target}, {_ago(age)}")
    old = Finding(
        code="PS102",
        severity="warning",
        message=f"The limits are from a probe {_ago(age)}.",
        remedy="Probe again: poolsize probe DSN.",
    )
    findings = (*facts.findings, *((old,) if age > STALE_AFTER else ()))
    return msgspec.structs.replace(facts, limits=limits, findings=findings)


def _ago(age: timedelta) -> str:
    seconds = max(age.total_seconds(), 0.0)
    for unit, length in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit} ago"
    return "just now"
