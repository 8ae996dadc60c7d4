"""Whether the database has room for the pool that is to be run."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from poolsize.datatypes import CLIENT_LAYER, DatabaseFacts, with_layers
from poolsize.errors import UsageError
from poolsize.live.budget import HEARTBEAT, Plan, check_open_files, connections_for_load
from poolsize.live.verify_plan import VerifyPlan
from poolsize.units import duration, plural

_COUNTING: Final = 1
"""The connection that counts the others on the server."""


def planned(facts: DatabaseFacts, plan: VerifyPlan, at_most: int | None) -> Plan:
    """What will be run, for the question. Raises UsageError where the pool does not fit: a smaller one would be another
    pool, and its waits would say nothing of this one."""
    if plan.kind.is_pooler:
        _check_pooler(facts, plan)
    wanted = plan.connections + _COUNTING
    allowed = connections_for_load(_of_clients(facts) if plan.kind.is_pooler else facts, wanted, at_most)
    if allowed < wanted:
        raise UsageError(
            f"This pool takes {plural(wanted + HEARTBEAT, 'connection')}, two to watch it with them, and "
            f"{allowed + HEARTBEAT} may be taken: allow it with --at-most {wanted + HEARTBEAT}, or run a smaller pool."
        )
    check_open_files(wanted + HEARTBEAT)
    what = f"a {plan.pool} pool of {plan.settings.capacity}, {_work(plan)},"
    place = facts.database.place if facts.database else facts.target
    seconds = plan.warm_up_s + plan.duration_s
    return Plan(what=what, place=place, connections=wanted + HEARTBEAT, seconds=seconds)


def _work(plan: VerifyPlan) -> str:
    if plan.statement is None:
        return f"whose requests sleep for {duration(plan.hold.mean_s)} in the database"
    return "whose requests run the given statement"


def _of_clients(facts: DatabaseFacts) -> DatabaseFacts:
    """A pooler's clients take no connection of the server's beyond its pool, which is there to be full."""
    if facts.limits is None:
        return facts
    layers = tuple(layer for layer in facts.limits.layers if layer.name == CLIENT_LAYER)
    return replace(facts, limits=with_layers(facts.limits, layers))


def _check_pooler(facts: DatabaseFacts, plan: VerifyPlan) -> None:
    """The pool is the pooler's own, and as large as is predicted for."""
    database = facts.database
    pooler = database.pooler if database else None
    if database is None or pooler is None:
        raise UsageError("No PgBouncer answers at this DSN, so that there is no pool of its own to be loaded.")
    if pooler.pool_mode is not None and pooler.pool_mode != "transaction":
        raise UsageError(f"This PgBouncer has pool_mode {pooler.pool_mode}, and what is predicted is transaction.")
    own = f"pool_size of database {database.name}"
    has = pooler.settings.get(own, pooler.settings.get("default_pool_size"))
    if has is not None and has.isdigit() and int(has) not in (0, plan.settings.capacity):
        raise UsageError(
            f"This PgBouncer has {plural(int(has), 'connection')} for this user and database, not "
            f"{plan.settings.capacity}: change its configuration, or give --pool-size {has}."
        )
