"""SQLAlchemy's pool for threads does what is predicted of it, by the time of the wall.

Whichever thread runs first takes a returned connection. Of threads that compute next to nothing that seldom is another
than who has waited the longest; seldom, so that not all of a run can be repeated.
"""

from __future__ import annotations

from typing import Final

import pytest

from poolsize.queueing import Hold
from poolsize.simulate import simulate
from tests.real_pools.agreement import assert_in_the_same_order, assert_is_as_predicted, trial
from tests.real_pools.sqlalchemy_threads import CASES, observed

WARM_UP_S: Final = 0.3
"""Six turns of a thread."""


@pytest.mark.parametrize("name", CASES)
def test_threads_wait_as_solved_and_as_simulated(name: str) -> None:
    case = CASES[name]
    seen = observed(case, seconds=2.5)
    one = trial(seen, case.capacity, warm_up_s=WARM_UP_S, **case.settings)
    assert_is_as_predicted(
        one,
        "wait_probability",
        "mean_wait_s",
        "throughput_per_s",
        "timeout_probability",
        "opens_per_s",
        with_tail=name != "timeouts",
    )
    if name != "timeouts":  # one request that the machine lets oversleep its timeout changes all that follow
        replay = simulate(seen.measured.trace, Hold(1.0), case.capacity, **case.settings)
        assert_in_the_same_order(seen.measured, replay)
