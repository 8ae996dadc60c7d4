"""A managed provider, and the forms that published limits take."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from poolsize.datatypes import Value
from poolsize.providers.sizes import GIB

POSTGRESQL_RESERVED: Final = 3
"""superuser_reserved_connections, PostgreSQL's default."""
POSTGRESQL_RESERVED_FOR: Final = "superusers, PostgreSQL's default"

Rule = Callable[[int], int]
"""max_connections of an instance with that many bytes of memory."""


class Provider(Value, frozen=True):
    """What a managed provider sets max_connections to by default, as published; an account may have changed it."""

    name: str
    """As `--provider` takes it."""
    title: str
    dialect: str
    smallest_bytes: int
    """Memory of the smallest instance that the source knows."""
    rule: Rule
    """For sizes from `smallest_bytes`; never falls as memory grows."""
    formula: str
    """The same for a person."""
    source: str
    """Address of the page."""
    as_of: str
    """Year, month, and day where known, of the page's text; where it has no date, of when it was read."""
    reserved: int = POSTGRESQL_RESERVED
    """Connections of these that an application can't have. MySQL's administrator has one on top of the setting."""
    reserved_for: str = POSTGRESQL_RESERVED_FOR
    note: str = ""
    """What else the limit depends on."""


def steps(*rows: tuple[float, int]) -> Rule:
    """A table of (memory in GB, max_connections), ascending; a size between two rows has the smaller one's limit."""

    def rule(memory_bytes: int) -> int:
        return max(limit for memory_gb, limit in rows if memory_gb * GIB <= memory_bytes)

    return rule


def per_gigabyte(connections: int, at_most: int) -> Rule:
    """So many for each GB."""

    def rule(memory_bytes: int) -> int:
        return min(connections * memory_bytes // GIB, at_most)

    return rule
