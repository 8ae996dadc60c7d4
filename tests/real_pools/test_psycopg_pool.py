"""psycopg_pool on a real PostgreSQL does what is predicted of it, by the time of the wall."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pytest

from poolsize.queueing import Hold
from poolsize.simulate import Simulated, Trace, simulate
from tests.real_pools.agreement import (
    EVENT_RUNS,
    assert_in_the_same_order,
    assert_is_as_predicted,
    assert_is_repeated,
    trial,
)
from tests.real_pools.psycopg_threads import (
    CAPACITY,
    LEAST,
    MAX_IDLE_S,
    MOST,
    observed_burst,
    observed_fixed,
    observed_growing,
)
from tests.servers import PostgresServer

SECONDS: Final = 2.5
WARM_UP_S: Final = 0.3
PATIENT_S: Final = 30.0
FIGURES: Final = ("wait_probability", "mean_wait_s", "throughput_per_s", "timeout_probability")


@pytest.mark.parametrize("timeout_s", [PATIENT_S, 0.02])
def test_a_fixed_pool_is_the_chain(postgres15: PostgresServer, timeout_s: float) -> None:
    seen, stats = observed_fixed(postgres15.dsn("trust"), SECONDS, timeout_s=timeout_s)
    settings: dict[str, Any] = {"timeout_s": timeout_s, "semantics": "psycopg_pool"}
    one = trial(seen, CAPACITY, warm_up_s=WARM_UP_S, **settings)
    assert_is_as_predicted(one, *FIGURES, with_tail=timeout_s == PATIENT_S)
    if timeout_s == PATIENT_S:  # one request that the machine lets oversleep its timeout changes all that follow
        assert_is_repeated(seen.measured, lambda trace: simulate(trace, Hold(1.0), CAPACITY, **settings))
        assert_in_the_same_order(seen.measured, simulate(seen.measured.trace, Hold(1.0), CAPACITY, **settings))
    assert stats["requests_num"] == len(seen.measured.asked_s)
    queued = stats["requests_queued"] / stats["requests_num"]
    assert queued == pytest.approx(seen.measured.figure("wait_probability", CAPACITY), abs=0.02)


def test_it_grows_and_shrinks_as_simulated(postgres15: PostgresServer) -> None:
    grown = observed_growing(postgres15.dsn("trust"), SECONDS)
    one = trial(
        grown.seen,
        MOST,
        warm_up_s=WARM_UP_S,
        runs=EVENT_RUNS,
        has_formula=False,
        pool_size=LEAST,
        setup_s=float(np.mean(grown.opened.took_s)),
        idle_timeout_s=MAX_IDLE_S,
        semantics="psycopg_pool",
    )
    assert_is_as_predicted(one, *FIGURES, "opens_per_s")


def test_a_burst_waits_for_one_connection_after_the_other(postgres15: PostgresServer) -> None:
    """All set-up is taken to last as long as one of them did."""
    grown, rng = observed_burst(postgres15.dsn("trust")), np.random.default_rng(0)

    def again(trace: Trace) -> Simulated:
        setup_s = float(rng.choice(grown.opened.took_s))
        return simulate(trace, Hold(1.0), MOST, pool_size=LEAST, setup_s=setup_s, semantics="psycopg_pool")

    assert_is_repeated(grown.seen.measured, again)
