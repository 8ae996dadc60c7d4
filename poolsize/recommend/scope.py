"""A pool per process against one shared pooler, with the pooler's numbers."""

from __future__ import annotations

import math
from typing import Final, Literal

from poolsize.datatypes import PoolerSettings, ScopeComparison, Settings
from poolsize.recommend.choice import Choice, capacity_for, fewest, settle
from poolsize.recommend.decision import Decision, predicted_of, settings_of
from poolsize.recommend.shared import shared_pool

_RESERVE_SHARE: Final = 0.25
"""A quarter more for a burst, after clients have waited for half of the query_wait_timeout."""
_CLIENT_HEADROOM: Final = 1.1
_LEAST_CLIENT_HEADROOM: Final = 10
"""For people, migrations and monitors that come through the pooler too."""
_CLIENT_SIDE_WAITS: Final = 0.001
"""In front of a pooler the application's own pool should never be what is waited for: client connections are cheap."""
_SAVES: Final = 2.0
_CROWDED: Final = 0.5
"""A pooler is one more thing to run and to watch: where both fit, it is worth it when it halves the connections and
those of the pools would take over half of what is there."""


def compare_scopes(decision: Decision) -> ScopeComparison | None:
    """None where there is nothing to share (one pool), or nothing to share it with: another database than PostgreSQL,
    or a pooler there already."""
    situation = decision.situation
    database = situation.facts.database
    if database is not None and (database.dialect != "postgresql" or database.pooler is not None):
        return None
    if situation.deployment.peak_pools == 1:
        return None
    pool = shared_pool(situation)
    shared = settle(pool, situation.goal, situation.connect_s.value, capacity_for(pool, situation.goal))
    room = min((layer.available for layer in decision.layers), default=None)
    pooler = _pooler(decision, shared, room)
    connections = pooler.default_pool_size + pooler.reserve_pool_size
    recommended, reason = _which(decision, connections, room)
    return ScopeComparison(
        recommended=recommended,
        reason=reason,
        per_process_connections=situation.deployment.worst_case(decision.needed),
        shared_connections=connections,
        shared_predicted=predicted_of(shared, pool, situation, pools=1),
        pooler=pooler,
    )


def _which(decision: Decision, shared: int, room: int | None) -> tuple[Literal["per process", "shared"], str]:
    own = decision.situation.deployment.worst_case(decision.needed)
    if room is None:
        return "per process", "no limit is known that the pools could exceed"
    if shared > room:
        return "per process", f"one shared pool needs {shared} connections too, and {room} are available"
    if own > room:
        return "shared", f"the pools need {own} of {room} available connections in the worst case, one shared {shared}"
    if own >= _SAVES * shared and own > _CROWDED * room:
        return "shared", f"{shared} connections in place of {own}, which would take over half of the {room} available"
    return "per process", f"the pools' {own} connections fit into the {room} available, and a pooler is one more part"


def _pooler(decision: Decision, shared: Choice, room: int | None) -> PoolerSettings:
    reserve = math.ceil(_RESERVE_SHARE * shared.capacity)
    if room is not None:
        reserve = max(min(reserve, room - shared.capacity), 0)
    application = _application_side(decision)
    clients = decision.situation.deployment.worst_case(application.capacity)
    return PoolerSettings(
        default_pool_size=shared.capacity,
        min_pool_size=shared.pool_size,
        reserve_pool_size=reserve,
        reserve_pool_timeout_s=shared.pool_timeout_s / 2,
        max_client_conn=max(math.ceil(clients * _CLIENT_HEADROOM), clients + _LEAST_CLIENT_HEADROOM),
        query_wait_timeout_s=shared.pool_timeout_s,
        pool_mode="transaction",
        application=application,
    )


def _application_side(decision: Decision) -> Settings:
    """As many client connections as a process can use at once: one per thread, or so many that hardly any waits."""
    pool = decision.pool
    capacity = pool.ceiling or fewest(pool, lambda c: pool.solve(c).wait_probability <= _CLIENT_SIDE_WAITS)
    timeout_s = decision.choice.pool_timeout_s if decision.choice else decision.situation.goal.request_timeout_s.value
    return settings_of(Choice(capacity, timeout_s, capacity, pool.solve(capacity, timeout_s)), decision.situation)
