"""Facts without a database: limits as a user states them, or as a provider publishes them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import msgspec

from poolsize.choices import not_one_of
from poolsize.datatypes import Database, DatabaseFacts, Finding, Layer, Origin, limits_of
from poolsize.errors import UsageError
from poolsize.providers.provider import POSTGRESQL_RESERVED, POSTGRESQL_RESERVED_FOR, Provider
from poolsize.providers.published import PROVIDERS
from poolsize.providers.sizes import size_text

_STATED: Final = "--reserved"
RESERVED: Final[Mapping[str, tuple[int, str]]] = MappingProxyType(
    {
        "postgresql": (POSTGRESQL_RESERVED, POSTGRESQL_RESERVED_FOR),
        "mysql": (0, ""),  # the administrator's connection comes on top of max_connections
        "mariadb": (0, ""),
    }
)
"""Connections that an application can't have by default, and for whom they are."""


def stated_facts(max_connections: int, *, dialect: str = "postgresql", reserved: int | None = None) -> DatabaseFacts:
    """A server with that setting, as the user says.

    `max_connections` >= 1 is the server's setting, of which the dialect's default reserve is subtracted unless
    `reserved` >= 0 states it. Raises UsageError for a dialect without such a setting, and when nothing is left.
    """
    if dialect not in RESERVED:
        raise not_one_of("dialect", dialect, RESERVED)
    default, whom = RESERVED[dialect]
    return _facts(
        Database(dialect=dialect),
        max_connections,
        default if reserved is None else reserved,
        whom if reserved is None else _STATED,
        origin="stated",
        source=f"--max-connections {max_connections}",
    )


def provider_facts(name: str, *, memory_bytes: int | None = None, reserved: int | None = None) -> DatabaseFacts:
    """What the provider sets by default on an instance with that much memory: an estimate, its origin `assumed`.

    Raises UsageError for a name that is not in PROVIDERS, without the memory or with less than the provider sells,
    and when `reserved` leaves nothing.
    """
    if name not in PROVIDERS:
        raise not_one_of("provider", name, PROVIDERS)
    provider = PROVIDERS[name]
    memory = _checked_memory(provider, memory_bytes)
    return _facts(
        Database(dialect=provider.dialect, provider=name),
        provider.rule(memory),
        provider.reserved if reserved is None else reserved,
        provider.reserved_for if reserved is None else _STATED,
        origin="assumed",
        source=f"estimate for {provider.title} with {size_text(memory)} after {provider.source} ({provider.as_of})",
        findings=(_estimate(provider, memory),),
    )


def _estimate(provider: Provider, memory_bytes: int) -> Finding:
    note = f" {provider.note}" if provider.note else ""
    return Finding(
        code="PS190",
        severity="note",
        message=f"The limit is an estimate: what {provider.title} sets by default with {size_text(memory_bytes)} of "
        f"memory ({provider.formula}; {provider.as_of}).{note}",
        remedy="Probe the database: it tells its limit itself.",
    )


def _checked_memory(provider: Provider, memory_bytes: int | None) -> int:
    if memory_bytes is None:
        raise UsageError(
            f"{provider.title} sets the limit by the instance's memory: state it, as in --db-memory 8GB.",
            next=(f"poolsize recommend --workers 4 --provider {provider.name} --db-memory 8GB",),
        )
    if memory_bytes < provider.smallest_bytes:
        raise UsageError(
            f"{provider.title} publishes limits from {size_text(provider.smallest_bytes)} of memory; "
            f"--db-memory says {size_text(memory_bytes)}."
        )
    return memory_bytes


def _facts(
    database: Database,
    max_connections: int,
    reserved: int,
    whom: str,
    *,
    origin: Origin,
    source: str,
    findings: tuple[Finding, ...] = (),
) -> DatabaseFacts:
    """One layer, the server's, with nobody on."""
    if max_connections < 1:
        raise UsageError(f"A server has at least one connection; --max-connections says {max_connections}.")
    if reserved < 0:
        raise UsageError(f"--reserved says {reserved}; it counts connections, from 0.")
    setting = f"max_connections {max_connections}"
    if reserved:
        setting += f" - {reserved} reserved ({whom})"
    if reserved >= max_connections:
        raise UsageError(f"{setting} leaves no connection for an application; --reserved states another reserve.")
    limits = limits_of(
        (Layer(name="server", limit=max_connections - reserved, setting=setting),),
        max_connections=max_connections,
        reserved_connections=reserved,
        origin=origin,
        source=source,
    )
    is_stated = whom == _STATED
    limits = msgspec.structs.replace(
        limits,
        reserved_origin="stated" if is_stated else "assumed",
        reserved_source=whom or "default",
    )
    return DatabaseFacts(database=database, limits=limits, findings=findings)
