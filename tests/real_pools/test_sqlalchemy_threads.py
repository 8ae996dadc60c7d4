"""SQLAlchemy's pool for threads does what is predicted of it, by the time of the wall.

The models get the load as it was: the measured mean of the thinks, and of the holds, which are sleeps and end late.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import pytest
from sqlalchemy.pool import QueuePool

from poolsize.queueing import Hold, solve
from poolsize.simulate import simulate
from tests.real_pools.measured import assert_agrees, assert_repeats, assert_tail_agrees
from tests.real_pools.sqlalchemy_threads import Client, Opened
from tests.real_pools.threads import Pool, drive

SECONDS: Final = 3.0
WARM_UP_S: Final = 0.3
"""Six turns of a thread."""
LONG_S: Final = 30.0
FIGURES: Final = ("wait_probability", "mean_wait_s", "throughput_per_s", "timeout_probability")


class Case(NamedTuple):
    threads: int
    capacity: int
    pool_size: int
    think_s: float
    timeout_s: float = LONG_S


CASES: Final = {
    "waits": Case(12, 4, 4, 0.03),
    "timeouts": Case(12, 4, 4, 0.03, 0.02),
    "overflow": Case(8, 4, 1, 0.04),
}


@pytest.mark.parametrize("name", CASES)
def test_threads_wait_as_solved_and_as_simulated(name: str) -> None:
    case, opened = CASES[name], Opened()
    pool = QueuePool(
        opened,  # type: ignore[arg-type]  # of a DBAPI connection it has what the pool uses
        pool_size=case.pool_size,
        max_overflow=case.capacity - case.pool_size,
        timeout=case.timeout_s,
    )
    clients = [Client(pool) for _ in range(case.threads)]
    seen = drive(
        Pool(opened.times_s, timeout_s=case.timeout_s), clients, think_s=case.think_s, hold_s=0.02, seconds=SECONDS
    )
    settled, hold = seen.measured.after(WARM_UP_S), Hold(seen.measured.hold_mean_s)
    exact = solve(seen.load, hold, case.capacity, timeout_s=case.timeout_s, pool_size=case.pool_size)
    openings = ("opens_per_s",) if case.pool_size < case.capacity else ()
    assert_agrees(settled, exact, case.capacity, *FIGURES, *openings)
    if exact.timeout_probability < 0.05:
        assert_tail_agrees(settled, exact)
    replay = simulate(seen.measured.trace, hold, case.capacity, timeout_s=case.timeout_s, pool_size=case.pool_size)
    assert_repeats(seen.measured, replay)
