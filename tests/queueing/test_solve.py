"""What is true of any pool, whatever its load, its holds and its database."""

from __future__ import annotations

import doctest
import importlib
import math
import pkgutil
import time
from typing import Final

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

import poolsize.queueing
from poolsize.queueing import Closed, Hold, Load, Open, Usl, Wait, solve
from poolsize.queueing.rates import completion_rates

SECOND: Final = Hold(1.0)

loads = st.builds(Open, st.just(0.0) | st.floats(1e-3, 60.0)) | st.builds(
    Closed, st.integers(1, 60), st.floats(1e-2, 1e2)
)
capacities = st.integers(1, 40)
timeouts = st.just(0.0) | st.floats(1e-4, 50.0) | st.just(math.inf)
slow_downs = st.none() | st.builds(Usl, st.floats(0, 0.5), st.just(0.0) | st.floats(0, 0.1))
rooms = st.none() | st.integers(0, 50)
holds = st.builds(
    lambda mean_s, app: Hold(mean_s, app_s=app * mean_s), st.floats(0.5, 2.0), st.just(0.0) | st.floats(0, 1)
)


def settles(load: Load, hold: Hold, capacity: int, timeout_s: float, usl: Usl | None, room: int | None) -> bool:
    return not (
        isinstance(load, Open)
        and room is None
        and timeout_s == math.inf
        and load.rate_per_s >= completion_rates(hold, usl, capacity)[-1]
    )


@given(load=loads, hold=holds, capacity=capacities, timeout_s=timeouts, usl=slow_downs, max_waiting=rooms)
@settings(max_examples=150, deadline=None)
def test_every_figure_is_within_its_bounds(
    load: Load, hold: Hold, capacity: int, timeout_s: float, usl: Usl | None, max_waiting: int | None
) -> None:
    wait = solve(load, hold, capacity, timeout_s=timeout_s, usl=usl, max_waiting=max_waiting, pool_size=capacity // 2)
    little = 1e-9
    assert 0 <= wait.timeout_probability <= wait.wait_probability * (1 + little) <= 1 + little
    assert 0 <= wait.refused_probability <= 1
    assert 0 <= wait.utilization <= 1 + little
    assert wait.opens_per_s >= 0
    assert 0 <= wait.throughput_per_s <= max(completion_rates(hold, usl, capacity)) * (1 + little)
    assert 0 <= wait.mean_wait_s <= timeout_s
    quantiles = [wait.quantile(q) for q in (0.0, 0.5, 0.95, 0.99, 1.0)]
    assert quantiles == sorted(quantiles)
    assert quantiles[-1] <= timeout_s
    if isinstance(load, Open):
        assert wait.throughput_per_s <= load.rate_per_s * (1 + little)
    if isinstance(load, Closed) and load.threads <= capacity:
        assert (wait.wait_probability, wait.mean_wait_s) == (0, 0)


@given(load=loads, hold=holds, capacity=capacities, timeout_s=timeouts, usl=slow_downs, max_waiting=rooms)
@settings(max_examples=80, deadline=None)
def test_the_mean_is_the_integral_of_the_tail(
    load: Load, hold: Hold, capacity: int, timeout_s: float, usl: Usl | None, max_waiting: int | None
) -> None:
    """The law of the wait and its mean come from different formulas."""
    wait = solve(load, hold, capacity, timeout_s=timeout_s, usl=usl, max_waiting=max_waiting)
    if not 1e-12 < wait.mean_wait_s < math.inf:
        return
    end = min(timeout_s, wait.quantile(1 - 1e-13))
    steps = [end * k / 8 for k in range(1, 8)]
    area, _ = quad(wait.exceeds, 0.0, end, limit=300, points=steps)
    assert area == pytest.approx(wait.mean_wait_s, rel=1e-6)
    if timeout_s > 0:
        assert wait.exceeds(0.0) == pytest.approx(wait.wait_probability, rel=1e-9)


@given(load=loads, capacity=capacities, timeout_s=timeouts, max_waiting=rooms, mean_s=st.floats(0.5, 2.0))
@settings(max_examples=80, deadline=None)
def test_little_s_law_holds_for_the_connections_and_for_the_threads(
    load: Load, capacity: int, timeout_s: float, max_waiting: int | None, mean_s: float
) -> None:
    hold = Hold(mean_s)
    if not settles(load, hold, capacity, timeout_s, None, max_waiting):
        return
    wait = solve(load, hold, capacity, timeout_s=timeout_s, max_waiting=max_waiting)
    busy = wait.utilization * capacity
    assert busy == pytest.approx(wait.throughput_per_s * mean_s, rel=1e-9)
    if wait.throughput_per_s == 0.0:
        return
    taken = wait.throughput_per_s / (1 - wait.timeout_probability)
    asked = taken / (1 - wait.refused_probability)
    if isinstance(load, Open):
        assert asked == pytest.approx(load.rate_per_s, rel=1e-6)
    else:
        away = asked * load.think_s
        assert away + busy + taken * wait.mean_wait_s == pytest.approx(load.threads, rel=1e-6)


@given(load=loads, capacity=capacities, timeout_s=timeouts)
@settings(max_examples=80, deadline=None)
def test_more_connections_never_make_it_worse_on_a_database_that_does_not_slow_down(
    load: Load, capacity: int, timeout_s: float
) -> None:
    less, more = (solve(load, SECOND, c, timeout_s=timeout_s) for c in (capacity, capacity + 1))
    little = 1 + 1e-9
    assert more.timeout_probability <= less.timeout_probability * little
    assert more.wait_probability <= less.wait_probability * little
    assert more.mean_wait_s <= less.mean_wait_s * little
    assert more.throughput_per_s * little >= less.throughput_per_s
    for t in (0.1, 1.0):
        assert more.exceeds(t) <= less.exceeds(t) * little


@given(
    load=loads,
    capacity=capacities,
    timeout_s=timeouts,
    usl=slow_downs,
    max_waiting=rooms,
    growth=st.floats(1.0, 3.0),
)
@settings(max_examples=80, deadline=None)
def test_more_work_never_makes_it_better(
    load: Load, capacity: int, timeout_s: float, usl: Usl | None, max_waiting: int | None, growth: float
) -> None:
    """More requests for every thread or in all, or longer holds, also on a database that slows down."""

    def at(load: Load, hold: Hold) -> Wait:
        return solve(load, hold, capacity, timeout_s=timeout_s, usl=usl, max_waiting=max_waiting)

    busier = Open(load.rate_per_s * growth) if isinstance(load, Open) else Closed(load.threads, load.think_s / growth)
    less, little = at(load, SECOND), 1 + 1e-9
    for more in (at(busier, SECOND), at(load, Hold(growth))):
        assert more.wait_probability * little >= less.wait_probability
        assert more.timeout_probability * little >= less.timeout_probability
        assert more.refused_probability * little >= less.refused_probability
        assert more.mean_wait_s * little >= less.mean_wait_s
        assert more.utilization * little >= less.utilization
        for t in (0.1, 1.0):
            assert more.exceeds(t) * little >= less.exceeds(t)


@given(
    load=loads,
    capacity=capacities,
    timeout_s=timeouts,
    usl=slow_downs,
    more_s=st.floats(0.0, 10.0) | st.just(math.inf),
)
@example(load=Closed(5, 1.0), capacity=1, timeout_s=0.0, usl=None, more_s=2.3e-308)
@settings(max_examples=80, deadline=None)
def test_more_patience_means_fewer_timeouts_and_longer_waits(
    load: Load, capacity: int, timeout_s: float, usl: Usl | None, more_s: float
) -> None:
    short, long = (solve(load, SECOND, capacity, timeout_s=t, usl=usl) for t in (timeout_s, timeout_s + more_s))
    little = 1 + 1e-9
    assert long.mean_wait_s * little >= short.mean_wait_s
    assert long.wait_probability * little >= short.wait_probability
    if usl is None or usl.beta == 0.0:
        assert long.timeout_probability <= short.timeout_probability * little
        assert long.throughput_per_s * little >= short.throughput_per_s


def test_patience_keeps_a_pool_full_on_a_database_that_does_less_for_more() -> None:
    """So that more time out than if nobody could wait."""
    usl = Usl(beta=0.0625)
    none, some = (solve(Open(2.0), SECOND, 9, timeout_s=t, usl=usl).timeout_probability for t in (0.0, 1.0))
    assert some > 1.1 * none


def test_more_connections_may_make_it_worse_on_a_database_that_does() -> None:
    waits = [solve(Open(6.0), SECOND, c, usl=Usl(0.05, 0.002), timeout_s=5.0).timeout_probability for c in (20, 60)]
    assert waits[1] > waits[0]


@given(
    load=loads,
    hold=holds,
    capacity=capacities,
    timeout_s=timeouts,
    usl=slow_downs,
    max_waiting=rooms,
    unit=st.floats(1e-6, 1e6),
)
@settings(max_examples=80, deadline=None)
def test_seconds_are_only_a_unit(
    load: Load, hold: Hold, capacity: int, timeout_s: float, usl: Usl | None, max_waiting: int | None, unit: float
) -> None:
    wait = solve(load, hold, capacity, timeout_s=timeout_s, usl=usl, max_waiting=max_waiting, pool_size=1)
    other_load = Open(load.rate_per_s / unit) if isinstance(load, Open) else Closed(load.threads, load.think_s * unit)
    other_hold = Hold(hold.mean_s * unit, app_s=min(hold.app_s * unit, hold.mean_s * unit))
    other = solve(
        other_load, other_hold, capacity, timeout_s=timeout_s * unit, usl=usl, max_waiting=max_waiting, pool_size=1
    )
    assert other.wait_probability == pytest.approx(wait.wait_probability, rel=1e-7, abs=1e-25)
    assert other.timeout_probability == pytest.approx(wait.timeout_probability, rel=1e-7, abs=1e-25)
    assert other.refused_probability == pytest.approx(wait.refused_probability, rel=1e-7, abs=1e-25)
    assert other.utilization == pytest.approx(wait.utilization, rel=1e-7, abs=1e-25)
    assert other.mean_wait_s / unit == pytest.approx(wait.mean_wait_s, rel=1e-7, abs=1e-25)
    assert other.throughput_per_s * unit == pytest.approx(wait.throughput_per_s, rel=1e-7, abs=1e-25)
    assert other.opens_per_s * unit == pytest.approx(wait.opens_per_s, rel=1e-7, abs=1e-25)


@pytest.mark.parametrize("usl", [None, Usl(0.05, 0.002)])
def test_ever_more_threads_with_ever_more_thought_become_an_open_load(usl: Usl | None) -> None:
    crowds = [
        solve(Closed(threads, threads / 5.0), SECOND, 10, timeout_s=1.0, usl=usl, max_waiting=20)
        for threads in (1_000, 10_000, 100_000)
    ]
    open_ = solve(Open(5.0), SECOND, 10, timeout_s=1.0, usl=usl, max_waiting=20)

    def off(wait: Wait) -> float:
        return abs(wait.timeout_probability / open_.timeout_probability - 1)

    assert off(crowds[0]) > off(crowds[1]) > off(crowds[2])
    assert off(crowds[2]) < 2e-3


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"capacity": 0}, "A pool of 0 connections serves nobody"),
        ({"timeout_s": -1.0}, "A timeout of -1.0 s cannot be"),
        ({"timeout_s": math.nan}, "A timeout of nan s cannot be"),
        ({"pool_size": -1}, "cannot keep -1 connections"),
        ({"max_waiting": -1}, "There cannot be -1 requests waiting"),
        ({"setup_s": math.inf}, "A set-up time of inf s cannot be"),
        ({"model": "volterra", "max_waiting": 3}, "an open load without a bound on how many wait"),
    ],
)
def test_impossible_numbers_are_refused_in_a_sentence(wrong: dict[str, object], sentence: str) -> None:
    arguments: dict[str, object] = {"capacity": 3, **wrong}
    with pytest.raises(ValueError) as refused:
        solve(Open(1.0), SECOND, **arguments)  # type: ignore[arg-type]  # wrong on purpose
    assert sentence in str(refused.value)


@pytest.mark.parametrize(
    ("wait", "method"),
    [
        (solve(Open(1.0), SECOND, 3), "M/M/c+D, open"),
        (solve(Closed(5, 1.0), SECOND, 3), "M/M/c+D, finite source"),
        (solve(Open(1.0), SECOND, 3, usl=Usl(0.1)), "M/M(n)/c+D, open"),
        (solve(Open(1.0), SECOND, 3, usl=Usl()), "M/M/c+D, open"),
        (solve(Closed(5, 1.0), SECOND, 3, max_waiting=1), "M/M/c/K+D, finite source"),
        (solve(Open(1.0), Hold(1.0, 4.0), 3), "M/G/c+D, open, lognormal holds"),
        (solve(Open(1.0), Hold(1.0, 0.0), 3, usl=Usl(0.1)), "M/G(n)/c+D, open, constant holds"),
        (solve(Open(1.0), Hold(1.0, 4.0, "gamma"), 3), "M/G/c+D, open, gamma holds"),
        (solve(Open(1.0), Hold.from_samples([1.0, 3.0]), 3), "M/G/c+D, open, histogram holds"),
        (
            solve(Closed(5, 1.0), Hold(1.0, 4.0), 3),
            "M/M/c+D, finite source, lognormal holds taken as exponential",
        ),
    ],
)
def test_the_method_names_the_model_and_the_law(wait: Wait, method: str) -> None:
    assert wait.method == method


def test_eight_threads_are_solved_at_once() -> None:
    """20 microseconds on a processor of 2024; the bound is for a busy one."""
    fastest = math.inf
    for _ in range(200):
        start = time.perf_counter()
        solve(Closed(8, 0.2), Hold(0.05), 4, timeout_s=1.0)
        fastest = min(fastest, time.perf_counter() - start)
    assert fastest < 100e-6


@pytest.mark.parametrize("module", [module.name for module in pkgutil.iter_modules(poolsize.queueing.__path__)])
def test_the_examples_in_the_docstrings_are_right(module: str) -> None:
    assert doctest.testmod(importlib.import_module(f"poolsize.queueing.{module}")).failed == 0


def test_names_that_need_numpy_are_there_all_the_same() -> None:
    assert {"sweep", "Waits", "law_of"} <= set(poolsize.queueing.__all__)
    for name in poolsize.queueing.__all__:
        assert getattr(poolsize.queueing, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'swipe'"):
        _ = poolsize.queueing.swipe  # type: ignore[attr-defined]  # wrong on purpose
