"""What the connections cost the server in memory."""

from __future__ import annotations

from typing import Final

from poolsize.datatypes import ConnectionMemory, DatabaseFacts

ASSUMED: Final = ConnectionMemory(
    bytes=5 * 2**20,
    origin="assumed",
    source="between a fresh PostgreSQL back end, 1.5 MB private, and one that has worked, 11 MB",
)
"""PostgreSQL 15 to 18 on Linux without huge pages and with default settings; work_mem comes on top while a sort or
a hash runs."""


def connection_memory(facts: DatabaseFacts) -> ConnectionMemory:
    """As the probe measured it, or as assumed."""
    return facts.memory or ASSUMED
