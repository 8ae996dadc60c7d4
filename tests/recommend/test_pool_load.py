"""The load of the service becomes the load of one pool."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poolsize.errors import UsageError, WorkloadError
from poolsize.queueing import Closed, Open
from tests.recommend.asked import answered, capacity, decided


def test_the_load_is_split_over_instances_processes_and_pools_and_multiplied_by_the_skew() -> None:
    pool = decided(workers=4, instances=3, pools=2, skew=1.5, threads=10, rate_per_s=240, hold_s=0.02).pool
    assert pool.rate_per_s == pytest.approx(240 / (3 * 4) * 1.5 / 2)
    assert pool.erlangs == pytest.approx(0.3)


def test_a_thread_is_away_for_what_its_share_of_the_rate_leaves_beside_the_hold() -> None:
    pool = decided(workers=2, threads=8, rate_per_s=80, hold_s=0.05).pool
    assert isinstance(pool.load, Closed)
    assert pool.load.threads == 8
    assert pool.load.think_s == pytest.approx(8 / 40 - 0.05)


def test_async_requests_come_however_many_wait() -> None:
    pool = decided(workers=4, worker_type="uvicorn", rate_per_s=200, hold_s=0.02).pool
    assert pool.load == Open(50.0)
    assert pool.ceiling is None


def test_extra_instances_of_a_rollout_are_in_the_sum_and_not_in_the_split() -> None:
    calm, rolling = (answered(workers=4, instances=4, rate_per_s=800, hold_s=0.02, surge=surge) for surge in (0, 3))
    assert calm.settings == rolling.settings
    assert calm.predicted == rolling.predicted
    assert (calm.worst_case, rolling.worst_case) == (16 * capacity(calm), 28 * capacity(calm))
    assert (
        rolling.worst_case_sum == f"(4 + 3) instances × 4 processes × 1 pool × {capacity(calm)} = {rolling.worst_case}"
    )


@pytest.mark.parametrize(("instances", "surge"), [(1, 0), (2, 1), (4, 1), (5, 2), (8, 2), (9, 3)])
def test_a_rollout_adds_a_quarter_of_the_instances_rounded_up_and_none_to_one(instances: int, surge: int) -> None:
    deployment = answered(instances=instances, rate_per_s=10, hold_s=0.02).deployment
    assert deployment is not None
    assert deployment.surge == surge


def test_the_busiest_process_needs_more_than_the_average_one() -> None:
    even, uneven = (answered(workers=8, threads=16, rate_per_s=2400, hold_s=0.02, skew=skew) for skew in (1.0, 2.0))
    assert capacity(uneven) > capacity(even)


@pytest.mark.parametrize("threads", [1, 2, 8, 40])
def test_threads_that_have_a_connection_each_never_wait(threads: int) -> None:
    """Just below what the threads can make at all."""
    answer = answered(threads=threads, rate_per_s=0.999 * threads / 0.1, hold_s=0.1)
    assert capacity(answer) == threads
    assert answer.predicted is not None
    assert answer.predicted.p99_wait_s == 0


@pytest.mark.parametrize("rate_per_s", [80.0, 80.001, 1e5])
def test_threads_cannot_make_more_checkouts_than_their_holds_allow(rate_per_s: float) -> None:
    """8 threads of 100 ms make 80/s with nothing between two checkouts."""
    with pytest.raises(WorkloadError) as caught:
        decided(threads=8, rate_per_s=rate_per_s, hold_s=0.1)
    message = caught.value.message
    assert message.startswith("8 threads that hold a connection for 0.1 s at a time can make at most 80 checkouts/s")
    assert message.endswith(" processes per instance, more threads, or a shorter hold.")
    assert caught.value.exit_code == 2


@given(
    workers=st.integers(1, 12),
    instances=st.integers(1, 6),
    pools=st.integers(1, 3),
    held=st.integers(1, 3),
    skew=st.floats(1.0, 3.0),
    excess=st.floats(1.0, 20.0),
)
def test_the_refusal_names_the_fewest_processes_that_would_do(
    workers: int, instances: int, pools: int, held: int, skew: float, excess: float
) -> None:
    rate = excess * 8 * held / 0.1 * instances * workers * pools / skew
    request: dict[str, Any] = {
        "instances": instances,
        "pools": pools,
        "checkouts_per_request": held,
        "skew": skew,
        "threads": 8,
    }
    with pytest.raises(WorkloadError) as caught:
        decided(workers=workers, rate_per_s=rate, hold_s=0.1, **request)
    needed = int(caught.value.message.split(" only at least ")[1].split()[0])
    assert decided(workers=needed, rate_per_s=rate, hold_s=0.1, **request).pool.rate_per_s > 0
    if needed > 1:
        with pytest.raises(WorkloadError):
            decided(workers=needed - 1, rate_per_s=rate * (1 + 1e-9), hold_s=0.1, **request)


def test_the_refusal_counts_threads_and_what_each_holds() -> None:
    with pytest.raises(
        WorkloadError, match=r"^8 threads that hold 2 connections for 0.1 s at a time can make at most 160 "
    ):
        decided(threads=8, checkouts_per_request=2, rate_per_s=200, hold_s=0.1)
    with pytest.raises(
        WorkloadError, match=r"^One thread that holds a connection .*/s come to each pool in the busiest"
    ):
        decided(worker_type="gunicorn-sync", rate_per_s=9, hold_s=0.1, skew=1.2)


def test_a_think_time_is_a_rate() -> None:
    """16 threads, each 0.2 s away and 0.05 s with a connection, make 64 checkouts/s."""
    by_think = decided(workers=2, threads=8, think_s=0.2, hold_s=0.05)
    by_rate = decided(workers=2, threads=8, rate_per_s=64, hold_s=0.05)
    assert by_think.pool.rate_per_s == pytest.approx(by_rate.pool.rate_per_s)
    assert isinstance(by_think.pool.load, Closed)
    assert by_think.pool.load.think_s == pytest.approx(0.2)
    assert by_think.settings == by_rate.settings


def test_a_think_time_needs_threads() -> None:
    with pytest.raises(UsageError, match=r"^--think is a thread's, and uvicorn has no threads: state --rate.$"):
        decided(worker_type="uvicorn", think_s=0.2, hold_s=0.05)


@pytest.mark.parametrize(("threads", "held"), [(1, 1), (1, 3), (8, 2), (40, 2), (5, 4)])
def test_nested_checkouts_set_a_floor_and_a_ceiling(threads: int, held: int) -> None:
    """The floor lets one thread finish while all others wait for their last connection."""
    pool = decided(threads=threads, checkouts_per_request=held, rate_per_s=0.1, hold_s=0.001).pool
    assert pool.floor == threads * (held - 1) + 1
    assert pool.ceiling == threads * held
    idle = answered(threads=threads, checkouts_per_request=held, rate_per_s=0.1, hold_s=0.001)
    assert capacity(idle) == pool.floor, "hardly any load, and still no less"


def test_a_request_rate_is_a_checkout_rate_for_each_connection_of_a_request() -> None:
    once = decided(threads=8, checkouts_per_request=2, request_rate_per_s=20, hold_s=0.05)
    twice = decided(threads=8, checkouts_per_request=2, rate_per_s=40, hold_s=0.05)
    assert once.pool == twice.pool


@pytest.mark.parametrize(("rate_per_s", "hold_s"), [(1e6, 3600.0), (262.2, 1000.0)])
def test_more_connections_busy_than_any_server_has_is_a_mistake_in_a_number(rate_per_s: float, hold_s: float) -> None:
    with pytest.raises(WorkloadError, match="no server has more than 262143: one of the two numbers is wrong"):
        decided(worker_type="uvicorn", rate_per_s=rate_per_s, hold_s=hold_s)
