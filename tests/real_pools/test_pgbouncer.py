"""PgBouncer in front of a real PostgreSQL does what is predicted of it, by the time of the wall."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from poolsize.queueing import Hold
from poolsize.simulate import simulate
from poolsize.simulate.pools.pgbouncer import JANITOR_S
from tests.real_pools.agreement import (
    EVENT_RUNS,
    assert_in_the_same_order,
    assert_is_as_predicted,
    assert_is_repeated,
    assert_may_be,
    assert_one_of,
    trial,
)
from tests.real_pools.measured import Measured
from tests.real_pools.pgbouncer_threads import CAPACITY, IMPATIENT, PATIENT, observed
from tests.servers import PostgresServer

FIGURES: Final = ("wait_probability", "mean_wait_s", "throughput_per_s", "timeout_probability")


def test_clients_wait_as_solved_and_as_simulated(postgres15: PostgresServer) -> None:
    pooled = observed(postgres15, PATIENT, seconds=2.5)
    one = trial(pooled.seen, CAPACITY, warm_up_s=0.3, **PATIENT.settings)
    assert_is_as_predicted(one, *FIGURES, with_tail=True)
    measured = pooled.seen.measured
    assert_is_repeated(measured, lambda trace: simulate(trace, Hold(1.0), CAPACITY, **PATIENT.settings))
    assert_in_the_same_order(measured, simulate(measured.trace, Hold(1.0), CAPACITY, **PATIENT.settings))
    assert pooled.transactions == len(measured.asked_s)
    assert_may_be("mean_wait_s", pooled.waited_s / pooled.transactions, one)


def test_clients_give_up_when_the_janitor_looks(postgres15: PostgresServer) -> None:
    """Their `query_wait_timeout` ends at one of its looks, every third of a second."""
    seen, timeout_s = observed(postgres15, IMPATIENT, seconds=3.5).seen, IMPATIENT.timeout_s
    settings = IMPATIENT.settings
    one = trial(seen, CAPACITY, warm_up_s=2.0 * timeout_s, runs=EVENT_RUNS, has_formula=False, **settings)
    assert_is_as_predicted(one, *FIGURES)
    # Who waits longer than the timeout is not turned away yet: half of them and more are served until the next look.
    simulated_s = [of_a_run[of_a_run > timeout_s] for of_a_run in one.runs.sample.waits.T]
    beyond_s = one.measured.wait_s[one.measured.wait_s > timeout_s]
    means_s = [float(waits_s.mean()) for waits_s in simulated_s if len(waits_s)]
    assert_one_of("wait beyond the timeout", float(beyond_s.mean()), means_s)
    measured = seen.measured
    spread_s = spread_of_looks(measured)
    assert spread_s < JANITOR_S / 8.0  # a timeout that ended at any time would make it about 0.3 of the period
    assert measured.wait_s[measured.is_late].min() >= timeout_s
    assert measured.wait_s.max() <= timeout_s + JANITOR_S + 4.0 * spread_s + measured.handover_s.max()


def spread_of_looks(measured: Measured) -> float:
    """How far from a whole number of the janitor's periods apart clients learnt of its looks: a standard deviation, as
    of angles, seconds."""
    ends_s = (measured.asked_s + measured.wait_s)[measured.is_late]
    together = min(abs(complex(np.exp(2j * np.pi * ends_s / JANITOR_S).mean())), 1.0)
    return math.sqrt(-2.0 * math.log(together)) * JANITOR_S / (2.0 * math.pi)
