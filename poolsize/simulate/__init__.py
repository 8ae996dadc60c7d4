"""Simulation of a pool as the library or server that has it really behaves: it certifies the formulas, and answers
where there are none.

found = simulate(Open(rate_per_s=80.0), Hold(mean_s=0.02, scv=4.0), capacity=5, timeout_s=1.0)
found.quantile(0.99), found.interval(0.99)
"""

from __future__ import annotations

import math
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from poolsize.datatypes import Trace
    from poolsize.parallel import Progress
    from poolsize.queueing import Closed, Hold, Open, Usl
    from poolsize.simulate.document import simulated_pools
    from poolsize.simulate.run import Sampling
    from poolsize.simulate.scenario import Scenario
    from poolsize.simulate.semantics import SEMANTICS
    from poolsize.simulate.simulated import Simulated

__all__ = ["SEMANTICS", "Sampling", "Scenario", "Simulated", "Trace", "simulate", "simulated_pools"]

_WHERE = {
    "SEMANTICS": "semantics",
    "Sampling": "run",
    "Scenario": "scenario",
    "Simulated": "simulated",
    "simulated_pools": "document",
}


def simulate(
    load: Open | Closed | Trace,
    hold: Hold,
    capacity: int,
    *,
    timeout_s: float = math.inf,
    pool_size: int | None = None,
    semantics: str = "sqlalchemy",
    setup_s: float = 0.0,
    reset_s: float = 0.0,
    pools: int = 1,
    usl: Usl | None = None,
    max_waiting: int | None = None,
    reserve_size: int = 0,
    reserve_timeout_s: float = 5.0,
    idle_timeout_s: float | None = None,
    python_s: float = 0.0,
    retries: int = 0,
    retry_delay_s: float = 0.0,
    start: Literal["empty", "full"] = "empty",
    seed: int = 0,
    replications: int | None = None,
    arrivals: int | None = None,
    processes: int = 1,
    scheduler: str | None = None,
    on_progress: Progress | None = None,
) -> Simulated:
    """How requests fare at a pool of `capacity` connections, by independent replications. Settings: see `Scenario`.

    Without `pool_size` the pool keeps all of its capacity open, PgBouncer none. `replications` and `arrivals`
    (measured in each) follow from what settles in about a second. One `seed` gives one answer, whatever the number of
    `processes` (each takes some replications) and with or without a Dask cluster's `scheduler`. Pools of different
    sizes get the same requests by the same seed, so that their difference is known better than either.

    FIFO pools without slow-down and retries are simulated by a recursion over all replications at once, which is a
    hundred times faster than the others, event by event; `method` says which. Raises ValueError for what no pool can
    be, UsageError for unknown semantics and for more waits than can be kept. `simulated_pools` runs many scenarios.
    """
    from poolsize.simulate.run import Sampling, simulated  # here: it loads numpy
    from poolsize.simulate.scenario import Scenario
    from poolsize.simulate.semantics import kept_by

    scenario = Scenario(
        load=load,
        hold=hold,
        capacity=capacity,
        timeout_s=timeout_s,
        pool_size=kept_by(semantics, capacity) if pool_size is None else pool_size,
        semantics=semantics,
        setup_s=setup_s,
        reset_s=reset_s,
        pools=pools,
        usl=usl,
        max_waiting=max_waiting,
        reserve_size=reserve_size,
        reserve_timeout_s=reserve_timeout_s,
        idle_timeout_s=idle_timeout_s,
        python_s=python_s,
        retries=retries,
        retry_delay_s=retry_delay_s,
        start=start,
    )
    return simulated(
        scenario,
        Sampling(seed, replications, arrivals),
        processes=processes,
        scheduler=scheduler,
        on_progress=on_progress,
    )


def __getattr__(name: str) -> Any:
    """The other names, imported when they are asked for."""
    if name not in __all__:
        raise AttributeError(f"module 'poolsize.simulate' has no attribute {name!r}")
    where = f"poolsize.simulate.{_WHERE[name]}" if name in _WHERE else "poolsize.datatypes"
    return getattr(import_module(where), name)
