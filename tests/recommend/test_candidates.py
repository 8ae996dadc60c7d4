"""What is put beside the answer: other worker types, and the present settings."""

from __future__ import annotations

import math
from typing import Any

import pytest

from poolsize.datatypes import Candidate, Layer
from poolsize.providers import stated_facts
from poolsize.queueing import solve
from tests.recommend.asked import PLENTY, answered, behind_pgbouncer, capacity, codes, decided, facts_of

LOAD: dict[str, Any] = {"workers": 4, "rate_per_s": 200, "hold_s": 0.02}


def current(pool_size: int, overflow: int, **request: Any) -> Candidate:
    facts = request.pop("facts", PLENTY)
    found = answered(facts, current=(pool_size, overflow), **request).current
    assert found is not None
    return found


def test_with_workers_alone_sync_threads_and_async_stand_side_by_side() -> None:
    answer = answered(stated_facts(100), workers=4)
    assert answer.deployment is not None
    assert (answer.deployment.worker_type, answer.deployment.threads) == ("gunicorn-gthread", 8)
    assert [row.label for row in answer.alternatives] == ["gunicorn-sync", "uvicorn"]
    for row in answer.alternatives:
        alone = answered(stated_facts(100), workers=4, worker_type=row.label)
        assert row.settings == alone.settings
        assert row.predicted == alone.predicted
        assert row.worst_case == alone.worst_case


def test_who_names_a_worker_type_or_threads_has_chosen() -> None:
    assert answered(workers=4, worker_type="uvicorn").alternatives == ()
    assert answered(workers=4, threads=4).alternatives == ()


def test_another_worker_type_that_cannot_make_the_rate_says_so_and_how_far_it_goes() -> None:
    """Four sync workers with holds of 20 ms make 200 checkouts/s at most."""
    answer = answered(workers=4, rate_per_s=300, hold_s=0.02, pools=1)
    sync = answer.alternatives[0]
    assert (sync.label, sync.verdict, sync.settings.capacity, sync.worst_case) == ("gunicorn-sync", "misses_goal", 1, 4)
    assert sync.predicted.holds_up_to_per_s == pytest.approx(200)
    assert "at least 7 processes per instance" in sync.note
    nested = answered(workers=4, rate_per_s=900, hold_s=0.02, pools=2, checkouts_per_request=2).alternatives[0]
    assert (nested.settings.capacity, nested.worst_case) == (2, 16)
    assert nested.predicted.holds_up_to_per_s == pytest.approx(800)


def test_sqlalchemys_defaults_are_5_and_10_for_30_s() -> None:
    row = current(5, 10, **LOAD)
    assert (row.settings.pool_size, row.settings.max_overflow, row.settings.pool_timeout_s) == (5, 10, 30.0)
    assert row.worst_case == 4 * 15, "as it is written down, although 8 threads hold at most 8"
    assert row.predicted.p99_wait_s == 0
    assert row.verdict == "fits"
    assert row.note == "pool_size 5 -> 4, max_overflow 10 -> 0, pool_timeout 30 s -> 1 s"


def test_present_settings_are_held_against_the_limits_as_they_are_written_down() -> None:
    for limit, verdict in ((60, "fits"), (59, "does_not_fit")):
        assert current(5, 10, facts=facts_of(Layer(name="role", limit=limit)), **LOAD).verdict == verdict


def test_too_few_connections_miss_the_goal() -> None:
    row = current(1, 1, **LOAD)
    assert row.verdict == "misses_goal"
    pool = decided(**LOAD).pool
    assert row.predicted.p99_wait_s is not None
    assert row.predicted.p99_wait_s == pytest.approx(solve(pool.load, pool.hold, 2, timeout_s=30).quantile(0.99))
    assert row.predicted.p99_wait_s > 0.01
    assert row.predicted.holds_up_to_per_s is not None
    assert row.predicted.holds_up_to_per_s < 200


@pytest.mark.parametrize("present", [(5, -1), (0, 10), (0, 0)])
def test_without_a_limit_threads_are_the_only_one(present: tuple[int, int]) -> None:
    answer = answered(current=present, **LOAD)
    row = answer.current
    assert row is not None
    assert row.worst_case == 4 * 8
    assert row.predicted.wait_probability == 0
    assert "PS301" in codes(answer)


@pytest.mark.parametrize("present", [(5, -1), (0, 10)])
def test_without_a_limit_and_without_threads_nothing_bounds_the_worst_case(present: tuple[int, int]) -> None:
    row = current(*present, **LOAD, worker_type="uvicorn")
    assert (row.worst_case, row.verdict) == (None, "does_not_fit")
    assert row.predicted.holds_up_to_per_s is None
    assert row.predicted.p99_wait_s == 0
    assert row.predicted.wait_probability is not None
    assert row.predicted.wait_probability < 1e-9


def test_a_pool_that_keeps_few_and_opens_many_pays_for_it() -> None:
    """A connection more than once a second with one kept, none with all of them."""
    few = current(1, 7, **LOAD)
    all_kept = current(8, 0, **LOAD)
    assert few.predicted.opens_per_s is not None
    assert few.predicted.opens_per_s > 1
    assert all_kept.predicted.opens_per_s == 0
    assert few.predicted.mean_wait_s == all_kept.predicted.mean_wait_s == 0


def test_a_pooler_that_is_too_small_is_too_small_for_the_present_settings_too() -> None:
    layers = (Layer(name="pooler", limit=2), Layer(name="pooler client side", limit=100))
    assert current(5, 10, facts=behind_pgbouncer(*layers), **LOAD).verdict == "does_not_fit"


def test_where_requests_can_stall_fewer_connections_than_threads_miss_the_goal() -> None:
    request: dict[str, Any] = {"workers": 2, "worker_type": "fastapi-sync", "rate_per_s": 100, "hold_s": 0.02}
    answer = answered(current=(5, 10), **request)
    assert capacity(answer) == 40
    assert answer.current is not None
    assert answer.current.verdict == "misses_goal"
    assert {row.label: row.verdict for row in answer.neighbours} == {"c - 1": "misses_goal", "c": "fits"}


def test_what_meets_the_goal_stands_beside_what_fits() -> None:
    answer = answered(stated_facts(60), workers=4, instances=6, rate_per_s=2400, hold_s=0.02)
    rows = {row.label: row for row in answer.neighbours}
    assert list(rows) == ["c", "c + 1", "goal"]
    assert rows["goal"].verdict == "does_not_fit"
    assert rows["goal"].worst_case == answer.limits[0].demand


def test_what_is_predicted_is_that_of_the_model_for_these_settings() -> None:
    answer = answered(worker_type="uvicorn", rate_per_s=100, hold_s=0.05)
    chosen, predicted = answer.settings, answer.predicted
    assert chosen is not None
    assert predicted is not None
    pool = decided(worker_type="uvicorn", rate_per_s=100, hold_s=0.05).pool
    wait = solve(pool.load, pool.hold, chosen.capacity, timeout_s=chosen.pool_timeout_s, pool_size=chosen.pool_size)
    assert predicted.utilization == pytest.approx(5 / chosen.capacity, rel=1e-3)
    assert predicted.wait_probability == wait.wait_probability
    assert predicted.mean_wait_s == wait.mean_wait_s
    waits = (predicted.p50_wait_s, predicted.p95_wait_s, predicted.p99_wait_s)
    assert waits == tuple(wait.quantile(q) for q in (0.5, 0.95, 0.99))
    assert predicted.timeout_probability == wait.timeout_probability
    assert predicted.opens_per_s == wait.opens_per_s
    assert predicted.method == "M/M/c+D, open"
    assert math.isfinite(predicted.holds_up_to_per_s or math.nan)
