"""What the connections cost the server in memory."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from poolsize.datatypes import ConnectionMemory, DatabaseFacts
from poolsize.recommend.decision import Decision
from poolsize.recommend.limits import shares_server_connections

_POSTGRESQL: Final = ConnectionMemory(
    bytes=5 * 2**20,
    origin="assumed",
    source="between a fresh PostgreSQL back end, 1.5 MB private, and one that has worked, 11 MB",
)
"""PostgreSQL 15 to 18 on Linux without huge pages and with default settings; work_mem comes on top while a sort or
a hash runs."""
_MYSQL: Final = ConnectionMemory(
    bytes=3 * 2**20,
    origin="assumed",
    source="thread_stack and each buffer of a session once, MariaDB 10.11's defaults",
)
ASSUMED: Final[Mapping[str, ConnectionMemory]] = MappingProxyType(
    {"postgresql": _POSTGRESQL, "mysql": _MYSQL, "mariadb": _MYSQL}
)
"""By dialect; SQLite has no server."""


def connection_memory(facts: DatabaseFacts) -> ConnectionMemory | None:
    """As the probe measured it, or as assumed for that kind of server; None where there is none."""
    dialect = facts.database.dialect if facts.database else "postgresql"
    return facts.memory or ASSUMED.get(dialect)


def worst_case_bytes(decision: Decision) -> int | None:
    """Of all connections that the server has in the worst case. Behind a pooler that lends its connections, those
    that it needs; None where they are not known."""
    situation = decision.situation
    memory = connection_memory(situation.facts)
    if memory is None:
        return None
    if not shares_server_connections(situation):
        return memory.bytes * situation.deployment.worst_case(decision.summed)
    demands = [int(check.demand) for check in decision.fixed_checks]
    return memory.bytes * max(demands) if demands else None
