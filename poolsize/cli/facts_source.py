"""Where the limits come from: a probe now, what the user states, a probe from the history, or a default."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from poolsize.cli.masking import read_dsn
from poolsize.cli.output import note
from poolsize.cli.saving import with_history
from poolsize.datatypes import DatabaseFacts
from poolsize.errors import DsnError, UsageError
from poolsize.providers import parse_size, provider_facts, stated_facts
from poolsize.remembered import dated, remembered_facts

if TYPE_CHECKING:
    from poolsize.store import Store


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

        facts = measure(read_dsn(options.dsn), ProbeOptions(), no_save=no_save)
        busiest = None if no_save else with_history(lambda store: store.with_highest_others(facts))
        return dated(busiest or facts)
    if options.max_connections is not None:
        dialect = options.dialect or "postgresql"
        return stated_facts(options.max_connections, dialect=dialect, reserved=options.reserved)
    if options.provider is not None:
        memory = None if options.db_memory is None else parse_size(options.db_memory)
        return provider_facts(options.provider, memory_bytes=memory, reserved=options.reserved)
    return with_history(_stored)


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


def _stored(store: Store) -> DatabaseFacts | None:
    if os.environ.get("DATABASE_URL", "").strip():
        try:
            found = remembered_facts(store, read_dsn(None).masked)
        except DsnError as error:  # of a database that is not ours to probe, and nobody asked to
            note(f"DATABASE_URL is not used: {error.message}")
            found = None
        if found is not None:
            return found
    return None if os.environ.get("CI") else remembered_facts(store)
