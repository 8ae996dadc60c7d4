"""psycopg_pool on a real PostgreSQL does what is predicted of it, by the time of the wall.

The models get the load as it was: the measured mean of the thinks, and the measured holds.
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
import pytest

from poolsize.queueing import Hold, solve
from poolsize.simulate import Trace, simulate
from tests.real_pools.measured import assert_agrees, assert_repeats, assert_tail_agrees
from tests.real_pools.psycopg_threads import Client, Opened, facts, opened_pool
from tests.real_pools.threads import clock, drive
from tests.servers import PostgresServer

SECONDS: Final = 3.0
WARM_UP_S: Final = 0.3
LONG_S: Final = 30.0
FIGURES: Final = ("wait_probability", "mean_wait_s", "throughput_per_s", "timeout_probability")


@pytest.mark.parametrize("timeout_s", [LONG_S, 0.02])
def test_a_fixed_pool_is_the_chain(postgres15: PostgresServer, timeout_s: float) -> None:
    capacity, opened = 4, Opened(0.0)
    with opened_pool(postgres15.dsn("trust"), opened, min_size=capacity, max_size=capacity, timeout=timeout_s) as pool:
        clients = [Client(pool) for _ in range(12)]
        seen = drive(facts(pool, opened), clients, think_s=0.03, hold_s=0.02, seconds=SECONDS)
        stats = pool.get_stats()
    settled, hold = seen.measured.after(WARM_UP_S), Hold(seen.measured.hold_mean_s)
    exact = solve(seen.load, hold, capacity, timeout_s=timeout_s)
    assert_agrees(settled, exact, capacity, *FIGURES)
    replay = simulate(seen.measured.trace, hold, capacity, timeout_s=timeout_s, semantics="psycopg_pool")
    assert_repeats(seen.measured, replay)
    if timeout_s == LONG_S:
        assert_tail_agrees(settled, exact)
        assert replay.wait_probability == pytest.approx(stats["requests_queued"] / stats["requests_num"], abs=0.02)


def test_it_grows_and_shrinks_as_simulated(postgres15: PostgresServer) -> None:
    """Every 50 ms a connection is closed that nobody needed, and when one is missing it takes some 40 ms to open."""
    least, most, max_idle_s, opened = 1, 6, 0.05, Opened(0.03)
    since_s = clock()
    with opened_pool(
        postgres15.dsn("trust"), opened, min_size=least, max_size=most, max_idle=max_idle_s, timeout=LONG_S
    ) as pool:
        clients = [Client(pool) for _ in range(8)]
        seen = drive(facts(pool, opened), clients, think_s=0.08, hold_s=0.03, seconds=SECONDS)
    measured = seen.measured
    settings: dict[str, Any] = {
        "pool_size": least,
        "setup_s": float(np.mean(opened.times_s)),
        "idle_timeout_s": max_idle_s,
        "semantics": "psycopg_pool",
    }
    found = simulate(seen.load, Hold.from_samples(measured.hold_s), most, replications=10, arrivals=5000, **settings)
    assert_agrees(measured.after(WARM_UP_S), found, most, "wait_probability", "throughput_per_s", "opens_per_s")
    # The simulated pool looks for what nobody needed from time 0 on, this one since it was opened.
    since_opened_s = measured.asked_s + (seen.begin_s - since_s)
    trace = Trace(tuple(since_opened_s.tolist()), measured.trace.holds_s)
    replay = simulate(trace, Hold(1.0), most, **settings)
    assert_repeats(measured, replay)
    openings = len(opened.begun_s) - least
    assert abs(replay.sample.opened.sum() - openings) <= math.sqrt(openings)
