"""What the connections cost the server in memory."""

from __future__ import annotations

from poolsize.datatypes import ASSUMED_MEMORY, ConnectionMemory, DatabaseFacts
from poolsize.recommend.decision import Decision
from poolsize.recommend.limits import shares_server_connections


def connection_memory(facts: DatabaseFacts) -> ConnectionMemory | None:
    """As the probe measured it, or as assumed for that kind of server; None where there is none."""
    dialect = facts.database.dialect if facts.database else "postgresql"
    return facts.memory or ASSUMED_MEMORY.get(dialect)


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
