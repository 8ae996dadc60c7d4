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
from poolsize.simulate import simulate
from tests.real_pools.measured import Measured, assert_agrees, assert_tail_agrees
from tests.real_pools.sqlalchemy_async import drive

REQUESTS: Final = 8_000
WARM_UP_S: Final = 100.0
FIGURES: Final = ("wait_probability", "mean_wait_s", "utilization", "throughput_per_s")


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


@pytest.mark.parametrize("name", EXPONENTIAL)
def test_exponential_holds_wait_as_solved(name: str) -> None:
    case, seen = CASES[name], measured(name).after(WARM_UP_S)
    exact = solve(case.load, case.hold, case.capacity, timeout_s=case.timeout_s, pool_size=case.pool_size)
    timeouts = ("timeout_probability",) if case.timeout_s < math.inf else ()
    openings = ("opens_per_s",) if case.pool_size < case.capacity else ()
    assert_agrees(seen, exact, case.capacity, *FIGURES, *timeouts, *openings)
    if exact.timeout_probability < 0.05:
        assert_tail_agrees(seen, exact)


@pytest.mark.parametrize("name", OTHERS)
def test_other_holds_wait_as_simulated(name: str) -> None:
    case, seen = CASES[name], measured(name).after(WARM_UP_S)
    found = simulate(
        case.load, case.hold, case.capacity, semantics="sqlalchemy-async", replications=200, seed=1, **case.settings
    )
    assert_agrees(seen, found, case.capacity, *FIGURES, "timeout_probability", "opens_per_s")
    if found.timeout_probability < 0.05:
        assert_tail_agrees(seen, found)
