"""SQLAlchemy's asyncio pool does what is predicted of it: an hour and more of load, by a virtual clock.

Nothing here depends on the machine: the same seed gives the same waits.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any, Final, NamedTuple

import numpy as np
import pytest

from poolsize.queueing import Closed, Hold, Open, solve
from poolsize.simulate import Trace, simulate
from tests.real_pools.agreement import RUNS, TAIL, Trial, assert_is_as_predicted
from tests.real_pools.measured import Measured
from tests.real_pools.sqlalchemy_async import drive

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


class Case(NamedTuple):
    load: Open | Closed
    hold: Hold
    capacity: int
    pool_size: int
    timeout_s: float = math.inf
    setup_s: float = 0.0

    @property
    def settings(self) -> dict[str, Any]:
        return {"pool_size": self.pool_size, "timeout_s": self.timeout_s, "setup_s": self.setup_s}


EXPONENTIAL: Final = {
    "patient": Case(Open(8.0), Hold(1.0), 10, 10),
    "timeout": Case(Open(8.0), Hold(1.0), 10, 5, 0.5),
    "overload": Case(Open(10.5), Hold(1.0), 10, 2, 1.0),
    "threads": Case(Closed(20, 1.0), Hold(1.0), 10, 5),
    "threads, timeout": Case(Closed(20, 1.0), Hold(1.0), 10, 5, 0.5),
}
OTHERS: Final = {
    "lognormal": Case(Open(7.0), Hold(1.0, 4.0), 10, 10),
    "lognormal, timeout": Case(Open(8.0), Hold(1.0, 4.0), 10, 5, 0.5),
    "lognormal, threads": Case(Closed(20, 1.0), Hold(1.0, 4.0), 10, 5, 0.5),
    "set-up": Case(Open(8.0), Hold(1.0), 10, 2, 0.5, 0.2),
}
CASES: Final = EXPONENTIAL | OTHERS


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
    runs = simulate(
        case.load,
        case.hold,
        case.capacity,
        semantics="sqlalchemy-async",
        replications=RUNS,
        arrivals=len(seen.asked_s),
        **case.settings,
    )
    exact = solve(case.load, case.hold, case.capacity, **case.settings) if name in EXPONENTIAL else None
    assert_is_as_predicted(Trial(seen, runs, exact), *FIGURES, with_tail=runs.timeout_probability < TAIL)


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
