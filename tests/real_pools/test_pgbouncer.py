"""PgBouncer in front of a real PostgreSQL does what is predicted of it, by the time of the wall.

The models get the load as it was: the measured mean of the thinks, and the measured holds.
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import numpy as np
import pytest

from poolsize.queueing import Hold, solve
from poolsize.simulate import Trace, simulate
from poolsize.simulate.pools.pgbouncer import JANITOR_S
from tests.real_pools.measured import Measured, assert_agrees, assert_repeats, assert_tail_agrees
from tests.real_pools.pgbouncer_threads import Client, clients, shown
from tests.real_pools.threads import Pool, drive
from tests.servers import PgBouncerServer, PostgresServer, started_pgbouncer

CAPACITY: Final = 4
WARM_UP_S: Final = 0.3


@contextmanager
def pooled(server: PostgresServer, count: int, timeout_s: float) -> Iterator[tuple[PgBouncerServer, list[Client]]]:
    """So many clients of a PgBouncer with CAPACITY connections, all open."""
    with started_pgbouncer(server, default_pool_size=CAPACITY, query_wait_timeout=f"{timeout_s:g}") as pooler:
        made = clients(pooler, count, CAPACITY)
        yield pooler, made
        for client in made:
            client.close()


def test_clients_wait_as_solved_and_as_simulated(postgres15: PostgresServer) -> None:
    with pooled(postgres15, 12, 0) as (pooler, made):
        before = shown(pooler, "SHOW STATS")
        seen = drive(Pool(), made, think_s=0.03, hold_s=0.02, seconds=4.0)
        after = shown(pooler, "SHOW STATS")
    measured = seen.measured
    settled, hold = measured.after(WARM_UP_S), Hold(measured.hold_mean_s)
    exact = solve(seen.load, hold, CAPACITY)
    assert_agrees(settled, exact, CAPACITY, "wait_probability", "mean_wait_s", "throughput_per_s")
    assert_tail_agrees(settled, exact)
    replay = simulate(measured.trace, hold, CAPACITY, pool_size=CAPACITY, semantics="pgbouncer")
    assert_repeats(measured, replay)
    waited_s = float(after["total_wait_time"] - before["total_wait_time"]) / 1e6
    requests = len(measured.asked_s)
    assert after["total_xact_count"] - before["total_xact_count"] == requests
    assert waited_s / requests == pytest.approx(replay.mean_wait_s, abs=2.0 * measured.handover_s.mean())


def test_clients_give_up_when_the_janitor_looks(postgres15: PostgresServer) -> None:
    """Their `query_wait_timeout` ends at one of its looks, every third of a second."""
    timeout_s = 0.5
    with pooled(postgres15, 32, timeout_s) as (_, made):
        seen = drive(Pool(), made, think_s=0.1, hold_s=0.08, seconds=4.0)
    measured = seen.measured
    hold = Hold.from_samples(measured.hold_s)
    settings: dict[str, Any] = {"timeout_s": timeout_s, "pool_size": CAPACITY, "semantics": "pgbouncer"}
    found = simulate(seen.load, hold, CAPACITY, replications=10, arrivals=5000, **settings)
    assert_agrees(measured.after(1.0), found, CAPACITY, "mean_wait_s", "throughput_per_s", "timeout_probability")
    looked_s, spread_s = janitor(measured)
    waits_s = measured.wait_s[measured.is_late]
    assert timeout_s <= waits_s.min()
    assert waits_s.max() <= timeout_s + JANITOR_S + 0.05
    late = [
        simulate(shifted(measured, JANITOR_S - looked_s + shift_s), hold, CAPACITY, **settings).sample.timed_out.sum()
        for shift_s in (-spread_s, 0.0, spread_s)
    ]
    assert min(late) - 2 <= measured.is_late.sum() <= max(late) + 2


def shifted(measured: Measured, delay_s: float) -> Trace:
    """The same requests, later."""
    return Trace(tuple((measured.asked_s + delay_s).tolist()), measured.trace.holds_s)


def janitor(measured: Measured) -> tuple[float, float]:
    """When it looked first, and how far from a whole number of its periods after that clients learnt so: a standard
    deviation, as of angles."""
    ends_s = (measured.asked_s + measured.wait_s)[measured.is_late]
    mean = complex(np.exp(2j * np.pi * ends_s / JANITOR_S).mean())
    turn_s = JANITOR_S / (2.0 * math.pi)
    return cmath.phase(mean) * turn_s, math.sqrt(-2.0 * math.log(abs(mean))) * turn_s
