"""SQLAlchemy's asyncio pool does what is predicted of it: hours of load in all, by a virtual clock.

Nothing here depends on the machine: the same seed gives the same waits.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np
import pytest

from poolsize.queueing import Hold, solve
from poolsize.simulate import Trace, simulate
from tests.real_pools.agreement import TAIL, assert_is_as_predicted, tried
from tests.real_pools.measured import Measured
from tests.real_pools.sqlalchemy_async import CASES, EXPONENTIAL, drive

REQUESTS: Final = 8_000
WARM_UP_S: Final = 100.0
FIGURES: Final = (
    "wait_probability",
    "mean_wait_s",
    "utilization",
    "throughput_per_s",
    "timeout_probability",
    "opens_per_s",
)


@cache
def measured(name: str) -> Measured:
    case = CASES[name]
    return drive(case.load, case.hold, case.capacity, requests=REQUESTS, **case.settings)


@pytest.mark.parametrize("name", CASES)
def test_the_simulation_repeats_the_pool_request_by_request(name: str) -> None:
    case, seen = CASES[name], measured(name)
    found = simulate(seen.trace, case.hold, case.capacity, semantics="sqlalchemy-async", **case.settings)
    np.testing.assert_allclose(found.sample.path[:, 1], seen.wait_s, rtol=0.0, atol=1e-6)
    assert found.sample.timed_out.sum() == seen.is_late.sum()
    assert found.sample.opened.sum() == len(seen.opened_s)


@pytest.mark.parametrize("name", CASES)
def test_requests_wait_as_simulated_and_with_exponential_holds_as_solved(name: str) -> None:
    case, seen = CASES[name], measured(name).after(WARM_UP_S)
    exact = solve(case.load, case.hold, case.capacity, **case.settings) if name in EXPONENTIAL else None
    one = tried(seen, case.load, case.hold, case.capacity, exact=exact, semantics="sqlalchemy-async", **case.settings)
    assert_is_as_predicted(one, *FIGURES, with_tail=one.runs.timeout_probability < TAIL)


def test_a_connection_that_is_closed_while_others_wait_leaves_one_of_them_waiting() -> None:
    """Where the library does other than simulated. Two connections come back in the same moment, with pool_size 1 and
    two requests waiting: the second finds the queue full of the first, which its new owner has yet to fetch, and is
    closed. The place is free from 1.0 s on, but nobody tells the last request, which has it at the next return, or at
    the end of its timeout, when it looks again and opens a connection. Holds that vary never end together; those of
    one batch do."""
    two_each = Trace((0.0, 0.0, 0.5, 0.6), (1.0, 1.0, 3.0, 3.0))
    for timeout_s, wait_s in ((30.0, 4.0 - 0.6), (2.0, 2.0)):
        seen = drive(two_each, Hold(1.0), 2, pool_size=1, timeout_s=timeout_s)
        assert seen.wait_s == pytest.approx([0.0, 0.0, 0.5, wait_s])
        assert not seen.is_late.any()
    found = simulate(two_each, Hold(1.0), 2, pool_size=1, semantics="sqlalchemy-async")
    assert found.sample.path[:, 1] == pytest.approx([0.0, 0.0, 0.5, 1.0 - 0.6])
