"""The decision for one pool: the smallest capacity, the shortest timeout, the fewest kept connections."""

from __future__ import annotations

import heapq
import math
import random
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poolsize.queueing import Closed, Open, solve
from poolsize.recommend.choice import holds_up_to
from poolsize.recommend.decision import Decision
from tests.recommend.asked import answered, capacity, decided

ROUND_S = [1.0, 2.0, 3.0, 5.0, 10.0, 15.0, 20.0, 30.0, 45.0, 50.0, 60.0, 90.0, 100.0, 120.0, 200.0, 300.0, 500.0]


def late_share(decision: Decision, connections: int) -> float:
    """P(wait > goal) without a timeout."""
    pool = decision.pool
    return solve(pool.load, pool.hold, connections).exceeds(decision.situation.goal.p99_wait_s.value)


def carried_share(decision: Decision, connections: int) -> float:
    pool = decision.pool
    return solve(pool.load, pool.hold, connections).throughput_per_s / pool.rate_per_s


def timed_out_share(decision: Decision, connections: int, timeout_s: float) -> float:
    pool = decision.pool
    return solve(pool.load, pool.hold, connections, timeout_s=timeout_s).timeout_probability


threaded = st.builds(
    lambda threads, use, hold_s, goal: {
        "threads": threads,
        "hold_s": hold_s,
        "rate_per_s": use * threads / hold_s,
        "p99_wait_s": goal * hold_s,
    },
    st.integers(1, 48),
    st.floats(0.01, 0.98),
    st.floats(1e-3, 1.0),
    st.floats(0.02, 3.0),
)
unbounded = st.builds(
    lambda erlangs, hold_s, scv, goal: {
        "worker_type": "uvicorn",
        "hold_s": hold_s,
        "hold_scv": scv,
        "rate_per_s": erlangs / hold_s,
        "p99_wait_s": goal * hold_s,
    },
    st.floats(0.01, 60.0),
    st.floats(1e-3, 1.0),
    st.floats(0.0, 8.0),
    st.floats(0.02, 3.0),
)
loads = threaded | unbounded


@given(loads)
@settings(max_examples=150, deadline=None)
def test_the_capacity_meets_the_goal_and_one_less_does_not(load: dict[str, Any]) -> None:
    decision = decided(**load)
    c, longest = decision.needed, max(t for t in [*ROUND_S, 10 * load["p99_wait_s"]] if t <= 30)
    assert late_share(decision, c) <= 0.01
    assert carried_share(decision, c) >= 0.99
    if c > 1:
        assert (
            late_share(decision, c - 1) > 0.01
            or carried_share(decision, c - 1) < 0.99
            or timed_out_share(decision, c - 1, longest) > 1e-6
        )


@given(loads, st.sampled_from([0.5, 2.0, 5.0, 30.0, 600.0]), st.floats(-9, -1))
@settings(max_examples=150, deadline=None)
def test_the_timeout_is_the_shortest_round_one_at_which_few_enough_time_out(
    load: dict[str, Any], request_timeout_s: float, log_share: float
) -> None:
    decision = decided(**load, request_timeout_s=request_timeout_s, max_timeouts=10**log_share)
    choice = decision.choice
    assert choice is not None
    least = max(1.0, 10 * load["p99_wait_s"])
    allowed = [t for t in ROUND_S if least <= t <= request_timeout_s] or [min(least, request_timeout_s)]
    assert choice.pool_timeout_s in allowed
    assert choice.wait.timeout_probability <= 10**log_share
    for shorter in allowed[: allowed.index(choice.pool_timeout_s)]:
        assert timed_out_share(decision, choice.capacity, shorter) > 10**log_share


@given(loads, st.floats(1e-4, 0.5))
@settings(max_examples=150, deadline=None)
def test_opening_the_rest_is_cheap_at_pool_size_and_not_with_one_kept_less(
    load: dict[str, Any], connect_s: float
) -> None:
    decision = decided(**load, connect_cost_s=connect_s)
    choice, pool = decision.choice, decision.pool
    assert choice is not None

    def is_cheap(kept: int) -> bool:
        wait = solve(pool.load, pool.hold, choice.capacity, timeout_s=choice.pool_timeout_s, pool_size=kept)
        seldom = connect_s <= load["p99_wait_s"] or wait.opens_per_s <= 0.001 * wait.throughput_per_s
        return seldom and wait.opens_per_s * connect_s <= 0.01 * wait.utilization * choice.capacity

    assert is_cheap(choice.pool_size)
    assert choice.pool_size == 1 or not is_cheap(choice.pool_size - 1)


def test_the_capacity_is_raised_only_where_no_timeout_within_the_request_timeout_does() -> None:
    """A wait goal of two seconds is met by few connections; a request that lives 5 s then times out too often."""
    load: dict[str, Any] = {"worker_type": "uvicorn", "rate_per_s": 9, "hold_s": 1, "p99_wait_s": 2.0}
    patient, impatient = (decided(**load, request_timeout_s=t) for t in (1000.0, 5.0))
    assert impatient.needed > patient.needed
    assert late_share(impatient, impatient.needed - 1) <= 0.01, "the wait goal alone would take one less"
    assert timed_out_share(impatient, impatient.needed - 1, 5.0) > 1e-6
    assert impatient.choice is not None
    assert patient.choice is not None
    assert impatient.choice.pool_timeout_s <= 5.0 < patient.choice.pool_timeout_s


@pytest.mark.parametrize(
    ("goal_s", "request_timeout_s", "timeout_s"),
    [(0.01, 30.0, 1.0), (0.15, 30.0, 2.0), (0.25, 30.0, 3.0), (0.5, 30.0, 5.0), (0.01, 0.4, 0.4), (4.0, 30.0, 30.0)],
)
def test_the_timeout_is_at_least_a_second_and_ten_goals_within_the_request_timeout(
    goal_s: float, request_timeout_s: float, timeout_s: float
) -> None:
    answer = answered(threads=8, rate_per_s=1, hold_s=0.01, p99_wait_s=goal_s, request_timeout_s=request_timeout_s)
    assert answer.settings is not None
    assert answer.settings.pool_timeout_s == timeout_s


@pytest.mark.parametrize("threads", [4, 16, 200])
@pytest.mark.parametrize("use", [0.2, 0.6, 0.9])
def test_a_pool_carries_the_stated_rate(threads: int, use: float) -> None:
    """Holds of 1 ms under a goal of 10 ms: each of many threads could wait for its turn at one connection, and the
    waits would be short because the threads are slowed down to what it carries."""
    decision = decided(threads=threads, rate_per_s=use * threads / 0.001, hold_s=0.001)
    assert decision.needed > 0.99 * decision.pool.erlangs
    wait = solve(decision.pool.load, decision.pool.hold, decision.needed)
    assert wait.throughput_per_s == pytest.approx(decision.pool.rate_per_s, rel=0.01)


@given(loads)
@settings(max_examples=60, deadline=None)
def test_the_goal_is_met_up_to_the_rate_that_is_said_and_not_beyond(load: dict[str, Any]) -> None:
    decision = decided(**load)
    goal = decision.situation.goal
    for connections in {max(decision.needed - 1, 1), decision.needed}:
        up_to = holds_up_to(decision.pool, goal, connections)
        assert (up_to >= decision.pool.rate_per_s) == (connections == decision.needed)
        if decision.pool.ceiling is not None and connections >= decision.pool.ceiling:
            assert up_to == pytest.approx(connections / load["hold_s"])
            continue
        for factor, is_met in ((0.995, True), (1.01, False)):
            if up_to * factor <= 0:
                continue
            pool = decision.pool.at_rate(up_to * factor)
            wait = solve(pool.load, pool.hold, connections)
            is_quick = wait.exceeds(goal.p99_wait_s.value) <= 0.01 and wait.throughput_per_s >= 0.99 * pool.rate_per_s
            longest = max([t for t in ROUND_S if 10 * load["p99_wait_s"] <= t <= 30] or [30.0])
            late = solve(pool.load, pool.hold, connections, timeout_s=longest).timeout_probability
            assert (is_quick and late <= 1e-6) == is_met


class Simulated(NamedTuple):
    late: float
    """Share of the checkouts that waited longer than the goal."""
    timed_out: float
    per_s: float


def simulate(load: Closed | Open, hold_s: float, connections: int, timeout_s: float, goal_s: float) -> Simulated:
    """Checkouts in the order of their arrival, each on the connection that is free first: exact for FIFO, also where
    one gives up, which takes no connection. Nothing of the formulas."""
    rng = random.Random(11)  # noqa: S311 - a simulation, not a secret
    checkouts = 150_000
    free = [0.0] * connections
    sources = load.threads if isinstance(load, Closed) else 1
    think = 1.0 / load.think_s if isinstance(load, Closed) else load.rate_per_s
    arrivals = [rng.expovariate(think) for _ in range(sources)]
    heapq.heapify(arrivals)
    late = timed_out = 0
    now = 0.0
    for _ in range(checkouts):
        now = arrivals[0]
        wait = max(free[0] - now, 0.0)
        late += wait > goal_s
        if wait > timeout_s:
            timed_out += 1
            done = now + timeout_s
        else:
            done = now + wait + rng.expovariate(1.0 / hold_s)
            heapq.heapreplace(free, done)
        heapq.heapreplace(arrivals, (done if isinstance(load, Closed) else now) + rng.expovariate(think))
    return Simulated(late / checkouts, timed_out / checkouts, checkouts / now)


@pytest.mark.parametrize(
    "load",
    [
        {"threads": 8, "rate_per_s": 50, "hold_s": 0.05},
        {"threads": 16, "rate_per_s": 400, "hold_s": 0.02},
        {"worker_type": "uvicorn", "rate_per_s": 200, "hold_s": 0.03},
        {"threads": 6, "rate_per_s": 30, "hold_s": 0.04, "checkouts_per_request": 2},
    ],
    ids=str,
)
def test_a_simulation_of_the_pool_decides_the_same(load: dict[str, Any]) -> None:
    """The predicted share of late checkouts is within three standard errors of independent ones, widened for
    neighbours that wait together."""
    decision = decided(**load)
    goal_s, c = decision.situation.goal.p99_wait_s.value, decision.needed
    assert decision.choice is not None
    for connections in (c - 1, c):
        found = simulate(decision.pool.load, load["hold_s"], connections, math.inf, goal_s)
        expected = late_share(decision, connections)
        assert found.late == pytest.approx(expected, abs=3 * 3 * math.sqrt(expected / 150_000))
        assert found.per_s == pytest.approx(decision.pool.rate_per_s * carried_share(decision, connections), rel=0.01)
    assert found.late <= 0.0115


def test_a_simulation_times_out_as_often_as_predicted() -> None:
    """With so tight a request timeout that there are timeouts to count."""
    load: dict[str, Any] = {"worker_type": "uvicorn", "rate_per_s": 90, "hold_s": 0.1, "p99_wait_s": 1.0}
    answer = answered(**load, request_timeout_s=0.3, max_timeouts=0.005)
    decision = decided(**load, request_timeout_s=0.3, max_timeouts=0.005)
    assert answer.predicted is not None
    assert answer.predicted.timeout_probability is not None
    found = simulate(decision.pool.load, 0.1, capacity(answer), 0.3, 1.0)
    assert found.timed_out == pytest.approx(answer.predicted.timeout_probability, rel=0.25)
    assert found.late == 0, "nobody waits longer than the timeout"
