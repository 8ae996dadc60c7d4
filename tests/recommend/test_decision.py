"""Laws that every answer obeys, whatever was asked."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from poolsize.datatypes import DatabaseFacts, Layer, Recommendation, Request
from poolsize.recommend.document import recommendation
from tests.recommend.asked import answered, asked, capacity, codes, facts_of, modelled

WORKERS = ["gunicorn-gthread", "uvicorn", "django-asgi", "waitress", "fastapi-sync", "granian-wsgi"]


@st.composite
def questions(draw: st.DrawFn) -> Request:
    """A load that the threads can make, in any deployment."""
    worker_type = draw(st.sampled_from(WORKERS))
    threads = None if worker_type in ("uvicorn", "django-asgi") else draw(st.integers(1, 24))
    counts: dict[str, Any] = {
        "workers": draw(st.integers(1, 9)),
        "instances": draw(st.integers(1, 7)),
        "pools": draw(st.integers(1, 3)),
        "checkouts_per_request": draw(st.integers(1, 3)),
        "surge": draw(st.none() | st.integers(0, 4)),
    }
    skew = draw(st.floats(1.0, 2.0))
    hold_s = 10 ** draw(st.floats(-4, 0.5))
    most = (threads or 20) * counts["checkouts_per_request"] / hold_s / skew
    pools = counts["workers"] * counts["instances"] * counts["pools"]
    return Request(
        worker_type=worker_type,
        threads=threads,
        skew=skew,
        hold_s=hold_s,
        rate_per_s=draw(st.floats(0.001, 0.97)) * most * pools,
        others=draw(st.none() | st.integers(0, 30)),
        current=draw(st.none() | st.tuples(st.integers(0, 20), st.integers(-1, 20))),
        **counts,
    )


@st.composite
def limits(draw: st.DrawFn) -> DatabaseFacts:
    """One to three layers with sessions of others in them."""
    names = draw(st.lists(st.sampled_from(["server", "database", "role"]), min_size=1, max_size=3, unique=True))
    return facts_of(
        *(
            Layer(
                name=name,
                limit=10 ** draw(st.integers(0, 3)) * draw(st.integers(0, 9)),
                others=draw(st.integers(0, 40)),
            )
            for name in names
        )
    )


QUICK = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@given(questions(), limits())
@QUICK
def test_the_settings_are_those_of_a_pool_and_the_sum_is_the_product(request_: Request, facts: DatabaseFacts) -> None:
    answer = modelled(request_, facts)
    deployment = answer.deployment
    assert deployment is not None
    pools = (deployment.instances + deployment.surge) * deployment.processes * deployment.pools
    if answer.settings is None:
        assert answer.verdict == "does_not_fit"
        assert answer.worst_case is None
        return
    chosen = answer.settings
    assert chosen.pool_size >= 1
    assert chosen.max_overflow >= 0
    assert chosen.pool_timeout_s > 0
    assert answer.worst_case == pools * chosen.capacity
    if deployment.threads is not None:
        assert chosen.capacity <= deployment.threads * deployment.checkouts_per_request


@given(questions(), limits())
@QUICK
def test_the_verdict_is_that_of_the_margins(request_: Request, facts: DatabaseFacts) -> None:
    answer = modelled(request_, facts)
    assert answer.verdict in ("fits", "does_not_fit")
    assert (answer.verdict == "fits") == all(check.margin >= 0 for check in answer.limits)
    binding = next(check for check in answer.limits if check.name == answer.binding)
    assert binding.margin == min(check.margin for check in answer.limits)
    assert (
        {check.name for check in answer.limits} == {layer.name for layer in facts.limits.layers} if facts.limits else ()
    )
    assert answer.worst_case_sum.endswith(f" = {answer.limits[0].demand:g}")
    if answer.verdict == "fits":
        assert answer.worst_case == answer.limits[0].demand
        assert answer.ways_to_fit == ()
    else:
        assert answer.is_no
        if answer.settings is not None:
            assert answer.worst_case is not None
            assert answer.worst_case <= max_that_fits(answer)
            # Where so few can stall whatever their number, no more than the load itself waits for.
            assert answer.worst_case == max_that_fits(answer) or can_stall(answer)


def can_stall(answer: Recommendation) -> bool:
    return answer.deployment is not None and answer.deployment.release_needs_thread


def max_that_fits(answer: Recommendation) -> int:
    """The worst case of the most connections a pool that no layer is too small for."""
    assert answer.deployment is not None
    each = answer.deployment.worst_case(1)
    return int(min(check.limit - check.others for check in answer.limits) // each * each)


@given(questions(), limits())
@QUICK
def test_the_neighbours_are_judged_as_the_answer_is(request_: Request, facts: DatabaseFacts) -> None:
    answer = modelled(request_, facts)
    rows = {row.label: row for row in answer.neighbours}
    if answer.settings is None:
        assert rows == {}
        return
    c = capacity(answer)
    assert rows["c"].settings == answer.settings
    assert rows["c"].predicted == answer.predicted
    assert rows["c"].worst_case == answer.worst_case
    assert {label: row.settings.capacity for label, row in rows.items() if label != "goal"} == {
        label: n for label, n in (("c - 1", c - 1), ("c", c), ("c + 1", c + 1)) if label in rows
    }
    assert ("c - 1" in rows) == (c > 1)
    if answer.verdict == "fits":
        assert rows["c"].verdict == "fits"
        assert "c - 1" not in rows or rows["c - 1"].verdict == "misses_goal"
        assert "c + 1" not in rows or rows["c + 1"].verdict in ("fits", "does_not_fit")
    else:
        assert rows["c"].verdict == "misses_goal"
        meeting = next(row for row in rows.values() if row.verdict != "misses_goal")
        assert meeting.verdict == "does_not_fit"
        assert meeting.worst_case == answer.limits[0].demand
    ups = [rows[label].predicted.holds_up_to_per_s or 0.0 for label in ("c - 1", "c", "c + 1") if label in rows]
    assert ups == sorted(ups)


@given(questions(), limits())
@QUICK
def test_more_load_never_needs_fewer_connections(request_: Request, facts: DatabaseFacts) -> None:
    assert request_.rate_per_s is not None
    less = modelled(msgspec.structs.replace(request_, rate_per_s=request_.rate_per_s / 2), facts)
    full = modelled(request_, facts)
    assert less.limits[0].demand <= full.limits[0].demand


@given(questions(), limits())
@QUICK
def test_an_answer_is_a_document_without_surprises(request_: Request, facts: DatabaseFacts) -> None:
    """It survives JSON, which has neither infinities nor NaN, and the same question gets the same answer."""
    answer = modelled(request_, facts)
    text = msgspec.json.encode(answer)
    assert b"null,null,null" not in text
    assert msgspec.json.decode(text, type=Recommendation) == answer
    again = msgspec.structs.replace(recommendation(request_, facts, certify=False), made_at=answer.made_at)
    assert again == answer
    for row in (*answer.neighbours, *answer.alternatives):
        for name in row.predicted.__struct_fields__:
            value = getattr(row.predicted, name)
            assert not isinstance(value, float) or 0 <= value < float("inf"), name


@given(questions(), limits())
@QUICK
def test_present_settings_that_are_the_answer_are_judged_as_the_answer(request_: Request, facts: DatabaseFacts) -> None:
    answer = modelled(request_, facts)
    if answer.settings is None:
        return
    same = (answer.settings.pool_size, answer.settings.max_overflow)
    current = modelled(msgspec.structs.replace(request_, current=same), facts).current
    assert current is not None
    assert current.worst_case == answer.worst_case
    row = next(row for row in answer.neighbours if row.label == "c")
    assert current.verdict == row.verdict
    assert current.predicted.holds_up_to_per_s == row.predicted.holds_up_to_per_s


def test_an_assumed_workload_is_a_no_only_where_not_one_connection_a_pool_fits() -> None:
    """Three would meet the assumed goal; two, and even one, are offered; none is a no."""
    for connections, expected in ((100, 3), (15, 3), (14, 2), (7, 1)):
        answer = modelled(asked(workers=4), facts_of(Layer(name="server", limit=connections)))
        assert (answer.verdict, capacity(answer), answer.is_no) == ("fits", expected, False)
        assert ("PS403" in codes(answer)) == (expected < 3)
        assert all(check.margin >= 0 for check in answer.limits)
    none = modelled(asked(workers=4), facts_of(Layer(name="server", limit=6)))
    assert (none.verdict, none.settings, none.is_no) == ("does_not_fit", None, True)


def test_from_an_assumed_workload_no_wait_is_told() -> None:
    answer = answered(workers=4, current=(5, 10))
    assert answer.assumed_workload
    assert answer.predicted is not None
    assert answer.current is not None
    assert answer.scope is not None
    told = [answer.predicted, answer.current.predicted, answer.scope.shared_predicted]
    told += [row.predicted for row in (*answer.neighbours, *answer.alternatives)]
    for predicted in told:
        told_fields = {name for name in predicted.__struct_fields__ if getattr(predicted, name) is not None}
        assert told_fields == {"holds_up_to_per_s", "limited_by", "method"}
        assert predicted.holds_up_to_per_s is not None
        assert predicted.holds_up_to_per_s > 0


def test_without_a_word_about_limits_they_are_postgresqls_default_and_assumed() -> None:
    answer = modelled(asked(workers=4))
    assert [(check.name, check.limit, check.others) for check in answer.limits] == [("server", 97, 3)]
    assert answer.inputs["max_connections"].origin == "assumed"
    assert answer.limits_source == "PostgreSQL's default, assumed"


@pytest.mark.parametrize("limit", [0, 1])
def test_a_limit_of_none_or_one_is_an_answer_too(limit: int) -> None:
    answer = answered(facts_of(Layer(name="role", limit=limit)), rate_per_s=1, hold_s=0.01)
    assert (answer.verdict == "fits") == (limit == 1)
    assert answer.limits[0].margin == limit - 1


def test_without_any_limit_what_meets_the_goal_fits() -> None:
    request: dict[str, Any] = {"workers": 4, "rate_per_s": 300, "hold_s": 0.05}
    for facts in (DatabaseFacts(), facts_of()):
        answer = answered(facts, **request)
        assert (answer.verdict, answer.limits, answer.binding) == ("fits", (), None)
        assert answer.settings == answered(**request).settings
        assert answer.scope is not None
        assert answer.scope.recommended == "per process"


@pytest.mark.parametrize("stated", [{"rate_per_s": 2000.0}, {"hold_s": 0.2}, {"request_rate_per_s": 2000.0}])
def test_half_of_a_workload_tells_no_wait_and_can_be_a_no(stated: dict[str, float]) -> None:
    """What nobody measured shows in each wait; but a rate that was stated is no guess, and may not fit."""
    answer = answered(facts_of(Layer(name="server", limit=20)), workers=16, threads=8, **stated)
    assert answer.assumed_workload
    assert answer.verdict == "does_not_fit"
    assert answer.predicted is not None
    assert answer.predicted.p99_wait_s is None
