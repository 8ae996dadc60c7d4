"""Do real pools do what poolsize predicts of them? Longer than in the tests, and with the figures.

    python benchmarks/real_pools.py [--seconds 20] [--requests 50000]

SQLAlchemy's asyncio pool gets so many `--requests`, by a virtual clock. Its pool for threads, psycopg_pool on a real
PostgreSQL, and PgBouncer in front of one get a load for so many `--seconds` each. The formula and the simulation get
the load as it was: the realised thinks and holds. Beside the measured figure stand what the formula says, what the
simulation says, and half of the 95 % interval in which one run of that length lies by the simulation; marked is what
lies outside of twice that.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Final

import numpy as np

from poolsize.queueing import solve
from tests.real_pools import pgbouncer_threads, psycopg_threads, sqlalchemy_async, sqlalchemy_threads
from tests.real_pools.agreement import EVENT_RUNS, WIDTHS, Trial, half_of_a_run, trial, tried
from tests.servers import PostgresServer, started_postgres

FIGURES: Final = (
    "wait_probability",
    "mean_wait_s",
    "timeout_probability",
    "throughput_per_s",
    "opens_per_s",
)
WARM_UP_S: Final = 1.0
ASYNC_WARM_UP_S: Final = 100.0
ROUNDING: Final = 1e-9

Named = Iterator[tuple[str, Trial]]


def asyncio_pools(requests: int) -> Named:
    for name, case in sqlalchemy_async.CASES.items():
        seen = sqlalchemy_async.drive(case.load, case.hold, case.capacity, requests=requests, **case.settings)
        exact = solve(case.load, case.hold, case.capacity, **case.settings)
        one = tried(
            seen.after(ASYNC_WARM_UP_S),
            case.load,
            case.hold,
            case.capacity,
            exact=exact,
            semantics="sqlalchemy-async",
            **case.settings,
        )
        yield f"SQLAlchemy, asyncio: {name}", one


def threaded_pools(seconds: float) -> Named:
    for name, case in sqlalchemy_threads.CASES.items():
        seen = sqlalchemy_threads.observed(case, seconds)
        yield f"SQLAlchemy, threads: {name}", trial(seen, case.capacity, warm_up_s=WARM_UP_S, **case.settings)


def psycopg_pools(server: PostgresServer, seconds: float) -> Named:
    dsn, semantics = server.dsn("trust"), "psycopg_pool"
    for timeout_s in (30.0, 0.02):
        seen, _ = psycopg_threads.observed_fixed(dsn, seconds, timeout_s=timeout_s)
        capacity = psycopg_threads.CAPACITY
        one = trial(seen, capacity, warm_up_s=WARM_UP_S, timeout_s=timeout_s, semantics=semantics)
        yield f"psycopg_pool: fixed, timeout {timeout_s:g} s", one
    grown = psycopg_threads.observed_growing(dsn, seconds)
    one = trial(
        grown.seen,
        psycopg_threads.MOST,
        warm_up_s=WARM_UP_S,
        runs=EVENT_RUNS,
        has_formula=False,
        pool_size=psycopg_threads.LEAST,
        setup_s=float(np.mean(grown.opened.took_s)),
        idle_timeout_s=psycopg_threads.MAX_IDLE_S,
        semantics=semantics,
    )
    yield "psycopg_pool: grows and shrinks", one


def poolers(server: PostgresServer, seconds: float) -> Named:
    for name, case in (("patient", pgbouncer_threads.PATIENT), ("timeout 0.5 s", pgbouncer_threads.IMPATIENT)):
        pooled = pgbouncer_threads.observed(server, case, seconds)
        capacity = pgbouncer_threads.CAPACITY
        yield f"PgBouncer: {name}", trial(pooled.seen, capacity, warm_up_s=WARM_UP_S, runs=EVENT_RUNS, **case.settings)


def report(name: str, one: Trial) -> bool:
    """Prints it, and says whether all of it is as the simulation has it."""
    measured, runs = one.measured, one.runs
    print(f"{name} ({len(measured.asked_s):,} requests, {measured.overtaken:.1%} overtaken)")
    print(f"  {'':22}{'measured':>11}{'solved':>11}{'simulated':>11}{'one run':>11}")
    met = True
    for figure in FIGURES:
        seen, said = measured.figure(figure, runs.scenario.capacity), getattr(runs, figure)
        half = half_of_a_run(runs, figure)
        solved = f"{getattr(one.exact, figure):.4g}" if one.exact else "-"
        is_near = abs(seen - said) <= WIDTHS * half + ROUNDING
        one_run = f"± {half:.2g}"
        print(f"  {figure:22}{seen:>11.4g}{solved:>11}{said:>11.4g}{one_run:>11}{'' if is_near else '  !'}")
        met = met and is_near
    print()
    return met


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=20.0, help="of each run by the time of the wall")
    parser.add_argument("--requests", type=int, default=50_000, help="of each run by a virtual clock")
    arguments = parser.parse_args()
    met = [report(*found) for found in asyncio_pools(arguments.requests)]
    met += [report(*found) for found in threaded_pools(arguments.seconds)]
    with started_postgres(tls=False) as server:
        met += [report(*found) for found in psycopg_pools(server, arguments.seconds)]
        met += [report(*found) for found in poolers(server, arguments.seconds)]
    print("All pools did as simulated." if all(met) else "Some pool did otherwise than simulated.")
    return 0 if all(met) else 1


if __name__ == "__main__":
    raise SystemExit(main())
