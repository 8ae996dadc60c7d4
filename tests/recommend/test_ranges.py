"""Inside a range the answer is the same, outside it is another."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poolsize.datatypes import DatabaseFacts, Recommendation, Settings, StableRange, Verdict
from poolsize.errors import WorkloadError
from poolsize.providers import stated_facts
from tests.recommend.asked import PLENTY, answered

FIELDS = {
    "rate": "rate_per_s",
    "request-rate": "request_rate_per_s",
    "think": "think_s",
    "hold": "hold_s",
    "request-time": "request_time_s",
    "p99-wait": "p99_wait_s",
}
BEYOND = 1.011
"""Bounds are found to 1 %."""


def outcome(facts: DatabaseFacts, request: dict[str, Any]) -> tuple[Settings | None, Verdict | None]:
    try:
        answer = answered(facts, **request)
    except WorkloadError:
        return None, None
    return answer.settings, answer.verdict


def check(answer: Recommendation, facts: DatabaseFacts, request: dict[str, Any], one: StableRange) -> None:
    """At its ends, within, and just outside."""
    same = (answer.settings, answer.verdict)
    field, present = FIELDS[one.name], request.get(FIELDS[one.name]) or answer.inputs[FIELDS[one.name]].value
    for bound, outwards in ((one.low, 1 / BEYOND), (one.high, BEYOND)):
        if bound is None:
            continue
        for value in (bound, (bound * present) ** 0.5):
            assert outcome(facts, {**request, field: value}) == same, (one.name, value)
        assert outcome(facts, {**request, field: bound * outwards}) != same, (one.name, bound)


@pytest.mark.parametrize(
    "request_",
    [
        {"workers": 4, "rate_per_s": 200, "hold_s": 0.02},
        {"workers": 4, "instances": 3, "rate_per_s": 2000, "hold_s": 0.02},
        {"workers": 4, "request_rate_per_s": 200, "request_time_s": 0.1, "checkouts_per_request": 2},
        {"workers": 2, "threads": 12, "think_s": 0.2, "hold_s": 0.05},
        {"workers": 4, "worker_type": "uvicorn", "rate_per_s": 900, "hold_s": 0.02, "hold_scv": 2},
        {"workers": 4, "worker_type": "fastapi-sync", "rate_per_s": 400, "hold_s": 0.02},
        {"workers": 1, "threads": 40, "rate_per_s": 40, "hold_s": 0.4, "p99_wait_s": 0.3},
    ],
    ids=str,
)
@pytest.mark.parametrize("connections", [60, 100_000])
def test_just_inside_a_range_the_answer_is_the_same_and_just_outside_another(
    request_: dict[str, Any], connections: int
) -> None:
    facts = stated_facts(connections)
    answer = answered(facts, **request_)
    assert [one.unit for one in answer.ranges][1:] == ["s", "s"]
    for one in answer.ranges:
        check(answer, facts, request_, one)


@given(
    threads=st.integers(1, 24),
    use=st.floats(0.02, 0.9),
    hold_s=st.floats(0.002, 0.5),
    connect_s=st.floats(0.001, 0.2),
)
@settings(max_examples=15, deadline=None)
def test_the_same_for_any_load(threads: int, use: float, hold_s: float, connect_s: float) -> None:
    request: dict[str, Any] = {
        "threads": threads,
        "rate_per_s": use * threads / hold_s,
        "hold_s": hold_s,
        "connect_cost_s": connect_s,
    }
    answer = answered(**request)
    for one in answer.ranges:
        check(answer, PLENTY, request, one)


def test_from_an_assumed_load_the_range_starts_at_the_assumed_number() -> None:
    """The profile's spread and what is assumed stay as they are, whether or not the pool had to be cut down."""
    for facts in (stated_facts(100), stated_facts(13)):
        for worker_type in ("gunicorn-gthread", "uvicorn"):
            answer = answered(facts, workers=4, worker_type=worker_type)
            rate, hold = answer.ranges[0], answer.ranges[1]
            assert (rate.low or 0) < answer.inputs["rate_per_s"].value
            assert (hold.low or 0) < answer.inputs["hold_s"].value
            assert rate.high is None or rate.high > answer.inputs["rate_per_s"].value * 1.01


def test_threads_bound_the_rate_from_above() -> None:
    """One connection for one thread stays the answer until the thread makes no more."""
    answer = answered(threads=1, rate_per_s=2, hold_s=0.1)
    rate = answer.ranges[0]
    assert rate.low is None
    assert rate.high is not None
    assert 10 / 1.011 < rate.high < 10


def test_the_input_with_the_least_room_breaks_the_answer_first() -> None:
    answer = answered(workers=4, rate_per_s=200, hold_s=0.02)
    rooms = {one.name: one.high / answer.inputs[FIELDS[one.name]].value for one in answer.ranges[:2] if one.high}
    assert answer.breaks_first == min(rooms, key=rooms.__getitem__)


def test_a_shorter_think_time_is_what_breaks_it() -> None:
    answer = answered(workers=2, threads=12, think_s=0.2, hold_s=0.05)
    think, hold = answer.ranges[0], answer.ranges[1]
    assert think.low is not None
    assert hold.high is not None
    assert answer.breaks_first == ("think" if 0.2 / think.low < hold.high / 0.05 else "hold")


def test_the_goal_is_the_users_own_and_breaks_nothing() -> None:
    answer = answered(worker_type="uvicorn", rate_per_s=300, hold_s=0.02, p99_wait_s=0.01)
    goal = answer.ranges[2]
    assert goal.name == "p99-wait"
    assert (goal.low or 0) < 0.01 < (goal.high or 1)
    assert answer.breaks_first in ("rate", "hold")
