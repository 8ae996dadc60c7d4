"""How long a run warms up, and how much it measures."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy.linalg import eigh_tridiagonal

from poolsize.queueing import Closed, Hold, Open, Usl, solve
from poolsize.simulate import Trace, simulate
from poolsize.simulate.length import (
    EVENTS,
    LEAST_WARM_UP,
    RECURSION,
    RELAXATIONS,
    length_of,
    relaxation_s,
    slowest_hold_s,
)
from poolsize.simulate.run import Piece, run_recursion
from tests.simulate.runs import scenario_of


def slowest_mode_s(load: Open | Closed, capacity: int, most: int) -> float:
    """1 / the spectral gap of M/M/c or its finite source with holds of one second: from its states up to `most`, whose
    generator is as a symmetric matrix with the roots of births × deaths beside its diagonal."""
    births = np.array(
        [load.rate_per_s if isinstance(load, Open) else (load.threads - n) / load.think_s for n in range(most)]
    )
    deaths = np.minimum(np.arange(1.0, most + 1.0), capacity)
    out = np.append(births, 0.0) + np.insert(deaths, 0, 0.0)
    rates = eigh_tridiagonal(out, np.sqrt(births * deaths), eigvals_only=True, select="i", select_range=(0, 1))
    return 1.0 / float(rates[1])


@pytest.mark.parametrize(
    ("load", "capacity", "most"),
    [
        (Open(0.5), 1, 150),
        (Open(0.9), 1, 900),
        (Open(8.0), 10, 400),
        (Open(9.5), 10, 1500),
        (Open(20.0), 100, 200),
        (Closed(20, 1.0), 10, 20),
        (Closed(20, 10.0), 10, 20),
        (Closed(200, 10.0), 19, 200),
    ],
)
def test_a_relaxation_time_is_that_of_the_slowest_mode_or_a_little_more(
    load: Open | Closed, capacity: int, most: int
) -> None:
    exact = slowest_mode_s(load, capacity, most)
    assert 0.9 * exact <= relaxation_s(scenario_of(load, Hold(1.0), capacity)) <= 3.5 * exact


def test_a_timeout_lets_even_an_overloaded_pool_settle() -> None:
    for rate in (9.9, 10.0, 10.1, 50.0):
        assert relaxation_s(scenario_of(Open(rate), Hold(1.0), 10, timeout_s=1.0)) < 10.0
    assert relaxation_s(scenario_of(Open(10.0), Hold(1.0), 10, timeout_s=0.0)) == 1.0


@pytest.mark.parametrize(("load", "timeout_s"), [(1.5, 1.0), (1.5, 30.0), (1.05, 5.0), (4.0, 5.0)])
def test_an_overloaded_queue_has_risen_to_the_timeout_by_then(load: float, timeout_s: float) -> None:
    """Of what comes, 1 - 1 / load cannot be done, whatever the timeout."""
    found = simulate(Open(load * 250.0), Hold(0.02), 5, timeout_s=timeout_s, replications=50)
    low, high = found.interval("timeout_probability")
    assert low - 0.002 <= 1.0 - 1.0 / load <= high + 0.002


@pytest.mark.parametrize("scv", [0.0, 1.0, 9.0])
def test_the_warm_up_has_so_many_requests_and_relaxation_times(scv: float) -> None:
    scenario = scenario_of(Open(9.0), Hold(1.0, scv), 10)
    length = length_of(scenario, RECURSION, None, None)
    assert length.warm_up >= LEAST_WARM_UP
    assert length.warm_up / 9.0 >= RELAXATIONS * relaxation_s(scenario) - 1.0
    assert length.requests >= length.warm_up
    assert (length.warm_up + length.requests) * length.replications <= 20_000_000
    assert length.is_settled


def test_after_the_warm_up_no_bias_is_left() -> None:
    """The first requests of an M/M/10 at 80 % wait less than the later ones; after the warm-up they do not."""
    scenario = scenario_of(Open(8.0), Hold(1.0), 10)
    exact = solve(Open(8.0), Hold(1.0), 10).mean_wait_s
    cold = run_recursion(Piece(scenario, 0, 0, 1, 250, 4000)).waits.mean()
    warm = run_recursion(Piece(scenario, 0, 0, length_of(scenario, RECURSION, None, None).warm_up, 250, 4000))
    error = float(warm.waits.mean(axis=0).std() / math.sqrt(4000))
    assert cold < exact - 4 * error
    assert warm.waits.mean() == pytest.approx(exact, abs=3 * error)


def test_a_pool_at_its_limit_is_said_not_to_have_settled() -> None:
    length = length_of(scenario_of(Open(0.9995), Hold(1.0), 1), RECURSION, None, None)
    assert not length.is_settled
    assert length.replications == RECURSION.fewest


def test_large_pools_and_slow_engines_get_fewer_replications_but_enough() -> None:
    small = length_of(scenario_of(Open(4.0), Hold(1.0), 5), RECURSION, None, None)
    large = length_of(scenario_of(Open(900.0), Hold(1.0), 1000), RECURSION, None, None)
    assert small.replications == RECURSION.replications > large.replications >= RECURSION.fewest
    slow = length_of(scenario_of(Open(4.0), Hold(1.0), 5), EVENTS, None, None)
    assert EVENTS.fewest <= slow.replications <= EVENTS.replications


def test_what_is_stated_is_done() -> None:
    length = length_of(scenario_of(Open(4.0), Hold(1.0), 5), RECURSION, 7, 123)
    assert (length.replications, length.requests) == (7, 123)


def test_a_trace_is_as_long_as_it_is() -> None:
    arrivals = tuple(float(n) for n in range(50))
    replay = length_of(scenario_of(Trace(arrivals, (1.0,) * 50), Hold(1.0), 2), EVENTS, 20, 10)
    assert (replay.warm_up, replay.requests, replay.replications) == (0, 50, 1)
    drawn = length_of(scenario_of(Trace(arrivals), Hold(1.0), 2), RECURSION, 20, 10)
    assert (drawn.warm_up, drawn.requests, drawn.replications) == (0, 50, 20)


@pytest.mark.parametrize(
    ("settings", "hold", "slowest_s"),
    [
        ({}, Hold(2.0), 2.0),
        ({"reset_s": 0.5}, Hold(2.0), 2.5),
        ({"usl": Usl(0.1)}, Hold(2.0), 2.0 * (1 + 0.1 * 9)),
        ({"usl": Usl(0.0, 0.01), "pools": 2}, Hold(2.0), 2.0 * (1 + 0.01 * 20 * 19)),
        ({"usl": Usl(0.1)}, Hold(2.0, app_s=2.0), 2.0),
    ],
)
def test_the_slowest_hold_is_that_with_all_connections_busy(
    settings: dict[str, Any], hold: Hold, slowest_s: float
) -> None:
    assert slowest_hold_s(scenario_of(Open(1.0), hold, 10, **settings)) == pytest.approx(slowest_s)


def test_of_holds_in_part_the_applications_some_are_not_at_the_database() -> None:
    """Half of each: x of 10 are at the database, where x (1 + phi(x)) / phi(x) = 10."""
    usl, hold = Usl(0.1), Hold(2.0, app_s=1.0)
    slowest = slowest_hold_s(scenario_of(Open(1.0), hold, 10, usl=usl))
    at_database = 10.0 * (slowest - 1.0) / slowest
    assert slowest == pytest.approx(1.0 + usl.slowdown(at_database))
