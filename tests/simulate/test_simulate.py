"""`simulate`: one seed, one answer, wherever it is computed; and sentences for what cannot be simulated."""

from __future__ import annotations

import math
import pickle
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poolsize.errors import UsageError
from poolsize.queueing import Closed, Hold, Open, Usl
from poolsize.simulate import Sampling, Scenario, Simulated, Trace, simulate, simulated_pools
from poolsize.simulate.document import MOMENTS, as_document, moments_of
from poolsize.simulate.length import Length
from poolsize.simulate.run import Piece, run_recursion
from tests.simulate.runs import scenario_of

NAMES = (
    "wait_probability",
    "timeout_probability",
    "refused_probability",
    "failure_probability",
    "mean_wait_s",
    "mean_acquire_s",
    "utilization",
    "throughput_per_s",
    "opens_per_s",
)


def numbers(found: Simulated) -> list[float]:
    values = [getattr(found, name) for name in NAMES] + [found.quantile(q) for q in (0.5, 0.9, 0.99)]
    ends = [end for name in (*NAMES, 0.9, 0.99) for end in found.interval(name)]
    return [*values, *ends]


@pytest.mark.parametrize(
    ("load", "settings"),
    [
        (Open(8.0), {"timeout_s": 0.5, "pool_size": 4, "replications": 2500, "arrivals": 200}),
        (Closed(20, 1.0), {"timeout_s": 0.5, "usl": Usl(0.05, 0.001), "replications": 5, "arrivals": 500}),
    ],
)
def test_the_answer_does_not_depend_on_the_number_of_processes(load: Open | Closed, settings: dict[str, Any]) -> None:
    alone, together = (simulate(load, Hold(1.0, 2.0), 10, processes=processes, **settings) for processes in (1, 2))
    assert numbers(alone) == numbers(together)
    assert alone.method == together.method


def test_a_seed_gives_one_answer_and_another_seed_another() -> None:
    runs = [simulate(Open(3.0), Hold(1.0), 4, seed=seed, replications=20, arrivals=200) for seed in (7, 7, 8)]
    assert numbers(runs[0]) == numbers(runs[1])
    assert runs[0].mean_wait_s != runs[2].mean_wait_s


def test_the_numbers_of_a_seed_stay_what_they_are() -> None:
    """What a user compares with last year's; a change of them is to be meant."""
    found = simulate(Open(3.0), Hold(1.0, 2.0), 4, timeout_s=1.0, seed=1, replications=100, arrivals=500)
    assert found.mean_wait_s == pytest.approx(PINNED_MEAN_S, rel=1e-6)
    slow = simulate(Open(3.0), Hold(1.0), 6, usl=Usl(0.05), seed=1, replications=3, arrivals=500)
    assert slow.mean_wait_s == pytest.approx(PINNED_SLOW_S, rel=1e-6)


PINNED_MEAN_S = 0.20640187746038152
PINNED_SLOW_S = 0.08836711198338143


def test_pools_of_different_sizes_get_the_same_requests() -> None:
    """So their difference is known better than either: one more connection makes nobody wait longer."""
    scenarios = (scenario_of(Open(4.0), Hold(1.0, 3.0), capacity) for capacity in (5, 6, 7))
    runs = [run_recursion(Piece(scenario, 0, 0, 500, 300, 50)) for scenario in scenarios]
    for fewer, more in pairwise(runs):
        assert (more.waits <= fewer.waits + 1e-9).all()


def test_without_lengths_it_settles_in_about_a_second_and_says_how() -> None:
    found = simulate(Open(8.0), Hold(1.0), 10)
    assert found.length.replications == 1000
    assert found.length.warm_up >= 500
    assert found.length.is_settled
    assert found.arrivals == 1000 * found.length.requests
    assert (
        found.method
        == f"simulated: 1,000 × {found.length.requests:,} requests, sqlalchemy in the order of arrival, recursion"
    )


@pytest.mark.parametrize(
    ("settings", "engine"),
    [
        ({}, "recursion"),
        ({"semantics": "sqlalchemy-async", "setup_s": 0.1, "pool_size": 2}, "recursion"),
        ({"semantics": "psycopg_pool"}, "recursion"),
        ({"semantics": "psycopg_pool", "pool_size": 2}, "event by event"),
        ({"semantics": "pgbouncer"}, "event by event"),
        ({"semantics": "pgbouncer", "pool_size": 4}, "recursion"),
        ({"semantics": "pgbouncer", "pool_size": 4, "timeout_s": 1.0}, "event by event"),
        ({"python_s": 0.001}, "event by event"),
        ({"retries": 1}, "event by event"),
        ({"pools": 2}, "event by event"),
        ({"start": "full"}, "event by event"),
        ({"usl": Usl(0.01)}, "event by event"),
    ],
)
def test_the_recursion_does_what_it_can_do_exactly(settings: dict[str, Any], engine: str) -> None:
    found = simulate(Open(2.0), Hold(1.0), 4, replications=2, arrivals=100, **settings)
    assert found.method.endswith(engine)


def test_progress_is_told_up_to_the_end() -> None:
    told: list[float] = []
    simulate(Open(2.0), Hold(1.0), 4, retries=1, replications=4, arrivals=100, on_progress=told.append)
    assert told == [0.25, 0.5, 0.75, 1.0]


ARRIVALS = tuple(float(second) for second in range(100) for _ in range(3))
"""Three at once every second."""


def test_a_trace_with_holds_is_replayed_as_it_was() -> None:
    found = simulate(Trace(ARRIVALS, (0.4,) * 300), Hold(1.0), 2, timeout_s=10.0)
    assert found.sample.path[:, 1].tolist() == pytest.approx([0.0, 0.0, 0.4] * 100)
    assert found.mean_wait_s == pytest.approx(0.4 / 3)
    assert found.interval("mean_wait_s") == pytest.approx((found.mean_wait_s,) * 2)
    assert found.interval(0.9) == pytest.approx((0.4, 0.4))
    assert found.length.replications == 1


def test_a_trace_without_holds_gets_them_from_the_law() -> None:
    found = simulate(Trace(ARRIVALS), Hold(0.4, 0.0), 2, replications=5)
    assert found.sample.waits == pytest.approx(np.tile([[0.0], [0.0], [0.4]], (100, 5)))
    varied = simulate(Trace(ARRIVALS), Hold(0.4, 2.0), 2, replications=200)
    low, high = varied.interval("mean_wait_s")
    assert low < varied.mean_wait_s < high
    assert varied.sample.path[:, 0].tolist() == list(ARRIVALS)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((Open(1.0), Hold(1.0), 0), "at least one connection"),
        ((Open(0.0), Hold(1.0), 1), "without a request there is nothing"),
        ((Open(2.0), Hold(1.0), 2), "2 requests/s are more than 2 connections can serve"),
        ((Closed(2, 1.0), Hold(1.0), 300_000), "no database has more than"),
        ((Trace((0.0,)), Hold(1.0), 1), "at least two requests"),
        ((Trace((0.0, 2.0, 1.0)), Hold(1.0), 1), "do not fall"),
        ((Trace((-1.0, 2.0)), Hold(1.0), 1), "begin at 0 or later"),
        ((Trace((0.0, math.nan)), Hold(1.0), 1), "do not fall"),
        ((Trace((0.0, 1.0), (1.0,)), Hold(1.0), 1), "as many holds as arrivals"),
        ((Trace((0.0, 1.0), (1.0, -1.0)), Hold(1.0), 1), "no hold is below 0"),
    ],
)
def test_what_cannot_be_simulated_is_one_sentence(arguments: tuple[Any, Any, int], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        simulate(*arguments)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"pool_size": 5}, "a pool of 4 connections cannot keep 5"),
        ({"pool_size": 0}, "pool_size is at least 1"),
        ({"timeout_s": -1.0}, "no time is below 0"),
        ({"timeout_s": math.nan}, "no time is below 0"),
        ({"setup_s": math.inf}, "setup_s = inf is no time"),
        ({"retries": -1}, "no count is below 0"),
        ({"pools": 0}, "at least one pool"),
        ({"python_s": 1.0}, "more than one interpreter can"),
        ({"usl": Usl(1.0)}, "more than 4 connections can serve"),
    ],
)
def test_settings_that_no_pool_has_are_one_sentence(settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        simulate(Open(2.0), Hold(1.0), 4, **settings)


def test_more_waits_than_fit_are_one_sentence() -> None:
    with pytest.raises(UsageError, match="2,000 × 1,000,000 waits are more than can be kept"):
        simulate(Open(2.0), Hold(1.0), 4, replications=2000, arrivals=1_000_000)


def test_an_unknown_name_has_no_interval() -> None:
    with pytest.raises(KeyError):
        simulate(Open(2.0), Hold(1.0), 4, replications=2, arrivals=100).interval("p99")


@given(
    rate=st.floats(0.1, 20.0),
    scv=st.floats(0.0, 20.0),
    capacity=st.integers(1, 12),
    timeout_s=st.floats(0.0, 5.0),
    setup_s=st.floats(0.0, 2.0),
    data=st.data(),
)
@settings(max_examples=30, deadline=None)
def test_whatever_the_pool_its_numbers_fit_together(
    rate: float, scv: float, capacity: int, timeout_s: float, setup_s: float, data: st.DataObject
) -> None:
    pool_size = data.draw(st.integers(1, capacity))
    scenario = scenario_of(
        Open(rate), Hold(1.0, scv), capacity, pool_size=pool_size, timeout_s=timeout_s, setup_s=setup_s
    )
    sample = run_recursion(Piece(scenario, 0, 0, 100, 200, 10))
    found = Simulated(scenario, Length(100, 200, 10, is_settled=True), sample, "recursion")
    assert 0.0 <= found.timeout_probability <= found.wait_probability <= 1.0
    assert 0.0 <= found.mean_wait_s <= timeout_s
    assert found.exceeds(timeout_s) == 0.0
    assert found.mean_acquire_s >= found.mean_wait_s
    quantiles = [found.quantile(q) for q in (0.0, 0.3, 0.6, 0.9, 0.99, 1.0)]
    assert quantiles == sorted(quantiles)
    assert quantiles[-1] <= timeout_s
    for q, wait in ((0.3, quantiles[1]), (0.9, quantiles[3])):
        assert found.exceeds(wait) <= 1.0 - q + 1e-9
        low, high = found.interval(q)
        assert low <= wait <= high
    for name in NAMES:
        low, high = found.interval(name)
        assert low - 1e-9 <= getattr(found, name) <= high + 1e-9, name


def test_a_scenario_and_its_result_can_be_sent_elsewhere() -> None:
    found = simulate(Closed(5, 1.0), Hold.from_histogram([1.0, 2.0], [3, 1]), 2, replications=3, arrivals=100)
    assert numbers(pickle.loads(pickle.dumps(found))) == numbers(found)  # noqa: S301 - our own
    assert pickle.loads(pickle.dumps(found.scenario)) == found.scenario  # noqa: S301 - our own


def test_the_document_has_the_numbers_and_a_picture() -> None:
    found = simulate(Open(3.0), Hold(1.0), 4, timeout_s=2.0, replications=20, arrivals=500)
    document = as_document(found)
    assert document.p99_wait_s.value == found.quantile(0.99)
    assert (document.mean_wait_s.low, document.mean_wait_s.high) == found.interval("mean_wait_s")
    assert len(document.moments) == MOMENTS
    longest = max(moment.max_wait_s or 0.0 for moment in document.moments)
    assert longest == found.sample.waits[:, 0].max()
    assert document.moments[-1].time_s == found.sample.path[-1, 0]


def test_a_stretch_without_requests_has_no_wait() -> None:
    path = np.array([[0.0, 1.0], [59.0, 3.0], [59.5, 5.0], [60.0, 4.0]])
    moments = moments_of(path)
    assert [moment.mean_wait_s for moment in moments] == [1.0, *[None] * 57, 3.0, 4.5]
    assert moments[-1].max_wait_s == 5.0


def test_several_scenarios_are_as_one_by_one() -> None:
    scenarios: list[Scenario] = [scenario_of(Open(3.0), Hold(1.0), capacity) for capacity in (4, 5)]
    together = simulated_pools(scenarios, Sampling(replications=20, requests=200), processes=2)
    assert together == tuple(
        as_document(simulate(Open(3.0), Hold(1.0), capacity, replications=20, arrivals=200)) for capacity in (4, 5)
    )
