"""PgBouncer in front of a real PostgreSQL does what is predicted of it, by the time of the wall."""

from __future__ import annotations

import cmath
import math
from typing import Final

import numpy as np

from poolsize.queueing import Hold
from poolsize.simulate import Simulated, Trace, simulate
from poolsize.simulate.pools.pgbouncer import JANITOR_S
from tests.real_pools.agreement import (
    EVENT_RUNS,
    assert_is_as_predicted,
    assert_is_repeated,
    assert_may_be,
    later,
    trial,
)
from tests.real_pools.measured import Measured
from tests.real_pools.pgbouncer_threads import CAPACITY, IMPATIENT, PATIENT, observed
from tests.servers import PostgresServer

FIGURES: Final = ("wait_probability", "mean_wait_s", "throughput_per_s", "timeout_probability")


def test_clients_wait_as_solved_and_as_simulated(postgres15: PostgresServer) -> None:
    pooled = observed(postgres15, PATIENT, seconds=3.0)
    one = trial(pooled.seen, CAPACITY, warm_up_s=0.3, **PATIENT.settings)
    assert_is_as_predicted(one, *FIGURES, with_tail=True)
    measured = pooled.seen.measured
    assert_is_repeated(measured, lambda trace: simulate(trace, Hold(1.0), CAPACITY, **PATIENT.settings))
    assert pooled.transactions == len(measured.asked_s)
    assert_may_be("mean_wait_s", pooled.waited_s / pooled.transactions, one)


def test_clients_give_up_when_the_janitor_looks(postgres15: PostgresServer) -> None:
    """Their `query_wait_timeout` ends at one of its looks, every third of a second."""
    seen = observed(postgres15, IMPATIENT, seconds=4.0).seen
    settings = IMPATIENT.settings
    one = trial(seen, CAPACITY, warm_up_s=2.0 * IMPATIENT.timeout_s, runs=EVENT_RUNS, has_formula=False, **settings)
    assert_is_as_predicted(one, *FIGURES)
    assert seen.measured.wait_s[seen.measured.is_late].min() >= IMPATIENT.timeout_s
    looked_s, spread_s = looks(seen.measured)
    assert spread_s < JANITOR_S / 20.0
    rng = np.random.default_rng(0)

    def again(trace: Trace) -> Simulated:
        """The simulated janitor looks at whole numbers of its periods, this one when clients learnt so, about."""
        delay_s = JANITOR_S - looked_s + float(rng.normal(0.0, spread_s))
        return simulate(later(trace, delay_s), Hold(1.0), CAPACITY, **settings)

    assert_is_repeated(seen.measured, again)


def looks(measured: Measured) -> tuple[float, float]:
    """When the janitor looked first, and how far from a whole number of its periods after that clients learnt so: a
    standard deviation, as of angles."""
    ends_s = (measured.asked_s + measured.wait_s)[measured.is_late]
    mean = complex(np.exp(2j * np.pi * ends_s / JANITOR_S).mean())
    turn_s = JANITOR_S / (2.0 * math.pi)
    return cmath.phase(mean) * turn_s, math.sqrt(-2.0 * math.log(abs(mean))) * turn_s
