"""`poolsize simulate`."""

from __future__ import annotations

from typing import Annotated, Final

from poolsize._version import __version__
from poolsize.cli.options import Json, count, text, time
from poolsize.cli.output import emit, progress
from poolsize.cli.reading import reproduced
from poolsize.cli.scenarios import STARTS, PoolOptions, inputs_of, scenarios_of
from poolsize.cli.simulated_load import (
    LOAD,
    HoldHistogram,
    HoldLawName,
    HoldP95,
    HoldScv,
    HoldTime,
    LoadOptions,
    Rate,
    Think,
    Threads,
    TraceFile,
)
from poolsize.datatypes import Simulation, Trace
from poolsize.parallel import usable_processors
from poolsize.simulate.semantics import SEMANTICS

POOL: Final = "Pool (default: as its library has it)"
DATABASE: Final = "Database"
RUN: Final = "Run"


def simulate(
    semantics: Annotated[
        str, text(metavar="NAME", panel=POOL, choices=SEMANTICS, help=f"One of {', '.join(SEMANTICS)}.")
    ] = "sqlalchemy",
    capacity: Annotated[
        str | None, text(metavar="N|N..M|N,M", panel=POOL, help="The most connections; several sizes are compared.")
    ] = None,
    pool_size: Annotated[
        int | None, count(panel=POOL, least=0, help="Connections it keeps: pool_size, min_size, minimumIdle.")
    ] = None,
    max_overflow: Annotated[int | None, count(panel=POOL, least=0, help="Connections beyond those.")] = None,
    pool_timeout: Annotated[float | None, time(panel=POOL, help="How long a request waits.")] = None,
    connect_cost: Annotated[float | None, time(panel=POOL, help="To open a connection; default none.")] = None,
    reset: Annotated[float | None, time(panel=POOL, help="What a return adds to each hold; default none.")] = None,
    idle_timeout: Annotated[
        float | None, time(panel=POOL, help="After it a connection that nobody needed is closed.")
    ] = None,
    max_waiting: Annotated[
        int | None, count(panel=POOL, least=1, help="Requests beyond so many waiting are refused.")
    ] = None,
    reserve_pool_size: Annotated[int | None, count(panel=POOL, least=0, help="PgBouncer's.")] = None,
    reserve_pool_timeout: Annotated[float | None, time(panel=POOL, help="PgBouncer's; default 5s.")] = None,
    python_time: Annotated[
        float | None, time(panel=POOL, help="With threads: a request's computing in Python; default none.")
    ] = None,
    rate: Rate = None,
    threads: Threads = None,
    think: Think = None,
    hold: HoldTime = None,
    hold_p95: HoldP95 = None,
    hold_scv: HoldScv = None,
    hold_law: HoldLawName = None,
    hold_histogram: HoldHistogram = None,
    trace: TraceFile = None,
    retries: Annotated[int | None, count(panel=LOAD, least=0, help="Of a request that got no connection.")] = None,
    retry_delay: Annotated[float | None, time(panel=LOAD, help="Mean time until then; default none.")] = None,
    pools: Annotated[int | None, count(panel=DATABASE, least=1, help="So many such pools use it.")] = None,
    usl: Annotated[
        str | None,
        text(metavar="ALPHA,BETA", panel=DATABASE, help="How busy connections slow it down, as 0.05,0.002."),
    ] = None,
    app_time: Annotated[
        float | None, time(panel=DATABASE, help="The part of a hold in which it has nothing to do; default none.")
    ] = None,
    start: Annotated[
        str | None,
        text(metavar="|".join(STARTS), panel=DATABASE, choices=STARTS, help="full: as after a burst; default empty."),
    ] = None,
    seed: Annotated[int, count(panel=RUN, least=0, help="Other random numbers.")] = 0,
    arrivals: Annotated[
        int | None, count(panel=RUN, least=100, help="Requests that are measured in a replication.")
    ] = None,
    replications: Annotated[int | None, count(panel=RUN, least=2, help="Default: a second's worth.")] = None,
    processes: Annotated[
        int | None, count(panel=RUN, least=1, help="They share the work; default one a processor.")
    ] = None,
    scheduler: Annotated[
        str | None, text(metavar="ADDRESS", panel=RUN, help="Of a Dask cluster that does the work.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Run a pool under a load, as its library or server really behaves.

    The load is that of one pool: one engine of one process, or one pooler. Each number
    has a 95 % interval from independent replications.

    For example:

      poolsize simulate --rate 80 --hold 20ms --capacity 2..6
      poolsize simulate --threads 8 --think 50ms --hold 20ms --pool-size 3
      poolsize simulate --semantics pgbouncer --trace arrivals.csv --hold 5ms
    """
    pool = PoolOptions(
        semantics=semantics,
        capacity=capacity,
        pool_size=pool_size,
        max_overflow=max_overflow,
        usl=usl,
        start=start,
        settings={
            "timeout_s": pool_timeout,
            "setup_s": connect_cost,
            "reset_s": reset,
            "idle_timeout_s": idle_timeout,
            "max_waiting": max_waiting,
            "reserve_size": reserve_pool_size,
            "reserve_timeout_s": reserve_pool_timeout,
            "python_s": python_time,
            "retries": retries,
            "retry_delay_s": retry_delay,
            "pools": pools,
        },
    )
    load = LoadOptions(
        rate_per_s=rate,
        threads=threads,
        think_s=think,
        hold_s=hold,
        hold_p95_s=hold_p95,
        hold_scv=hold_scv,
        hold_law=hold_law,
        app_s=app_time,
        histogram=hold_histogram,
        trace=trace,
    )
    scenarios = scenarios_of(pool, load)
    from poolsize.simulate.document import simulated_pools  # here: numpy, for which a mistake need not wait
    from poolsize.simulate.run import Sampling

    with progress() as told:
        found = simulated_pools(
            scenarios,
            Sampling(seed, replications, arrivals),
            processes=processes or usable_processors(),
            scheduler=scheduler,
            on_progress=lambda share: told("simulating", share),
        )
    recorded = isinstance(scenarios[0].load, Trace) and scenarios[0].load.holds_s is not None
    document = Simulation(
        poolsize_version=__version__,
        semantics=semantics,
        semantics_source=SEMANTICS[semantics].source,
        hold_law="recorded" if recorded else scenarios[0].hold.law_name,
        inputs=inputs_of(scenarios[0], pool),
        seed=seed,
        pools=found,
        reproduce=reproduced(None),
    )
    from poolsize.report.simulation import simulation_report  # here: --json needs no rich

    emit(document, "" if as_json else simulation_report(document), as_json=as_json)
