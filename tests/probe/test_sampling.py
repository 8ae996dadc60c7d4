"""Measure until the median is known well enough: the statistics, by second methods."""

from __future__ import annotations

import math
import random
import time
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poolsize.probe.sampling import connect_cost, is_settled, median_interval, percentile, until_settled


@pytest.mark.parametrize("n", [*range(6, 60), 100, 101, 250, 1000])
def test_the_medians_interval_covers_95_percent_by_the_exact_binomial(n: int) -> None:
    low, high = median_interval([float(i) for i in range(1, n + 1)])
    rank = int(low)
    assert high == n + 1 - rank  # symmetric
    missed = 2 * sum(math.comb(n, i) for i in range(rank)) / 2**n
    assert 1 - missed >= 0.9495
    wider = 2 * sum(math.comb(n, i) for i in range(rank + 1)) / 2**n
    assert 1 - wider < 0.955  # and no wider than need be


def test_few_values_give_their_range() -> None:
    assert median_interval([3.0, 1.0, 2.0]) == (1.0, 3.0)
    assert median_interval([5.0]) == (5.0, 5.0)


@given(st.lists(st.floats(0, 1e3), min_size=1, max_size=50), st.floats(0.01, 1.0))
def test_a_percentile_is_a_value_with_that_share_at_or_below_it(values: list[float], fraction: float) -> None:
    found = percentile(values, fraction)
    assert found in values
    assert sum(value <= found for value in values) >= fraction * len(values)
    assert sum(value < found for value in values) < fraction * len(values)


def test_equal_samples_settle_at_the_minimum_and_scattered_ones_go_on_to_the_maximum() -> None:
    far = time.monotonic() + 60
    assert len(list(until_settled(lambda: {"a": 1.0}, minimum=10, maximum=50, deadline=far))) == 10
    wild = random.Random(1)  # noqa: S311 - a repeatable test
    scattered = until_settled(lambda: {"a": wild.expovariate(1)}, minimum=10, maximum=50, deadline=far)
    assert len(list(scattered)) == 50


def test_a_deadline_in_the_past_gives_one_sample() -> None:
    assert len(list(until_settled(lambda: {"a": 1.0}, minimum=10, maximum=50, deadline=time.monotonic()))) == 1


def test_settling_stops_within_the_stated_width() -> None:
    noise = random.Random(2)  # noqa: S311 - a repeatable test
    far = time.monotonic() + 60
    samples = list(until_settled(lambda: {"a": noise.gauss(1, 0.1)}, minimum=10, maximum=1000, deadline=far))
    totals = [sample["a"] for sample in samples]
    assert len(samples) < 1000
    assert is_settled(totals)
    assert not is_settled(totals[:10]) or len(samples) == 10


@pytest.mark.parametrize(("half_width", "settled"), [(0.049, True), (0.051, False)])
def test_settled_means_known_to_five_percent(half_width: float, settled: bool) -> None:
    """The interval of 101 values reaches from the 41st to the 61st: these are that far from the median."""
    values = [1 + half_width * offset / 10 for offset in range(-50, 51)]
    assert median_interval(values) == pytest.approx((1 - half_width, 1 + half_width))
    assert is_settled(values) is settled


@pytest.mark.parametrize("side", [-1, 1])
def test_one_side_that_is_too_wide_is_not_settled(side: int) -> None:
    values = [1 + (0.06 if offset * side > 0 else 0.04) * offset / 10 for offset in range(-50, 51)]
    assert not is_settled(values)


def test_phases_add_up_even_where_a_phase_is_missing_from_some_samples() -> None:
    numbers = count(1)
    samples = [{"tcp": next(numbers) * 1.0, **({"tls": 2.0} if i % 2 else {})} for i in range(10)]
    cost = connect_cost(samples, client="test")
    assert [phase.name for phase in cost.phases] == ["tcp", "tls"]
    assert math.fsum(phase.mean_s for phase in cost.phases) == pytest.approx(cost.mean_s)
    assert cost.samples == 10
    assert cost.p50_interval_s[0] <= cost.p50_s <= cost.p50_interval_s[1]
    assert cost.p50_s <= cost.p95_s <= cost.p99_s
