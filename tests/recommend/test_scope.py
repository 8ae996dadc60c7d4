"""A pool in each process against one shared pooler."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poolsize.datatypes import Layer, ScopeComparison
from poolsize.queueing import solve
from poolsize.recommend.pool_load import total_rate_per_s
from poolsize.recommend.shared import shared_pool
from tests.recommend.asked import PLENTY, answered, behind_pgbouncer, decided, facts_of, sqlite_facts

PODS: dict[str, Any] = {"workers": 4, "instances": 6, "rate_per_s": 1200, "hold_s": 0.02}


def compared(limit: int, **request: Any) -> ScopeComparison:
    scope = answered(facts_of(Layer(name="server", limit=limit, others=0)), others=0, **request).scope
    assert scope is not None
    return scope


def test_a_pooler_is_recommended_where_only_it_fits() -> None:
    scope = compared(100, **PODS)
    assert scope.recommended == "shared"
    assert scope.per_process_connections > 100 >= scope.shared_connections
    assert f"the pools need {scope.per_process_connections} of 100 available connections" in scope.reason


def test_where_the_pools_fit_easily_it_is_one_more_part() -> None:
    scope = compared(1000, **PODS)
    assert scope.recommended == "per process"
    assert scope.per_process_connections < 500


def test_where_both_fit_it_is_worth_its_keep_if_it_halves_what_would_take_over_half() -> None:
    own = compared(1000, **PODS).per_process_connections
    assert compared(2 * own - 1, **PODS).recommended == "shared"
    assert compared(2 * own, **PODS).recommended == "per process"


def test_where_even_one_shared_pool_is_too_large_it_is_no_way_out() -> None:
    scope = compared(20, **PODS)
    assert scope.recommended == "per process"
    assert scope.reason.startswith("one shared pool needs ")
    assert scope.pooler.reserve_pool_size == 0


@pytest.mark.parametrize(
    "facts",
    [
        behind_pgbouncer(Layer(name="pooler", limit=50)),
        sqlite_facts(),
        facts_of(Layer(name="server", limit=99), dialect="mysql"),
    ],
    ids=["pgbouncer", "sqlite", "mysql"],
)
def test_there_is_nothing_to_compare_where_pgbouncer_cannot_stand_or_stands_already(facts: Any) -> None:
    assert answered(facts, workers=4, rate_per_s=10, hold_s=0.02).scope is None


def test_one_pool_has_nothing_to_share() -> None:
    assert answered(workers=1, rate_per_s=10, hold_s=0.02).scope is None
    assert answered(workers=1, pools=2, rate_per_s=10, hold_s=0.02).scope is not None


def test_the_shared_pool_is_the_smallest_that_meets_the_same_goal_for_all_together() -> None:
    scope, decision = compared(1000, **PODS), decided(**PODS)
    pool, goal = shared_pool(decision.situation), decision.situation.goal.p99_wait_s.value
    size = scope.pooler.default_pool_size
    assert pool.erlangs == pytest.approx(24)
    assert solve(pool.load, pool.hold, size).exceeds(goal) <= 0.01
    assert solve(pool.load, pool.hold, size).throughput_per_s >= 0.99 * 1200
    less = solve(pool.load, pool.hold, size - 1)
    assert less.exceeds(goal) > 0.01 or less.throughput_per_s < 0.99 * 1200


@given(
    workers=st.integers(1, 9),
    instances=st.integers(1, 6),
    pools=st.integers(1, 3),
    held=st.integers(1, 2),
    threads=st.none() | st.integers(1, 20),
    use=st.floats(0.01, 0.95),
    skew=st.floats(1.0, 2.0),
    limit=st.integers(1, 400),
)
@settings(max_examples=50, deadline=None)
def test_the_poolers_numbers_agree_with_each_other(
    workers: int, instances: int, pools: int, held: int, threads: int | None, use: float, skew: float, limit: int
) -> None:
    request: dict[str, Any] = {"workers": workers, "instances": instances, "pools": pools, "skew": skew, "hold_s": 0.02}
    request |= {"worker_type": "uvicorn"} if threads is None else {"threads": threads, "checkouts_per_request": held}
    each = use * (threads or 10) * (held if threads else 1) / 0.02 / skew
    answer = answered(
        facts_of(Layer(name="server", limit=limit)), rate_per_s=each * workers * instances * pools, others=0, **request
    )
    if answer.scope is None:
        assert answer.deployment is not None
        assert answer.deployment.peak_pools == 1
        return
    scope, pooler = answer.scope, answer.scope.pooler
    assert 1 <= pooler.min_pool_size <= pooler.default_pool_size
    assert scope.shared_connections == pooler.default_pool_size + pooler.reserve_pool_size
    assert 0 <= pooler.reserve_pool_size <= max(limit - pooler.default_pool_size, 0)
    assert 0 < pooler.reserve_pool_timeout_s < pooler.query_wait_timeout_s <= 30
    assert answer.deployment is not None
    assert pooler.max_client_conn >= answer.deployment.worst_case(pooler.application.capacity) + 10
    assert pooler.pool_mode == "transaction"
    if threads is not None:
        assert pooler.application.capacity == threads * held, "a client connection for each that threads can hold"
    assert (scope.recommended == "shared") <= (scope.shared_connections <= limit)
    assert scope.shared_predicted.holds_up_to_per_s is not None
    assert scope.shared_predicted.holds_up_to_per_s >= answer.inputs["rate_per_s"].value * (1 - 1e-9)


def test_in_front_of_a_pooler_hardly_any_request_waits_for_a_client_connection() -> None:
    scope = compared(1000, workers=4, worker_type="uvicorn", rate_per_s=1200, hold_s=0.02)
    pool = decided(PLENTY, workers=4, worker_type="uvicorn", rate_per_s=1200, hold_s=0.02).pool
    assert solve(pool.load, pool.hold, scope.pooler.application.capacity).wait_probability <= 0.001


def test_the_skew_between_processes_averages_out_in_a_shared_pool() -> None:
    even, uneven = (shared_pool(decided(**PODS, skew=skew).situation) for skew in (1.0, 1.5))
    assert even == uneven


def test_a_thread_may_hold_a_connection_of_each_of_its_pools() -> None:
    """One thread with two pools, each busy for 75 % of the time: 1.5 connections a process."""
    decision = decided(workers=2, threads=1, pools=2, rate_per_s=30, hold_s=0.1)
    shared = shared_pool(decision.situation)
    assert shared.erlangs == pytest.approx(3.0)
    assert shared.ceiling == 4
    assert shared.rate_per_s == total_rate_per_s(decision.situation.workload, decision.situation.deployment)
