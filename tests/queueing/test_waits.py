"""The array form against `solve`, pool by pool."""

from __future__ import annotations

import math
import time
from typing import Any, Final, get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poolsize.queueing import (
    Closed,
    ClosedLoads,
    Hold,
    Load,
    Open,
    OpenLoads,
    Semantics,
    Usl,
    Wait,
    Waits,
    solve,
    sweep,
)
from poolsize.queueing.rates import completion_rates

SAME: Final = 1e-12
RARE: Final = 1e-30
NAMES: Final = (
    "wait_probability",
    "timeout_probability",
    "refused_probability",
    "mean_wait_s",
    "utilization",
    "throughput_per_s",
    "opens_per_s",
)
POOLS: Final = 40


def same(waits: Waits, place: int, wait: Wait, late: float, t_s: float, quantiles: list[float]) -> None:
    """One pool of a flat batch, to twelve digits."""
    for name in NAMES:
        assert getattr(waits, name)[place] == pytest.approx(getattr(wait, name), rel=SAME, abs=RARE), name
    assert waits.log_empty[place] == pytest.approx(wait.log_empty, rel=SAME, abs=SAME)
    assert late == pytest.approx(wait.exceeds(t_s), rel=SAME, abs=RARE)
    for q, found in zip((0.5, 0.95, 0.99), quantiles, strict=True):
        assert found == pytest.approx(wait.quantile(q), rel=1e-10), q


@given(
    seed=st.integers(0, 2**32 - 1),
    is_open=st.booleans(),
    is_bounded=st.booleans(),
    usl=st.none() | st.builds(Usl, st.floats(0, 0.3), st.just(0.0) | st.floats(0, 0.05)),
    semantics=st.sampled_from(get_args(Semantics)),
)
@settings(max_examples=25, deadline=None)
def test_every_pool_of_a_batch_is_what_it_is_alone(
    seed: int, is_open: bool, is_bounded: bool, usl: Usl | None, semantics: Semantics
) -> None:
    rng = np.random.default_rng(seed)
    hold_s, capacity = 10 ** rng.uniform(-3, 1, POOLS), rng.integers(1, 50, POOLS)
    timeout_s = (
        np.choose(rng.integers(0, 4, POOLS), [0.0, math.inf, 1.0, 1.0]) * hold_s * 10 ** rng.uniform(-2, 2, POOLS)
    )
    rate, threads = capacity / hold_s * 10 ** rng.uniform(-3, 1, POOLS), rng.integers(1, 120, POOLS)
    think_s, pool_size = hold_s * 10 ** rng.uniform(-2, 2, POOLS), rng.integers(0, 50, POOLS)
    room = rng.integers(0, 60, POOLS) if is_bounded else None
    many = OpenLoads(rate) if is_open else ClosedLoads(threads, think_s)
    waits = sweep(
        many, hold_s, capacity, timeout_s=timeout_s, usl=usl, max_waiting=room, pool_size=pool_size, semantics=semantics
    )
    t_s = rng.random(POOLS) * hold_s
    late, quantiles = waits.exceeds(t_s), [waits.quantile(q) for q in (0.5, 0.95, 0.99)]
    for i in range(POOLS):
        one: Load = Open(float(rate[i])) if is_open else Closed(int(threads[i]), float(think_s[i]))
        wait = solve(
            one,
            Hold(float(hold_s[i])),
            int(capacity[i]),
            timeout_s=float(timeout_s[i]),
            usl=usl,
            max_waiting=None if room is None else int(room[i]),
            pool_size=int(pool_size[i]),
            semantics=semantics,
        )
        same(waits, i, wait, float(late[i]), float(t_s[i]), [float(q[i]) for q in quantiles])


@pytest.mark.parametrize("load", [Open(8.0), Closed(40, 3.0)])
@pytest.mark.parametrize("usl", [None, Usl(0.02, 0.001)])
def test_a_range_of_capacities_is_each_of_them(load: Load, usl: Usl | None) -> None:
    hold = Hold(1.0, app_s=0.3)
    waits = sweep(load, hold, capacity=range(1, 60), timeout_s=0.5, usl=usl, pool_size=3)
    assert waits.capacity.tolist() == list(range(1, 60))
    for i, capacity in enumerate(range(1, 60)):
        wait = solve(load, hold, capacity, timeout_s=0.5, usl=usl, pool_size=3)
        for name in NAMES:
            assert getattr(waits, name)[i] == pytest.approx(getattr(wait, name), rel=SAME, abs=RARE), name
    assert waits.method == wait.method


def test_shapes_go_together_as_numpys_do() -> None:
    waits = sweep(
        OpenLoads(np.array([2.0, 5.0, 9.0])[:, None, None]), Hold(1.0), range(4, 12), timeout_s=[[0.5], [2.0]]
    )
    assert waits.mean_wait_s.shape == waits.timeout_s.shape == waits.quantile(0.99).shape == (3, 2, 8)
    assert waits.exceeds(0.1).shape == (3, 2, 8)
    assert waits.exceeds([[0.1], [0.2]]).shape == (3, 2, 8)
    wait = solve(Open(5.0), Hold(1.0), 6, timeout_s=2.0)
    assert waits.timeout_probability[1, 1, 2] == pytest.approx(wait.timeout_probability, rel=SAME)
    assert waits.exceeds([[0.1], [0.2]])[1, 1, 2] == pytest.approx(wait.exceeds(0.2), rel=SAME)
    assert sweep(Open(5.0), Hold(1.0), 6).mean_wait_s.shape == ()
    assert sweep(Open(5.0), Hold(1.0), np.array([], dtype=int)).mean_wait_s.shape == (0,)


def test_an_infinite_time_is_exceeded_by_nobody() -> None:
    waits = sweep(OpenLoads([5.0, 7.0]), Hold(1.0), 6, timeout_s=[[1.0], [math.inf]])
    assert waits.exceeds(math.inf).tolist() == [[0.0, 0.0], [0.0, 0.0]]
    assert waits.exceeds(1e9)[1].tolist() == [0.0, 1.0]


def test_pools_where_nothing_arrives_are_among_the_others() -> None:
    waits = sweep(OpenLoads([0.0, 5.0, 0.0]), Hold(1.0), 6, timeout_s=1.0, pool_size=2)
    for name in NAMES:
        assert getattr(waits, name)[[0, 2]].tolist() == [0.0, 0.0]
    assert waits.mean_wait_s[1] == pytest.approx(solve(Open(5.0), Hold(1.0), 6, timeout_s=1.0).mean_wait_s)
    assert waits.quantile(0.99)[0] == waits.exceeds(0.0)[0] == waits.log_empty[0] == 0.0
    assert sweep(Open(0.0), Hold(1.0), [3, 4]).throughput_per_s.tolist() == [0.0, 0.0]


def test_what_never_settles_is_among_the_others() -> None:
    waits = sweep(OpenLoads([5.0, 7.0]), Hold(1.0), 6, pool_size=2)
    assert np.isfinite(waits.mean_wait_s).tolist() == [True, False]
    assert waits.quantile(0.9)[1] == math.inf
    assert (waits.wait_probability[1], waits.throughput_per_s[1], waits.opens_per_s[1]) == (1.0, 6.0, 0.0)


@pytest.mark.parametrize("load", [OpenLoads(np.array([10.0, 99_500.0])), ClosedLoads(np.array([300, 120_000]), 1.0)])
def test_a_hundred_thousand_connections_stay_finite(load: OpenLoads | ClosedLoads) -> None:
    waits = sweep(load, Hold(1.0), 100_000, timeout_s=1.0, pool_size=99_000)
    for name in NAMES:
        assert np.all(np.isfinite(getattr(waits, name)))
    wait = solve(
        Open(99_500.0) if isinstance(load, OpenLoads) else Closed(120_000, 1.0), Hold(1.0), 100_000, timeout_s=1.0
    )
    assert waits.mean_wait_s[1] == pytest.approx(wait.mean_wait_s, rel=1e-9)
    assert waits.timeout_probability[1] == pytest.approx(wait.timeout_probability, rel=1e-9)


def test_a_second_mode_beyond_a_valley_is_found_by_arrays_too() -> None:
    usl = Usl(beta=0.01)
    waits = sweep(ClosedLoads(1500, np.array([250.0, 400.0])), Hold(1.0), 1500, usl=usl)
    for i, think_s in enumerate((250.0, 400.0)):
        wait = solve(Closed(1500, think_s), Hold(1.0), 1500, usl=usl)
        assert waits.utilization[i] == pytest.approx(wait.utilization, rel=1e-10)
        assert waits.log_empty[i] == pytest.approx(wait.log_empty, rel=1e-10)


@pytest.mark.parametrize("usl", [None, Usl(0.02, 0.001)])
def test_nothing_happens_at_utilization_1_in_arrays_either(usl: Usl | None) -> None:
    """At the edge itself, and at the next doubles to it."""
    capacity = 12
    edge = completion_rates(Hold(1.0), usl, capacity)[-1]
    rates = [edge * (1 - 1e-9), math.nextafter(edge, 0.0), edge, math.nextafter(edge, math.inf), edge * (1 + 1e-9)]
    waits = sweep(OpenLoads(rates), Hold(1.0), capacity, timeout_s=2.0, usl=usl)
    for i, rate in enumerate(rates):
        wait = solve(Open(rate), Hold(1.0), capacity, timeout_s=2.0, usl=usl)
        same(
            waits, i, wait, float(waits.exceeds(0.7)[i]), 0.7, [float(waits.quantile(q)[i]) for q in (0.5, 0.95, 0.99)]
        )
        for name in ("wait_probability", "timeout_probability", "mean_wait_s", "utilization"):
            assert getattr(waits, name)[i] == pytest.approx(getattr(waits, name)[2], rel=1e-7), name


def test_a_hundred_thousand_combinations_take_about_a_second() -> None:
    """A tenth of one on a processor of 2024; the bound is for a busy one."""
    rates, timeouts = np.linspace(1, 180, 50)[:, None, None], np.geomspace(0.01, 10, 10)[:, None]
    start = time.perf_counter()
    waits = sweep(OpenLoads(rates), Hold(1.0), range(1, 201), timeout_s=timeouts)
    closed = sweep(ClosedLoads(40, rates / 9), Hold(1.0), range(1, 201), timeout_s=timeouts)
    assert waits.mean_wait_s.size == closed.mean_wait_s.size == 100_000
    assert time.perf_counter() - start < 4.0


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"capacity": [3, 0]}, "Each capacity must be 1 or more"),
        ({"hold": [1.0, -1.0]}, "Each mean hold must be above 0"),
        ({"load": OpenLoads([1.0, math.nan])}, "Each rate must be 0 or more"),
        ({"load": ClosedLoads([0, 1], 1.0)}, "Each number of threads must be 1 or more"),
        ({"load": ClosedLoads(1, [0.0])}, "Each think time must be above 0"),
        ({"timeout_s": -1.0}, "Each timeout must be 0 or more"),
        ({"max_waiting": [-1]}, "Each max_waiting must be 0 or more"),
        ({"max_waiting": [math.inf]}, "Each max_waiting must be 0 or more"),
        ({"pool_size": -1}, "Each pool_size must be 0 or more"),
    ],
)
def test_impossible_numbers_are_refused_in_a_sentence(wrong: dict[str, Any], sentence: str) -> None:
    arguments: dict[str, Any] = {"load": Open(1.0), "hold": Hold(1.0), "capacity": 3, **wrong}
    with pytest.raises(ValueError, match=sentence):
        sweep(**arguments)


def test_holds_of_any_law_are_taken_as_exponential_and_said_to_be() -> None:
    waits = sweep(Open(8.0), Hold(1.0, 4.0), [9, 10], timeout_s=1.0)
    assert waits.method == "M/M/c+D, open, lognormal holds taken as exponential"
    exponential = solve(Open(8.0), Hold(1.0), 9, timeout_s=1.0)
    assert waits.timeout_probability[0] == pytest.approx(exponential.timeout_probability, rel=SAME)
