"""Simulation settles what the models leave open, and certifies the rest."""

from __future__ import annotations

import math
import random
import subprocess
import sys
from typing import Any

import pytest

from poolsize.datatypes import Certificate, Estimate, Recommendation, Trace
from poolsize.errors import WorkloadError
from poolsize.queueing import Closed, Hold, Open, solve
from poolsize.recommend import recommend
from poolsize.recommend.certify import HEAVY_SCV, _agree
from poolsize.recommend.findings import _contradiction
from poolsize.simulate import simulate
from tests.recommend.asked import PLENTY, answered, asked, capacity, codes, facts_of, finding

ASYNC: dict[str, Any] = {"worker_type": "uvicorn"}


def certified(**request: Any) -> Recommendation:
    return recommend(asked(**request), PLENTY)


def certificate_of(answer: Recommendation) -> Certificate:
    assert answer.certificate is not None
    return answer.certificate


def test_exponential_holds_are_solved_exactly_and_the_simulation_agrees() -> None:
    answer = certified(rate_per_s=75, hold_s=0.02, **ASYNC)
    found = certificate_of(answer)
    exact = solve(Open(75), Hold(0.02), capacity(answer), timeout_s=1.0)
    assert (found.decided_by, found.agrees, found.sizes) == ("exact model", True, ())
    assert found.predicted_p99_wait_s == pytest.approx(exact.quantile(0.99))
    assert found.late_probability.value == pytest.approx(exact.exceeds(0.01), rel=0.1)
    assert answer.predicted is not None
    assert answer.predicted.p99_wait_s == found.predicted_p99_wait_s, "an exact figure needs no simulated one"
    assert "PS405" not in codes(answer)


def test_where_both_models_say_the_same_size_one_simulation_is_enough() -> None:
    answer = certified(rate_per_s=75, hold_s=0.02, hold_scv=0.0, request_timeout_s=1.0, **ASYNC)
    found = certificate_of(answer)
    assert found.decided_by == "two models"
    assert [size.capacity for size in found.sizes] == [capacity(answer)]
    assert answer.predicted is not None
    assert answer.predicted.p99_wait_s == found.p99_wait_s.value, "the model only brackets it"


LOADS = [
    pytest.param({"rate_per_s": 100, "hold_scv": 9.0, **ASYNC}, id="heavy tail, open"),
    pytest.param({"rate_per_s": 400, "hold_scv": 4.0, **ASYNC}, id="uneven, open"),
    pytest.param({"rate_per_s": 800, "hold_scv": 0.0, "threads": 40}, id="constant, threads"),
    pytest.param({"rate_per_s": 400, "hold_scv": 9.0, "threads": 16}, id="heavy tail, threads"),
]


@pytest.mark.parametrize("load", LOADS)
def test_the_size_is_the_fewest_that_another_simulation_passes_too(load: dict[str, Any]) -> None:
    answer = certified(hold_s=0.02, **load)
    found, size = certificate_of(answer), capacity(answer)
    assert found.decided_by == "simulation"
    rate, hold = load["rate_per_s"], Hold(0.02, load["hold_scv"])
    source = Closed(load["threads"], load["threads"] / rate - 0.02) if "threads" in load else Open(rate)

    def meets(c: int) -> bool:
        other = simulate(source, hold, c, timeout_s=1.0, pool_size=c, seed=77)
        carried = isinstance(source, Open) or other.throughput_per_s >= 0.99 * rate
        return other.exceeds(0.01) <= 0.01 and carried

    assert [meets(size - 1), meets(size)] == [False, True]
    # Everything beside the answer starts from that size.
    assert {row.label: row.verdict for row in answer.neighbours} == {
        "c - 1": "misses_goal",
        "c": "fits",
        "c + 1": "fits",
    }
    rates = next(one for one in answer.ranges if one.name == "rate")
    assert rates.low is not None
    assert rates.high is not None
    assert rates.low <= rate <= rates.high


def test_the_simulation_may_find_fewer_connections_than_the_models() -> None:
    request: dict[str, Any] = {"rate_per_s": 800, "hold_s": 0.02, "hold_scv": 0.0, "threads": 40}
    assert capacity(certified(**request)) < capacity(answered(**request))


def test_what_is_shown_beside_a_simulated_answer_is_simulated_too() -> None:
    answer = certified(rate_per_s=100, hold_s=0.02, hold_scv=9.0, **ASYNC)
    waits = [row.predicted.p99_wait_s or 0.0 for row in answer.neighbours]
    assert waits == sorted(waits, reverse=True)
    assert all(row.predicted.method.startswith("simulated") for row in answer.neighbours)
    assert answer.predicted is not None
    rare = answer.predicted.timeout_probability
    assert rare is not None
    assert 0.0 < rare < 1e-6, "a simulation has never seen one, so that it is the model's"


def test_an_assumed_workload_is_not_certified_and_costs_no_numpy() -> None:
    program = (
        "import sys; from poolsize.recommend import recommend; from poolsize.datatypes import Request;"
        "a = recommend(Request(workers=4)); print(a.certificate, 'numpy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["None", "False"]


LIMITS = [
    pytest.param({"rate_per_s": 800, "hold_s": 0.015, "hold_p95_s": 0.05, "workers": 4}, id="uneven, threads"),
    pytest.param({"rate_per_s": 300, "hold_s": 0.02, "hold_scv": 9.0, "threads": 16}, id="heavy tail, threads"),
    pytest.param({"rate_per_s": 200, "hold_s": 0.02, "hold_scv": 0.0, **ASYNC}, id="constant, open"),
]


@pytest.mark.parametrize("load", LIMITS)
def test_the_goal_is_met_up_to_about_the_rate_that_is_told(load: dict[str, Any]) -> None:
    """Where the models are no more than near, "up to" starts from what was simulated."""
    answer = certified(**load)
    assert answer.predicted is not None
    told = answer.predicted.holds_up_to_per_s
    assert told is not None
    processes = load.get("workers", 1)
    threads = load.get("threads", 8)

    def meets(rate_per_s: float) -> bool:
        each = rate_per_s / processes
        hold = Hold(load["hold_s"], answer.inputs["hold_scv"].value)
        source = Open(each) if "worker_type" in load else Closed(threads, threads / each - load["hold_s"])
        found = simulate(source, hold, capacity(answer), timeout_s=1.0, seed=31)
        return found.exceeds(0.01) <= 0.01 and (isinstance(source, Open) or found.throughput_per_s >= 0.99 * each)

    assert meets(0.96 * told)
    assert not meets(1.06 * told)


def test_a_trace_is_replayed_with_the_holds_that_came_with_its_arrivals() -> None:
    """Holds are long just when much comes: drawn by chance, a third of the connections would seem enough."""
    chance = random.Random(7)  # noqa: S311 - one seed, one load
    arrivals: list[float] = []
    holds: list[float] = []
    now = 0.0
    while now < 300.0:
        is_busy = now % 60.0 < 3.0
        now += chance.expovariate(400 if is_busy else 100)
        arrivals.append(now)
        holds.append(chance.expovariate(20 if is_busy else 100))
    trace = Trace(tuple(arrival - arrivals[0] for arrival in arrivals), tuple(holds))
    size = capacity(certified(trace=trace, **ASYNC))
    late = [simulate(trace, Hold(1.0), c, timeout_s=1.0).exceeds(0.01) for c in (size - 1, size)]
    assert late[1] <= 0.01
    assert late[0] > 0.01 or size == capacity(answered(trace=trace, **ASYNC)), "never below its busiest stretch"


def test_the_waits_of_a_recorded_load_are_those_of_its_replay() -> None:
    """Also where the holds are exponential, so that the model would be exact for requests that come by chance."""
    answer = certified(trace=Trace(bursts()), hold_s=0.02, **ASYNC)
    assert answer.predicted is not None
    assert answer.predicted.p99_wait_s == certificate_of(answer).p99_wait_s.value
    assert (answer.predicted.p99_wait_s or 0.0) > 0.0
    rates = next(one for one in answer.ranges if one.name == "hold")
    assert rates.low != rates.high


def test_a_trace_is_shared_out_among_the_pools() -> None:
    times = tuple(n / 200 for n in range(20_000))
    each = capacity(certified(trace=Trace(times), hold_s=0.02, workers=4, **ASYNC))
    alone = capacity(certified(trace=Trace(times[::4]), hold_s=0.02, **ASYNC))
    assert abs(each - alone) <= 1
    skewed = capacity(certified(trace=Trace(times), hold_s=0.02, workers=4, skew=3.0, **ASYNC))
    assert skewed > each


@pytest.mark.parametrize(
    ("trace", "sentence"),
    [
        (Trace((0.0, 1.0, 2.0), (0.0, 0.0, 0.0)), "The trace holds no connection for any time"),
        (Trace((0.0, 1.0, 2.0), (0.1, 0.1, 0.1)), "at least 2 for each are needed to say what comes to one"),
    ],
)
def test_a_trace_that_says_too_little_is_refused(trace: Trace, sentence: str) -> None:
    with pytest.raises(WorkloadError, match=sentence):
        certified(trace=trace, workers=4, **ASYNC)


def test_the_size_that_was_settled_by_simulation_is_one_that_it_passed() -> None:
    for load in ({"rate_per_s": 100, "hold_scv": 25.0}, {"rate_per_s": 1000, "hold_scv": 4.0}):
        found = certificate_of(certified(hold_s=0.02, **load, **ASYNC))
        assert found.decided_by == "simulation"
        assert {size.capacity: size.meets_goal for size in found.sizes}[found.capacity] is True


def test_a_pool_that_takes_minutes_to_simulate_is_left_to_the_model() -> None:
    answer = certified(rate_per_s=1e6, hold_s=0.02, workers=4, **ASYNC)
    assert answer.certificate is None
    assert answer.verdict == "fits"


def test_nobody_waits_where_each_thread_has_a_connection() -> None:
    answer = certified(rate_per_s=40, hold_s=0.02, worker_type="gunicorn-sync")
    assert (answer.certificate, answer.nobody_waits) == (None, True)


def test_it_can_be_left_out_and_the_spread_of_holds_is_then_told() -> None:
    answer = answered(rate_per_s=100, hold_s=0.02, hold_scv=HEAVY_SCV, **ASYNC)
    assert answer.certificate is None
    assert "--no-certify" in finding(answer, "PS401").remedy
    assert "PS401" not in codes(certified(rate_per_s=100, hold_s=0.02, hold_scv=HEAVY_SCV, **ASYNC))


def test_a_difference_is_told() -> None:
    answer = certified(rate_per_s=800, hold_s=0.02, hold_scv=0.0, threads=40)
    found = certificate_of(answer)
    assert not found.agrees
    told = finding(answer, "PS405")
    assert (told.severity, told.remedy) == ("note", "The size is the simulation's.")


def test_the_same_question_has_the_same_answer() -> None:
    request = {"rate_per_s": 75, "hold_s": 0.02, "hold_scv": 4.0, **ASYNC}
    assert certified(**request).certificate == certified(**request).certificate


def test_it_tells_how_far_it_is() -> None:
    told: list[tuple[str, float]] = []
    recommend(asked(rate_per_s=75, hold_s=0.02, **ASYNC), PLENTY, on_progress=lambda *now: told.append(now))
    assert {what for what, _ in told} == {"simulating 5 connections"}
    shares = [share for _, share in told]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_what_does_not_fit_is_simulated_as_small_as_it_is() -> None:
    from poolsize.providers import stated_facts

    answer = recommend(asked(workers=4, rate_per_s=2000, hold_s=0.02, **ASYNC), stated_facts(50))
    assert answer.verdict == "does_not_fit"
    assert certificate_of(answer).capacity == capacity(answer)


def bursts() -> tuple[float, ...]:
    """Sixty minutes of some 20 checkouts that come at once, every five seconds."""
    chance, arrivals = random.Random(5), []  # noqa: S311 - one seed, one load
    for burst in range(720):
        at = 5.0 * burst + chance.random()
        for _ in range(chance.randrange(10, 30)):
            at += chance.expovariate(500.0)
            arrivals.append(at)
    return tuple(sorted(arrivals))


def test_the_bursts_of_a_trace_need_more_than_its_busiest_stretch_as_if_by_chance() -> None:
    trace = Trace(bursts())
    models = answered(trace=trace, hold_s=0.02, **ASYNC)
    answer = certified(trace=trace, hold_s=0.02, **ASYNC)
    assert capacity(answer) > capacity(models)
    replayed = simulate(trace, Hold(0.02), capacity(answer), timeout_s=1.0, seed=9)
    fewer = simulate(trace, Hold(0.02), capacity(answer) - 1, timeout_s=1.0, seed=9)
    assert replayed.exceeds(0.01) <= 0.01 < fewer.exceeds(0.01)


def test_a_quiet_trace_is_sized_for_its_busiest_stretch() -> None:
    """Most of it is idle, so that over all of it fewer would do."""
    busy = [3000.0 + n / 100 for n in range(3000)]
    quiet = [float(second) for second in range(3000)]
    trace = Trace((*quiet, *busy))
    assert capacity(certified(trace=trace, hold_s=0.02, **ASYNC)) >= capacity(
        answered(trace=trace, hold_s=0.02, **ASYNC)
    )


def test_a_histogram_is_simulated_as_it_is() -> None:
    """Nine of ten holds take 10 ms, one takes 110 ms."""
    answer = certified(rate_per_s=300, hold_histogram=((0.01, 0.9), (0.11, 0.1)), **ASYNC)
    size = capacity(answer)
    hold = Hold.from_histogram([0.01, 0.11], [9, 1])
    late = [simulate(Open(300), hold, c, timeout_s=1.0, seed=3).exceeds(0.01) for c in (size - 1, size)]
    assert late[1] <= 0.01 < late[0]


def test_connections_are_kept_where_opening_them_makes_waits_too_long() -> None:
    """The models know what openings cost on average, and not that they come just when requests wait."""
    trace = Trace(bursts())
    for request in ({"trace": trace}, {"rate_per_s": 3000, "connect_cost_s": 0.2}):
        settings = certified(hold_s=0.02, **request, **ASYNC).settings
        assert settings is not None
        assert settings.max_overflow == 0
    models = answered(rate_per_s=3000, connect_cost_s=0.2, hold_s=0.02, **ASYNC).settings
    assert models is not None
    assert models.max_overflow > 0


def test_few_pools_on_a_slow_database_are_simulated_together() -> None:
    answer = certified(workers=2, rate_per_s=150, hold_s=0.02, usl=(0.02, 0.002), **ASYNC)
    found = certificate_of(answer)
    assert found.decided_by == "simulation"
    assert "event by event" in found.method
    late = {size.capacity: size.meets_goal for size in found.sizes}
    assert late[capacity(answer)] is True
    assert late[capacity(answer) - 1] is not True


def test_the_database_own_limits_stand_beside_max_connections() -> None:
    answer = answered(workers=4, rate_per_s=300, hold_s=0.02, usl=(0.02, 0.002), **ASYNC)
    checks = {check.name: check for check in answer.limits}
    assert checks["database knee"].limit == math.floor(math.sqrt((1 - 0.02) / 0.002))
    assert 0 < checks["database knee"].demand < checks["database knee"].limit
    stability = checks["database stability"]
    assert stability.demand == 4 * capacity(answer) <= stability.limit
    assert {"usl_alpha", "usl_beta"} <= set(answer.inputs)
    assert {check.name for check in answered(workers=4, rate_per_s=300, hold_s=0.02).limits} == {"server"}


def test_a_database_that_no_number_of_connections_makes_fast_enough_misses_the_goal() -> None:
    answer = answered(workers=4, rate_per_s=300, hold_s=0.02, usl=(0.02, 0.01), threads=8)
    assert answer.verdict == "misses_goal"
    assert answer.binding == "database knee"
    assert answer.settings is not None


def test_a_slower_database_never_needs_fewer_connections() -> None:
    needed = [
        capacity(answered(workers=4, rate_per_s=200, hold_s=0.02, usl=(alpha, 0.0), **ASYNC))
        for alpha in (0.0, 0.02, 0.05)
    ]
    assert needed == sorted(needed)
    assert needed[0] == capacity(answered(workers=4, rate_per_s=200, hold_s=0.02, **ASYNC))
    assert needed[-1] > needed[0]


def test_no_limit_is_no_fault() -> None:
    assert certificate_of(recommend(asked(rate_per_s=75, hold_s=0.02, **ASYNC), facts_of())).agrees


@pytest.mark.parametrize(
    ("request_", "decided_by"),
    [
        ({"rate_per_s": 75, **ASYNC}, "exact model"),
        ({"rate_per_s": 75, "hold_scv": 1.4, **ASYNC}, "two models"),
        ({"rate_per_s": 75, "hold_scv": 1.6, **ASYNC}, "simulation"),
        ({"rate_per_s": 75, "hold_scv": 0.6}, "confirmed model"),
        ({"rate_per_s": 75, "hold_scv": 0.4}, "simulation"),
        ({"rate_per_s": 40, "workers": 4, "usl": (0.02, 0.001)}, "simulation"),
        ({"rate_per_s": 50, "workers": 5, "usl": (0.02, 0.001)}, "confirmed model"),
    ],
)
def test_what_finds_the_size_depends_on_how_near_the_models_are(request_: dict[str, Any], decided_by: str) -> None:
    answer = certified(**{"hold_s": 0.02, "p99_wait_s": 0.02, **request_})
    assert certificate_of(answer).decided_by == decided_by


def certificate(**fields: Any) -> Certificate:
    p99 = Estimate(value=0.010, low=0.0098, high=0.0102)
    usual: dict[str, Any] = {
        "decided_by": "exact model", "model_sizes": (5, 5), "capacity": 5, "checkouts": 3_000_000, "mean_wait_s": p99,
        "late_probability": p99, "p99_wait_s": p99, "predicted_p99_wait_s": 0.015, "agrees": False,
    }  # fmt: skip
    return Certificate(**{**usual, **fields})


def test_an_exact_model_that_is_contradicted_is_a_warning() -> None:
    (found,) = _contradiction(certificate())
    assert (found.code, found.severity) == ("PS405", "warning")
    assert "15 ms by the one, 10 ms (9.8 ms to 10.2 ms) by the other." in found.message
    (settled,) = _contradiction(certificate(decided_by="simulation", model_sizes=(6, 7)))
    assert settled.severity == "note"
    assert settled.message.endswith("; 6 to 7 connections by the one, 5 by the other.")
    assert list(_contradiction(certificate(agrees=True))) == []


@pytest.mark.parametrize(
    ("predicted", "value", "half", "is_like"),
    [
        (0.010, 0.0121, 0.0001, True),  # 17 % of the larger
        (0.010, 0.0130, 0.0001, False),
        (0.010, 0.0130, 0.0021, True),  # 2.8 standard errors
        (0.010, 0.0130, 0.0019, False),  # 3.1 of them
        (0.0, 0.0, 0.0, True),
    ],
)
def test_they_differ_by_a_fifth_and_by_three_standard_errors(
    predicted: float, value: float, half: float, is_like: bool
) -> None:
    assert _agree(predicted, Estimate(value=value, low=value - half, high=value + half)) is is_like
