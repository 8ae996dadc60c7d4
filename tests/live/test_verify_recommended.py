"""The pool and the load of a recommendation, as they are run."""

from __future__ import annotations

from typing import Any

import pytest

from poolsize.datatypes import Recommendation, Request, Verification
from poolsize.errors import UsageError
from poolsize.live.verify_recommended import plan_of
from poolsize.live.verify_refine import refined_request
from poolsize.providers import stated_facts
from poolsize.queueing import Closed, Open
from poolsize.recommend import recommend


def answer(**changed: Any) -> Recommendation:
    asked: dict[str, Any] = {"workers": 2, "threads": 8, "instances": 3, "rate_per_s": 600.0, "hold_s": 0.02}
    return recommend(Request(**(asked | changed)), stated_facts(400), certify=False)


def test_one_pool_gets_the_load_of_one_process() -> None:
    plan = plan_of(answer(), pool="sqlalchemy")
    assert isinstance(plan.load, Closed)
    assert plan.load.threads == 8
    assert 8 / (plan.load.think_s + 0.02) == pytest.approx(100.0)
    assert plan.settings == answer().settings
    assert plan.goal_p99_wait_s == pytest.approx(0.01)


def test_the_busiest_process_is_the_one_that_is_run() -> None:
    plan = plan_of(answer(skew=1.5), pool="sqlalchemy")
    assert isinstance(plan.load, Closed)
    assert 8 / (plan.load.think_s + 0.02) == pytest.approx(150.0)


def test_an_async_worker_has_an_open_load() -> None:
    plan = plan_of(answer(worker_type="uvicorn", threads=None), pool="sqlalchemy-async")
    assert isinstance(plan.load, Open)
    assert plan.load.rate_per_s == pytest.approx(100.0)


def test_a_pooler_gets_the_load_of_the_whole_service() -> None:
    found = answer()
    assert found.scope is not None
    plan = plan_of(found, pool="pgbouncer")
    assert isinstance(plan.load, Closed)
    assert plan.load.threads == 48
    assert 48 / (plan.load.think_s + 0.02) == pytest.approx(600.0)
    assert plan.settings.capacity == found.scope.pooler.default_pool_size
    assert plan.connections == 48


def test_the_law_of_the_holds_is_the_one_that_was_taken() -> None:
    assert plan_of(answer(), pool="sqlalchemy").hold.law_name == "exponential"
    assert plan_of(answer(hold_scv=4.0), pool="sqlalchemy").hold.law_name == "lognormal"


def test_a_histogram_is_not_kept() -> None:
    found = answer(hold_s=None, hold_histogram=((0.01, 0.5), (0.03, 0.5)))
    with pytest.raises(UsageError, match="histogram"):
        plan_of(found, pool="sqlalchemy")


def test_nothing_measured_refines_nothing() -> None:
    with pytest.raises(UsageError, match="Nothing was measured"):
        refined_request(answer(), Verification())
