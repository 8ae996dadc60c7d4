"""Intervals from one run hold the truth as often as they say."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import pytest

from poolsize.live.verify_compare import _widened
from poolsize.live.verify_intervals import (
    FIGURES,
    MISSES,
    batch_means,
    batch_numbers,
    batches_for,
    half_width,
    of_a_mean,
    of_a_quantile,
    of_a_share,
    student,
)
from poolsize.live.verify_prediction import Load, predicted
from poolsize.queueing import Hold, Open
from poolsize.simulate import simulate
from tests.live.verify_plans import pool_of

RUNS: Final = 300
REQUESTS: Final = 2000


def test_the_quantile_of_students_law_is_that_of_scipy() -> None:
    stats = pytest.importorskip("scipy.stats")
    for freedom in (7, 15, 31):
        assert student(freedom) == pytest.approx(stats.t.ppf(1.0 - MISSES / FIGURES / 2.0, freedom), rel=0.01)


def test_independent_values_give_the_interval_of_their_mean() -> None:
    rng = np.random.default_rng(0)
    missed = 0
    for _ in range(2000):
        means = rng.normal(10.0, 1.0, 16)
        missed += abs(float(means.mean()) - 10.0) > half_width(means)
    assert missed / 2000 <= 2.0 * MISSES / FIGURES


def test_correlated_batches_have_a_longer_interval() -> None:
    rising = np.linspace(1.0, 2.0, 16)
    shuffled = rising[np.random.default_rng(1).permutation(16)]
    assert half_width(rising) > 1.5 * half_width(shuffled)


def test_what_was_never_seen_is_rarer_than_a_few_in_all() -> None:
    low, high = of_a_share(np.zeros(16), 1000)
    assert low == 0.0
    assert 3.0 / 1000 < high < 12.0 / 1000


def test_a_cluster_of_late_requests_is_one_event() -> None:
    """Twenty in one batch say as little as a single one would."""
    shares = np.zeros(16)
    shares[3] = 0.2
    low, high = of_a_share(shares, 1600)
    assert low < 0.1 * shares.mean()
    assert high > 4.0 * shares.mean()


def test_a_short_run_gives_a_percentile_no_upper_end() -> None:
    waits = np.random.default_rng(2).exponential(size=100)
    batch = batch_numbers(np.arange(100.0), 0.0, 100.0, 8)
    assert of_a_quantile(waits, batch, 8, 0.99).high == math.inf


def test_an_empty_batch_has_the_mean_of_all() -> None:
    means = batch_means(np.array([1.0, 3.0]), np.array([0.0, 2.0]), 3)
    assert means.tolist() == [1.0, 2.0, 3.0]


def test_runs_of_a_busy_pool_have_the_true_mean_and_percentile_in_their_intervals() -> None:
    """Waits of a pool that is 85 % busy: strongly correlated, and skewed. Batch means alone leave the truth out in
    more runs than they may; with the spread of simulated runs they keep what they say."""
    load = Load(Open(8.5), Hold(1.0), pool_of(10), "psycopg_pool", 0.0)
    said = predicted(load, REQUESTS)
    sample = simulate(load.load, load.hold, 10, semantics="psycopg_pool", replications=RUNS, arrivals=REQUESTS, seed=7)
    asked = np.arange(float(REQUESTS))
    missed = {"mean_wait_s": 0, "p99_wait_s": 0}
    for waits in sample.sample.waits.T:
        count = batches_for(asked, waits, 0.0, float(REQUESTS))
        batch = batch_numbers(asked, 0.0, float(REQUESTS), count)
        found = {
            "mean_wait_s": (float(waits.mean()), of_a_mean(batch_means(waits, batch, count))),
            "p99_wait_s": (float(np.quantile(waits, 0.99)), of_a_quantile(waits, batch, count, 0.99)),
        }
        for name, (value, batches) in found.items():
            low, high = _widened(batches, value, said.deviations[name])
            missed[name] += not low <= said.values[name] <= high
    assert max(missed.values()) <= 4.0 * MISSES / FIGURES * RUNS
