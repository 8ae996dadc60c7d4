"""What is called a 95 % interval has the true value in 95 of 100 runs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from poolsize.queueing import Hold, Open, solve
from poolsize.simulate import intervals
from tests.simulate.runs import recursion, scenario_of

RUNS = 200
FEWEST, MOST = 180, 198
"""Of 200, a binomial law of 95 % gives fewer than 180 or more than 198 once in 500 times."""


def test_intervals_of_a_pool_cover_what_is_true() -> None:
    load, hold, capacity, timeout_s = Open(4.0), Hold(1.0), 5, 1.0
    exact = solve(load, hold, capacity, timeout_s=timeout_s, pool_size=2)
    scenario = scenario_of(load, hold, capacity, timeout_s=timeout_s, pool_size=2)
    truth: dict[str | float, float] = {
        name: getattr(exact, name)
        for name in (
            "wait_probability", "timeout_probability", "mean_wait_s", "utilization", "throughput_per_s", "opens_per_s"
        )
    }  # fmt: skip
    truth |= {q: exact.quantile(q) for q in (0.7, 0.9)}
    covered = dict.fromkeys(truth, 0)
    exceeds = 0
    for seed in range(RUNS):
        found = recursion(scenario, seed=seed, replications=40, requests=300)
        for name, value in truth.items():
            low, high = found.interval(name)
            covered[name] += low <= value <= high
        low, high = found.exceeds_interval(0.5)
        exceeds += low <= exact.exceeds(0.5) <= high
    assert all(FEWEST <= count <= MOST for count in (*covered.values(), exceeds)), (covered, exceeds)


def test_a_probability_that_is_seldom_seen_is_covered() -> None:
    """Some runs see no timeout at all; those say how rare it may be."""
    load, hold = Open(2.0), Hold(1.0)
    exact = solve(load, hold, 5, timeout_s=1.5).timeout_probability
    covered = unseen = 0
    for seed in range(RUNS):
        found = recursion(scenario_of(load, hold, 5, timeout_s=1.5), seed=seed, replications=30, requests=200)
        low, high = found.interval("timeout_probability")
        covered += low <= exact <= high
        unseen += found.timeout_probability == 0.0
    assert unseen > 0
    assert covered >= FEWEST


@pytest.mark.parametrize("freedom", [5, 9, 19, 99, 999])
def test_students_quantile(freedom: int) -> None:
    values = np.random.default_rng(0).normal(size=freedom + 1)
    exact = float(stats.t.ppf(0.975, freedom)) * float(values.std(ddof=1)) / np.sqrt(freedom + 1)
    assert intervals.half_width(values) == pytest.approx(exact, rel=2e-3)


@pytest.mark.parametrize("seen", [1, 2, 5, 20])
def test_few_events_are_bounded_as_those_of_a_poisson_law(seen: int) -> None:
    shares = np.zeros(1000)
    shares[:seen] = 0.01
    low, high = intervals.of_a_share(shares, 1e6)
    assert low <= shares.mean() * float(stats.chi2.ppf(0.025, 2 * seen)) / 2 / seen * 1.05
    assert high >= shares.mean() * float(stats.chi2.ppf(0.975, 2 * seen + 2)) / 2 / seen * 0.99


def test_what_was_never_seen_is_rarer_than_three_in_the_trials() -> None:
    assert intervals.of_a_share(np.zeros(100), 1000.0) == pytest.approx((0.0, 0.003), rel=2e-3)
    assert intervals.of_a_share(np.ones(100), 1000.0) == pytest.approx((0.997, 1.0), rel=1e-5)


@given(shares=st.lists(st.floats(0.0, 1.0), min_size=2, max_size=50), trials=st.floats(2.0, 1e9))
@settings(max_examples=200, deadline=None)
def test_an_interval_has_its_value_and_stays_between_0_and_1(shares: list[float], trials: float) -> None:
    found = np.array(shares)
    low, high = intervals.of_a_share(found, trials)
    assert 0.0 <= low <= found.mean() + 1e-12
    assert found.mean() - 1e-12 <= high <= 1.0
