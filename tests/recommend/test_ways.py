"""Each way to make it fit, applied, makes it fit; and a little less of it does not."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from poolsize.datatypes import DatabaseFacts, Layer, LimitCheck, Recommendation, Request, Way, limits_of
from tests.recommend.asked import answered, asked, capacity, facts_of, modelled

SIX_PODS: dict[str, Any] = {"workers": 4, "instances": 6, "rate_per_s": 1200, "hold_s": 0.05}


def way(answer: Recommendation, start: str) -> Way:
    return next(one for one in answer.ways_to_fit if one.change.startswith(start))


def raised(facts: DatabaseFacts, checks: tuple[LimitCheck, ...], less: int = 0) -> DatabaseFacts:
    """The same database with what each check lacks, but for `less`."""
    assert facts.limits is not None
    margins = {check.name: int(check.margin) for check in checks}
    layers = tuple(
        msgspec.structs.replace(layer, limit=layer.limit - min(margins[layer.name] + less, 0))
        for layer in facts.limits.layers
    )
    return msgspec.structs.replace(facts, limits=limits_of(layers))


def test_what_fits_needs_no_way() -> None:
    assert answered(facts_of(Layer(name="server", limit=1000)), **SIX_PODS).ways_to_fit == ()


def test_more_slots_make_it_fit_and_one_less_does_not() -> None:
    facts = facts_of(Layer(name="server", limit=97, others=5))
    answer = answered(facts, **SIX_PODS)
    found = way(answer, "raise the limit of the server, for about ")
    assert found.number == -answer.limits[0].margin
    assert found.unit == "connections"
    assert answered(raised(facts, answer.limits), **SIX_PODS).verdict == "fits"
    assert answered(raised(facts, answer.limits, less=1), **SIX_PODS).verdict == "does_not_fit"


def test_where_two_layers_are_too_small_both_are_named() -> None:
    facts = facts_of(Layer(name="server", limit=97, others=5), Layer(name="role", limit=100, others=0))
    answer = answered(facts, **SIX_PODS)
    margins = {check.name: check.margin for check in answer.limits}
    found = way(answer, "raise the limits (")
    assert f"server by {-margins['server']:g}, role by {-margins['role']:g}" in found.change
    assert found.number == -min(margins.values())
    assert answered(raised(facts, answer.limits), **SIX_PODS).verdict == "fits"


def test_a_shorter_hold_makes_it_fit_and_a_longer_one_does_not() -> None:
    facts = facts_of(Layer(name="server", limit=97))
    answer = answered(facts, **SIX_PODS)
    longest = way(answer, "shorten a mean hold to at most").number
    assert longest is not None
    assert answered(facts, **{**SIX_PODS, "hold_s": longest}).verdict == "fits"
    assert answered(facts, **{**SIX_PODS, "hold_s": longest * 1.03}).verdict == "does_not_fit"


def test_a_shorter_hold_is_found_with_a_percentile_too() -> None:
    """The holds get shorter as a whole, the percentile with them."""
    facts = facts_of(Layer(name="server", limit=97))
    request = {**SIX_PODS, "worker_type": "uvicorn", "hold_p95_s": 0.15}
    answer = answered(facts, **request)
    assert answer.verdict == "does_not_fit"
    longest = way(answer, "shorten a mean hold to at most").number
    assert longest is not None
    assert answered(facts, **{**request, "hold_s": longest, "hold_p95_s": 3 * longest}).verdict == "fits"


def test_shorter_requests_are_in_the_users_words() -> None:
    facts = facts_of(Layer(name="server", limit=97))
    request = {"workers": 4, "instances": 6, "request_rate_per_s": 1200, "request_time_s": 0.05}
    longest = way(answered(facts, **request), "shorten requests to at most").number
    assert longest is not None
    assert answered(facts, **{**request, "request_time_s": longest}).verdict == "fits"


def test_fewer_processes_make_it_fit_and_one_more_does_not() -> None:
    facts = facts_of(Layer(name="server", limit=97))
    request: dict[str, Any] = {"workers": 16, "instances": 3, "threads": 16, "rate_per_s": 300, "hold_s": 0.05}
    answer = answered(facts, **request)
    assert answer.verdict == "does_not_fit"
    most = way(answer, "run fewer processes in each instance, at most").number
    assert most is not None
    assert answered(facts, **{**request, "workers": int(most)}).verdict == "fits"
    assert answered(facts, **{**request, "workers": int(most) + 1}).verdict == "does_not_fit"


def test_fewer_processes_have_the_same_load_also_where_it_follows_from_a_think_time() -> None:
    facts = facts_of(Layer(name="server", limit=97))
    request: dict[str, Any] = {"workers": 16, "instances": 3, "threads": 16, "think_s": 2.5, "hold_s": 0.05}
    answer = answered(facts, **request)
    most = way(answer, "run fewer processes in each instance, at most").number
    assert most is not None
    rate = answer.inputs["rate_per_s"].value
    same_load = {**request, "think_s": None, "rate_per_s": rate, "workers": int(most)}
    assert answered(facts, **same_load).verdict == "fits"


def test_many_processes_are_counted_down_in_time_to_the_last_one() -> None:
    facts = facts_of(Layer(name="server", limit=3000))
    request: dict[str, Any] = {"workers": 4000, "threads": 2, "rate_per_s": 4000, "hold_s": 0.01}
    most = way(answered(facts, **request), "run fewer processes in each instance, at most").number
    assert most is not None
    assert answered(facts, **{**request, "workers": int(most)}).verdict == "fits"
    assert answered(facts, **{**request, "workers": int(most) + 1}).verdict == "does_not_fit"


def test_a_pooler_is_a_way_where_it_fits() -> None:
    facts = facts_of(Layer(name="server", limit=97, others=5))
    answer = answered(facts, **SIX_PODS)
    found = way(answer, "put one PgBouncer in front of all")
    assert answer.scope is not None
    assert found.number == answer.scope.shared_connections <= 92
    too_busy = {**SIX_PODS, "rate_per_s": 3000}
    assert not any("PgBouncer" in one.change for one in answered(facts, **too_busy).ways_to_fit)


def test_an_assumed_load_that_had_to_be_cut_down_has_ways_too() -> None:
    answer = modelled(asked(workers=4), facts_of(Layer(name="server", limit=12)))
    assert answer.verdict == "fits"
    assert way(answer, "put one PgBouncer in front of all").number == 7


def test_no_way_is_named_that_leads_nowhere() -> None:
    """More instances than slots: no hold is short enough, and one process in each is too many."""
    answer = answered(facts_of(Layer(name="server", limit=20)), workers=8, instances=20, rate_per_s=10, hold_s=0.01)
    assert answer.settings is None
    assert [one.change.split()[0] for one in answer.ways_to_fit] == ["put", "raise"]


@given(
    workers=st.integers(1, 12),
    instances=st.integers(1, 8),
    threads=st.integers(1, 24),
    use=st.floats(0.02, 0.9),
    hold_s=st.floats(0.002, 0.5),
    limits=st.lists(st.integers(4, 300), min_size=1, max_size=2),
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
def test_every_way_does_what_it_says(
    workers: int, instances: int, threads: int, use: float, hold_s: float, limits: list[int]
) -> None:
    facts = facts_of(*(Layer(name=name, limit=n) for name, n in zip(("server", "role"), limits, strict=False)))
    rate = use * threads * workers * instances / hold_s
    request = Request(workers=workers, instances=instances, threads=threads, rate_per_s=rate, hold_s=hold_s)
    answer = modelled(request, facts)
    assume(answer.verdict == "does_not_fit")
    assert modelled(request, raised(facts, answer.limits)).verdict == "fits"
    for one in answer.ways_to_fit:
        assert one.number is not None
        if one.change.startswith("shorten"):
            assert modelled(msgspec.structs.replace(request, hold_s=one.number), facts).verdict == "fits"
        elif one.change.startswith("run fewer"):
            assert modelled(msgspec.structs.replace(request, workers=int(one.number)), facts).verdict == "fits"
        elif one.change.startswith("put one"):
            assert one.number <= min(check.limit - check.others for check in answer.limits)
        else:
            assert one.number == -min(check.margin for check in answer.limits)


def test_the_settings_beside_a_no_are_those_that_fit() -> None:
    facts = facts_of(Layer(name="server", limit=97))
    answer = answered(facts, **SIX_PODS)
    assert answer.deployment is not None
    assert answer.deployment.worst_case(capacity(answer)) <= 94 < answer.deployment.worst_case(capacity(answer) + 1)
