"""Every number that went into the answer, under the name that the JSON document has it."""

from __future__ import annotations

from poolsize.datatypes import Layer, Origin, Quantity
from poolsize.recommend.limits import SERVER_LAYER, layers_of
from poolsize.recommend.memory import connection_memory
from poolsize.recommend.pool_load import total_rate_per_s
from poolsize.recommend.situation import Situation


def inputs_of(situation: Situation) -> dict[str, Quantity]:
    """name -> value with its origin and source; the name states the unit."""
    workload, goal = situation.workload, situation.goal
    rate = workload.rate_per_s or Quantity(
        value=total_rate_per_s(workload, situation.deployment), origin="stated", source="follows from --think"
    )
    found = {
        "rate_per_s": rate,
        "hold_s": workload.hold_s,
        "hold_scv": workload.hold_scv,
        "think_s": workload.think_s,
        **_deployment(situation),
        "p99_wait_s": goal.p99_wait_s,
        "max_timeouts": goal.max_timeouts,
        "request_timeout_s": goal.request_timeout_s,
        "connect_cost_s": situation.connect_s,
        "round_trip_s": _round_trip(situation),
        "connection_memory_bytes": _memory(situation),
        "db_cores": _processors(situation),
        **_usl(situation),
        **_limits(situation),
    }
    return {name: quantity for name, quantity in found.items() if quantity is not None}


def _usl(situation: Situation) -> dict[str, Quantity | None]:
    if situation.usl is None:
        return {}
    source = situation.request.usl_source
    origin: Origin = "measured" if source else "stated"
    return {
        name: Quantity(value=value, origin=origin, source=source or "--usl")
        for name, value in (("usl_alpha", situation.usl.alpha), ("usl_beta", situation.usl.beta))
    }


def _deployment(situation: Situation) -> dict[str, Quantity | None]:
    request, deployment = situation.request, situation.deployment
    threads = None
    if deployment.threads is not None:
        threads = _threads(situation, deployment.threads)
    return {
        "workers": _count(deployment.processes, True, "--workers"),
        "threads": threads,
        "instances": _count(deployment.instances, request.instances != 1, "--instances"),
        "surge": _count(deployment.surge, request.surge is not None, "--surge", "25 %, rounded up"),
        "pools": _count(deployment.pools, request.pools != 1, "--pools"),
        "checkouts_per_request": _count(
            deployment.checkouts_per_request, request.checkouts_per_request != 1, "--checkouts-per-request"
        ),
        "skew": _count(deployment.skew, request.skew != 1, "--skew", "every process gets the same load"),
    }


def _threads(situation: Situation, threads: int) -> Quantity:
    own = situation.worker.threads_per_process(situation.request.workers)
    default = f"worker type {situation.worker.name}" if threads == own else f"profile {situation.profile.name}"
    return _count(threads, situation.request.threads is not None, "--threads", default)


def _count(value: float, is_stated: bool, option: str, default: str = "default") -> Quantity:
    return Quantity(value=value, origin="stated" if is_stated else "assumed", source=option if is_stated else default)


def _round_trip(situation: Situation) -> Quantity | None:
    seconds = situation.facts.round_trip_s
    return None if seconds is None else Quantity(value=seconds, origin="measured", source="probe")


def _memory(situation: Situation) -> Quantity | None:
    memory = connection_memory(situation.facts)
    return None if memory is None else Quantity(value=memory.bytes, origin=memory.origin, source=memory.source)


def _processors(situation: Situation) -> Quantity | None:
    stated, database = situation.request.db_cores, situation.facts.database
    if stated is not None:
        return Quantity(value=stated, origin="stated", source="--db-cores")
    if database is None or database.processors is None:
        return None
    return Quantity(value=database.processors, origin="measured", source="probe")


def _limits(situation: Situation) -> dict[str, Quantity]:
    limits = situation.facts.limits
    if limits is None:
        return {}
    found = {}
    if limits.max_connections is not None:
        found["max_connections"] = Quantity(value=limits.max_connections, origin=limits.origin, source=limits.source)
    if limits.reserved_connections is not None:
        found["reserved_connections"] = Quantity(
            value=limits.reserved_connections,
            origin=limits.reserved_origin or limits.origin,
            source=limits.reserved_source or limits.source,
        )
    server = next((layer for layer in layers_of(situation) if layer.name == SERVER_LAYER), None)
    if server is not None:
        seen = situation.least_others.origin != "stated" and (server.others or 0) > situation.least_others.value
        found["others"] = (
            Quantity(value=server.others or 0, origin=limits.origin, source=_seen(server, limits.source))
            if seen
            else situation.least_others
        )
    return found


def _seen(layer: Layer, source: str) -> str:
    """The probe that saw so many, where it was an earlier one."""
    return f"{source}; the most were seen at {layer.others_at}" if layer.others_at else source
