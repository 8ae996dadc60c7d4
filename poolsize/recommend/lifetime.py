"""How long a connection may live and whether it is pinged, from the idle limits on its way."""

from __future__ import annotations

import math
from typing import Final

from poolsize.datatypes import DatabaseFacts

_SAFETY: Final = 0.9
"""pool_recycle is looked at when a connection is taken, and the request then uses it for a while."""
_NETWORK_LIFE_S: Final = 1800
"""Across a network that nobody described: half of an hour, the usual server_lifetime of poolers and maximum lifetime
of proxies, so that connections also move after a failover or a change of address."""
_PING_SHARE: Final = 0.05
"""A ping at each checkout costs a round trip while the connection is held: up to 5 % of the hold it is worth what it
prevents, the first request after every restart of the server failing."""


def recycle_s(facts: DatabaseFacts) -> int | None:
    """pool_recycle in whole seconds: below the server's limit on idle sessions and, across a network, at most half
    an hour. None: nothing on the way limits it."""
    limits = []
    if facts.timeouts is not None and facts.timeouts.idle_session_s:
        limits.append(facts.timeouts.idle_session_s * _SAFETY)
    if facts.database is None or not facts.database.is_local:
        limits.append(_NETWORK_LIFE_S)
    return max(math.floor(min(limits)), 1) if limits else None


def pre_ping(facts: DatabaseFacts, hold_s: float) -> bool:
    """Ping at checkout, unless the measured round trip would lengthen the hold by more than 5 %, or SQLite opens a
    file and nothing can have gone away."""
    if facts.database is not None and facts.database.dialect == "sqlite":
        return False
    return facts.round_trip_s is None or facts.round_trip_s <= _PING_SHARE * hold_s
