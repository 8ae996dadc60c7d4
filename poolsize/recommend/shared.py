"""One pool for the whole service: what all processes together ask of a pooler's server connections."""

from __future__ import annotations

from poolsize.datatypes import LimitCheck
from poolsize.queueing import Closed, Open
from poolsize.recommend.choice import capacity_for
from poolsize.recommend.limits import server_pool_layers
from poolsize.recommend.pool_load import PoolLoad, hold_of, nested_floor, total_rate_per_s
from poolsize.recommend.situation import Situation


def shared_pool(situation: Situation) -> PoolLoad:
    """The load of all processes on one pool. The skew between processes averages out in it."""
    workload, deployment = situation.workload, situation.deployment
    rate = total_rate_per_s(workload, deployment)
    hold = hold_of(workload)
    if deployment.threads is None:
        return PoolLoad(Open(rate), hold, nested_floor=1, ceiling=None)
    # A thread may hold connections of each of its process's pools, and all of those lead here.
    threads = deployment.steady_pools * deployment.threads
    sources = threads * deployment.checkouts_per_request
    floor = nested_floor(threads, deployment.checkouts_per_request)
    return PoolLoad(Closed(sources, sources / rate - hold.mean_s), hold, floor, sources)


def pooler_checks(situation: Situation) -> tuple[LimitCheck, ...]:
    """Behind a pooler: the server connections that the service needs of it, against what it has."""
    layers = server_pool_layers(situation)
    if not layers:
        return ()
    needed = capacity_for(shared_pool(situation), situation.goal)
    return tuple(
        LimitCheck(name=layer.name, limit=layer.limit, others=layer.others or 0, demand=needed, source=layer.setting)
        for layer in layers
    )
