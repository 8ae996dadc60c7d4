"""Both engines against the formulas, which know nothing of random numbers."""

from __future__ import annotations

import math
from typing import Any

import pytest

from poolsize.queueing import Closed, Hold, Open, solve
from poolsize.simulate import Simulated
from tests.simulate.runs import assert_within, events, recursion, scenario_of

NAMES = ("wait_probability", "timeout_probability", "mean_wait_s", "utilization", "throughput_per_s")
EXPONENTIAL: dict[str, tuple[Open | Closed, int, float]] = {
    "M/M/1": (Open(0.7), 1, math.inf),
    "M/M/10": (Open(8.0), 10, math.inf),
    "M/M/10 + D": (Open(8.0), 10, 0.5),
    "at its limit": (Open(5.0), 5, 1.0),
    "overload": (Open(6.0), 4, 1.0),
    "Erlang's loss": (Open(6.0), 6, 0.0),
    "more rows than are kept in order": (Open(40.0), 45, 0.2),
    "repairman": (Closed(20, 1.0), 10, math.inf),
    "repairman + D": (Closed(20, 1.0), 10, 0.3),
    "more threads than are kept in order": (Closed(60, 1.0), 25, 0.2),
    "one thread more than connections": (Closed(5, 0.5), 4, math.inf),
}


@pytest.mark.parametrize("engine", [recursion, events])
@pytest.mark.parametrize("name", EXPONENTIAL)
def test_exponential_holds_are_as_the_chain_has_them(name: str, engine: Any) -> None:
    load, capacity, timeout_s = EXPONENTIAL[name]
    found: Simulated = engine(scenario_of(load, Hold(1.0), capacity, timeout_s=timeout_s), seed=1)
    exact = solve(load, Hold(1.0), capacity, timeout_s=timeout_s)
    for value in NAMES:
        assert_within(found, value, getattr(exact, value))
    for q in (0.9, 0.99):
        assert_within(found, q, exact.quantile(q))


@pytest.mark.parametrize("engine", [recursion, events])
@pytest.mark.parametrize(
    ("load", "capacity", "pool_size"),
    [(Open(6.0), 15, 5), (Open(12.0), 15, 5), (Closed(20, 1.0), 10, 5), (Open(3.0), 8, 1)],
)
def test_openings_are_those_of_the_exact_recursion(
    load: Open | Closed, capacity: int, pool_size: int, engine: Any
) -> None:
    found: Simulated = engine(scenario_of(load, Hold(1.0), capacity, pool_size=pool_size), seed=2)
    assert_within(found, "opens_per_s", solve(load, Hold(1.0), capacity, pool_size=pool_size).opens_per_s)


@pytest.mark.parametrize("engine", [recursion, events])
def test_openings_that_no_run_can_settle_have_an_interval_that_says_so(engine: Any) -> None:
    load = Open(70.0)
    found: Simulated = engine(scenario_of(load, Hold(1.0), 100, pool_size=50), replications=10, requests=1500)
    low, high = found.interval("opens_per_s")
    assert low < solve(load, Hold(1.0), 100, pool_size=50).opens_per_s < high
    assert found.sample.opened.sum() < found.sample.opened_at_most.sum()


LAWS = {
    "constant": Hold(1.0, 0.0),
    "lognormal": Hold(1.0, 4.0),
    "gamma": Hold(1.0, 3.0, "gamma"),
    "h2": Hold(1.0, 5.0, "h2"),
    "histogram": Hold.from_histogram([0.2, 1.0, 6.0], [6, 5, 1]),
}


@pytest.mark.parametrize("engine", [recursion, events])
@pytest.mark.parametrize("law", LAWS)
def test_one_connection_is_pollaczeks_and_khinchines(law: str, engine: Any) -> None:
    """The mean wait of M/G/1: rho S (1 + scv) / (2 (1 - rho)), whatever the law."""
    hold, rho = LAWS[law], 0.5
    found: Simulated = engine(scenario_of(Open(rho / hold.mean_s), hold, 1), seed=3, requests=4000)
    assert_within(found, "mean_wait_s", rho * hold.mean_s * (1.0 + hold.scv) / (2.0 * (1.0 - rho)))
    assert_within(found, "wait_probability", rho)


@pytest.mark.parametrize("engine", [recursion, events])
@pytest.mark.parametrize("law", LAWS)
def test_the_loss_of_a_pool_without_waiting_does_not_depend_on_the_law(law: str, engine: Any) -> None:
    hold = LAWS[law]
    found: Simulated = engine(scenario_of(Open(4.0 / hold.mean_s), hold, 5, timeout_s=0.0), seed=4)
    exact = solve(Open(4.0), Hold(1.0), 5, timeout_s=0.0).timeout_probability
    assert_within(found, "timeout_probability", exact)
    assert found.wait_probability == found.timeout_probability
    assert found.mean_wait_s == 0.0


@pytest.mark.parametrize(("load", "max_waiting"), [(Open(6.0), 3), (Open(3.0), 1), (Closed(12, 1.0), 2)])
def test_a_bounded_waiting_room_is_the_chain_with_an_end(load: Open | Closed, max_waiting: int) -> None:
    scenario = scenario_of(load, Hold(1.0), 4, semantics="psycopg_pool", max_waiting=max_waiting)
    found, exact = events(scenario, seed=8), solve(load, Hold(1.0), 4, max_waiting=max_waiting)
    for name in ("wait_probability", "refused_probability", "mean_wait_s", "utilization", "throughput_per_s"):
        assert_within(found, name, getattr(exact, name))
    assert_within(found, 0.9, exact.quantile(0.9))
    assert found.failure_probability == pytest.approx(found.refused_probability)


@pytest.mark.parametrize("engine", [recursion, events])
def test_no_thread_waits_where_each_has_a_connection(engine: Any) -> None:
    found: Simulated = engine(scenario_of(Closed(4, 0.1), Hold(1.0, 9.0), 4))
    assert found.mean_wait_s == 0.0
    assert found.quantile(1.0) == 0.0
    assert found.interval("wait_probability")[0] == 0.0


@pytest.mark.parametrize("engine", [recursion, events])
def test_littles_law_holds(engine: Any) -> None:
    """Connections that are held = rate at which they are taken × how long each is."""
    found: Simulated = engine(scenario_of(Open(8.0), Hold(1.0, 2.0), 10, timeout_s=0.5, reset_s=0.1), seed=5)
    assert found.utilization * 10 == pytest.approx(found.throughput_per_s * 1.1, rel=0.02)


@pytest.mark.parametrize("engine", [recursion, events])
def test_the_unit_of_time_does_not_matter(engine: Any) -> None:
    slow: Simulated = engine(scenario_of(Open(8.0), Hold(1.0, 2.0), 10, timeout_s=0.5, pool_size=3, setup_s=0.2))
    fast: Simulated = engine(
        scenario_of(Open(8000.0), Hold(1e-3, 2.0), 10, timeout_s=0.5e-3, pool_size=3, setup_s=0.2e-3)
    )
    assert fast.mean_wait_s * 1e3 == pytest.approx(slow.mean_wait_s, rel=1e-6)
    assert fast.timeout_probability == pytest.approx(slow.timeout_probability, rel=1e-6)
    assert fast.opens_per_s / 1e3 == pytest.approx(slow.opens_per_s, rel=1e-6)


def test_both_engines_agree_where_no_formula_does() -> None:
    """Holds of a heavy tail, a timeout, connections to be opened: each within the other's interval."""
    scenario = scenario_of(Open(4.0), Hold(1.0, 6.0), 6, pool_size=2, timeout_s=1.5, setup_s=0.3)
    quick, slow = recursion(scenario, seed=6), events(scenario, seed=7, requests=6000)
    for name in (*NAMES, "opens_per_s", "mean_acquire_s"):
        low, high = quick.interval(name)
        half = (high - low) / 2.0 + (slow.interval(name)[1] - slow.interval(name)[0]) / 2.0
        assert getattr(quick, name) == pytest.approx(getattr(slow, name), abs=1.2 * half), name
