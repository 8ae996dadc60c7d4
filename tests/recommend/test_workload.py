"""The words that people have for a load, with where each number came from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from poolsize.datatypes import Quantity, Recommendation, Trace
from poolsize.errors import UsageError, WorkloadError
from poolsize.profiles import PROFILES, profile
from tests.recommend.asked import PLENTY, answered, decided

HOLDS = ((0.01, 0.75), (0.09, 0.25))
"""Mean 30 ms, variance / mean² 4/3."""
TRACE = Trace((0.0, 1.0, 2.0, 3.0), (0.1, 0.1, 0.1, 0.5))


def origins(answer: Recommendation) -> dict[str, str]:
    load = ("rate_per_s", "hold_s", "hold_scv", "think_s", "threads", "skew")
    return {name: answer.inputs[name].origin for name in load if name in answer.inputs}


def test_a_stated_load_is_stated_and_its_spread_assumed() -> None:
    answer = answered(rate_per_s=50, hold_s=0.02, threads=4)
    assert origins(answer) == {
        "rate_per_s": "stated",
        "hold_s": "stated",
        "hold_scv": "assumed",
        "threads": "stated",
        "skew": "assumed",
    }
    assert answer.inputs["hold_scv"] == Quantity(value=1.0, origin="assumed", source="exponential holds")
    assert not answer.assumed_workload


def test_a_request_time_bounds_the_hold_from_above() -> None:
    answer = answered(request_rate_per_s=50, request_time_s=0.1)
    assert answer.inputs["hold_s"].origin == "upper bound"
    assert answer.inputs["rate_per_s"] == Quantity(value=50, origin="stated", source="--request-rate")


def test_a_percentile_is_a_spread_by_the_law_that_has_it() -> None:
    answer = answered(rate_per_s=50, hold_s=0.02, hold_p95_s=0.06)
    assert answer.inputs["hold_scv"].value == pytest.approx(1.383, abs=1e-3)
    assert answer.inputs["hold_scv"].source == "--hold-p95, lognormal"
    by_request = answered(request_rate_per_s=50, request_time_s=0.02, request_p95_s=0.1)
    assert by_request.inputs["hold_scv"].source == "--request-p95, two-class mixture"


def test_a_think_time_has_its_rate_beside_it() -> None:
    answer = answered(threads=8, think_s=0.18, hold_s=0.02)
    assert answer.inputs["think_s"] == Quantity(value=0.18, origin="stated", source="--think")
    assert answer.inputs["rate_per_s"].value == pytest.approx(40)
    assert answer.inputs["rate_per_s"].source == "follows from --think"


@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_gives_each_number_that_is_not_stated(name: str) -> None:
    assumed, found = answered(workers=4, profile=name), profile(name)
    rate = found.rate_per_process_per_s.value
    assert assumed.inputs["rate_per_s"].value == 4 * rate
    assert assumed.inputs["hold_s"] == Quantity(value=found.hold_s.value, origin="assumed", source=f"profile {name}")
    assert assumed.inputs["hold_scv"].value == found.hold_scv.value
    assert assumed.deployment is not None
    assert assumed.deployment.worker_type == found.worker_type.value
    stated = answered(workers=4, profile=name, hold_s=0.001)
    assert stated.inputs["hold_s"].origin == "stated"
    assert stated.inputs["rate_per_s"].origin == "assumed"
    assert stated.inputs["hold_scv"].value == 1.0, "the profile's spread is that of its own holds"


def test_a_profile_states_its_rate_for_each_process() -> None:
    rates = [answered(workers=n, instances=m).inputs["rate_per_s"].value for n, m in ((1, 1), (4, 1), (4, 3))]
    assert rates == [rates[0], 4 * rates[0], 12 * rates[0]]


def test_the_threads_of_a_profile_are_its_own(tmp_path: Path) -> None:
    own = tmp_path / "shop.toml"
    web = (Path(__file__).parents[2] / "profiles" / "web-oltp.toml").read_text(encoding="utf-8")
    own.write_text(f'{web}\n[threads]\nvalue = 4\nreason = "As we run it."\n', encoding="utf-8")
    assert answered(profile=str(own)).inputs["threads"] == Quantity(value=4, origin="assumed", source="profile shop")
    default = answered().inputs["threads"]
    assert default == Quantity(value=8, origin="assumed", source="worker type gunicorn-gthread")


@pytest.mark.parametrize(
    ("request_", "sentence"),
    [
        ({"rate_per_s": 1, "request_rate_per_s": 1}, "--rate and --request-rate say the same thing: give one of them."),
        ({"rate_per_s": 1, "think_s": 1}, "--rate and --think say the same thing: give one of them."),
        ({"request_rate_per_s": 1, "think_s": 1}, "--request-rate and --think say the same thing: give one of them."),
        ({"hold_s": 1, "request_time_s": 1}, "--hold and --request-time say the same thing: give one of them."),
        (
            {"hold_s": 1, "hold_p95_s": 1, "hold_scv": 1},
            "--hold-p95 and --hold-scv say the same thing: give one of them.",
        ),
        ({"rate_per_s": 1, "hold_p95_s": 1}, "--hold-p95 goes with --hold, the mean of the same time."),
        ({"hold_s": 1, "request_p95_s": 1}, "--request-p95 goes with --request-time, the mean of the same time."),
        ({"rate_per_s": 1, "trace": TRACE}, "--rate and --trace say the same thing: give one of them."),
        ({"hold_s": 1, "hold_histogram": HOLDS}, "--hold and --hold-histogram say the same thing: give one of them."),
        ({"hold_s": 1, "trace": TRACE}, "--hold and --trace say the same thing: give one of them."),
        ({"hold_histogram": HOLDS, "hold_scv": 1}, "--hold-scv and --hold-histogram say the same thing: give one of "
         "them."),
        ({"in_use": 2, "think_s": 1}, "--in-use goes with --rate, --request-rate, --trace or a hold, and not with "
         "--think."),
        ({"in_use": 2}, "--in-use needs a rate or a hold beside it, from which the other follows."),
        ({"worker_type": "gunicorn-sync", "threads": 4}, "A process of gunicorn-sync works on 1 request at once, so "
         "--threads 4 does not go with it."),
        ({"workers": 0}, "--workers is at least 1, not 0."),
        ({"threads": 0}, "--threads is at least 1, not 0."),
        ({"instances": -1}, "--instances is at least 1, not -1."),
        ({"pools": 0}, "--pools is at least 1, not 0."),
        ({"checkouts_per_request": 0}, "--checkouts-per-request is at least 1, not 0."),
        ({"surge": -1}, "--surge is at least 0, not -1."),
        ({"others": -1}, "--others is at least 0, not -1."),
        ({"skew": 0.5}, "--skew is at least 1, not 0.5."),
        ({"skew": float("nan")}, "--skew is at least 1, not nan."),
        ({"skew": float("inf")}, "--skew is at least 1, not inf."),
        ({"db_cores": 0}, "--db-cores is at least 1, not 0."),
        ({"p99_wait_s": 0.0}, "--p99-wait is a time above 0."),
        ({"request_timeout_s": -1.0}, "--request-timeout is a time above 0."),
        ({"connect_cost_s": float("nan")}, "--connect-cost is a time above 0."),
        ({"max_timeouts": 0.0}, "--max-timeouts is a share of the requests, above 0 and below 1, such as 1e-6."),
        ({"max_timeouts": 1.0}, "--max-timeouts is a share of the requests, above 0 and below 1, such as 1e-6."),
        ({"current": (-1, 5)}, "--current is pool_size+max_overflow, such as 5+10; -1 stands for no limit."),
        ({"current": (5, -2)}, "--current is pool_size+max_overflow, such as 5+10; -1 stands for no limit."),
    ],
)  # fmt: skip
def test_options_that_are_impossible_or_contradict_are_one_sentence(request_: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UsageError) as caught:
        answered(PLENTY, **request_)
    assert caught.value.message == sentence


@pytest.mark.parametrize(
    ("request_", "sentence"),
    [
        ({"rate_per_s": 0.0}, "--rate must be above 0, not 0."),
        ({"rate_per_s": float("nan")}, "--rate must be above 0, not nan."),
        ({"hold_s": float("inf")}, "--hold must be above 0, not inf."),
        ({"request_time_s": -1.0}, "--request-time must be above 0, not -1."),
        ({"think_s": 0.0}, "--think must be above 0, not 0."),
        ({"in_use": 0.0}, "--in-use must be above 0, not 0."),
        ({"hold_s": 0.1, "hold_scv": -0.1}, "--hold-scv must be 0 or more, not -0.1."),
        ({"hold_s": 0.1, "hold_p95_s": 0.0}, "--hold-p95 must be above 0, not 0."),
    ],
)
def test_numbers_that_no_workload_has_are_one_sentence(request_: dict[str, Any], sentence: str) -> None:
    with pytest.raises(WorkloadError) as caught:
        answered(PLENTY, **request_)
    assert caught.value.message == sentence


def test_constant_holds_are_a_law_too() -> None:
    assert decided(rate_per_s=10, hold_s=0.1, hold_scv=0).situation.workload.law == "constant"
    assert decided(rate_per_s=10, hold_s=0.1, hold_scv=1).situation.workload.law == "exponential"


def test_a_histogram_is_mean_and_variation_and_law() -> None:
    workload = decided(rate_per_s=10, hold_histogram=HOLDS).situation.workload
    assert workload.hold_s.value == pytest.approx(0.03)
    assert (workload.hold_s.origin, workload.hold_s.source) == ("observed", "--hold-histogram")
    assert workload.hold_scv is not None
    assert workload.hold_scv.value == pytest.approx(4 / 3)
    assert (workload.law, workload.histogram) == ("histogram", HOLDS)


def test_a_trace_is_the_rate_of_its_busiest_stretch_and_the_holds_in_it() -> None:
    quiet, burst = [float(second) for second in range(100)], [100.0 + n / 10 for n in range(100)]
    times = (*quiet, *burst, *(110.0 + second for second in range(100)))
    workload = decided(trace=Trace(times, (0.02,) * len(times))).situation.workload
    assert workload.rate_per_s == Quantity(value=10.0, origin="observed", source="--trace, the busiest 10 s of 209 s")
    assert workload.hold_s.value == pytest.approx(0.02)
    assert (workload.hold_s.origin, workload.hold_s.source) == ("observed", "--trace")
    ((value, share),) = workload.histogram
    assert value == 0.02
    assert share == pytest.approx(1.0)
    alone = decided(trace=Trace(times), hold_s=0.05).situation.workload
    assert (alone.rate_per_s, alone.hold_s.source) == (workload.rate_per_s, "--hold")


def test_a_short_trace_is_its_mean_rate() -> None:
    rate = decided(trace=TRACE).situation.workload.rate_per_s
    assert rate == Quantity(value=1.0, origin="observed", source="--trace, 4 checkouts in 3 s")


def test_connections_in_use_give_what_is_missing_by_littles_law() -> None:
    by_rate = decided(rate_per_s=50, in_use=2.0).situation.workload
    assert by_rate.hold_s == Quantity(value=0.04, origin="stated", source="--in-use / rate")
    by_hold = decided(hold_s=0.04, in_use=2.0).situation.workload
    assert by_hold.rate_per_s == Quantity(value=50.0, origin="stated", source="--in-use / hold")


@pytest.mark.parametrize(
    ("in_use", "is_refused"), [(2.0, False), (1.83, False), (2.2, False), (1.8, True), (2.3, True)]
)
def test_three_numbers_that_break_littles_law_by_over_a_tenth_are_refused(in_use: float, is_refused: bool) -> None:
    if not is_refused:
        assert answered(rate_per_s=50, hold_s=0.04, in_use=in_use).verdict == "fits"
        return
    with pytest.raises(WorkloadError, match=r"50 checkouts/s of 40 ms each keep 2 connections in use"):
        answered(rate_per_s=50, hold_s=0.04, in_use=in_use)


def test_an_unknown_profile_or_worker_type_is_refused_by_its_registry() -> None:
    with pytest.raises(UsageError, match="did you mean web-oltp"):
        answered(profile="web-olpt")
    with pytest.raises(UsageError, match="did you mean uvicorn"):
        answered(worker_type="uvicron")


@pytest.mark.parametrize(("hold_s", "goal_s"), [(0.001, 0.010), (0.02, 0.010), (0.04, 0.010), (0.1, 0.025), (2.0, 0.5)])
def test_the_goal_is_a_quarter_of_the_hold_and_at_least_10_ms(hold_s: float, goal_s: float) -> None:
    goal = answered(rate_per_s=0.1, hold_s=hold_s).inputs["p99_wait_s"]
    assert goal == Quantity(value=goal_s, origin="assumed", source="a quarter of the hold, at least 10 ms")


def test_a_stated_goal_is_the_goal_and_a_profile_may_have_its_own() -> None:
    assert answered(rate_per_s=1, hold_s=0.1, p99_wait_s=0.005).inputs["p99_wait_s"].value == 0.005
    jobs = answered(profile="background-jobs").inputs["p99_wait_s"]
    assert jobs == Quantity(value=1.0, origin="assumed", source="profile background-jobs")
    defaults = answered(rate_per_s=1, hold_s=0.1).inputs
    assert (defaults["max_timeouts"].value, defaults["request_timeout_s"].value) == (1e-6, 30.0)
