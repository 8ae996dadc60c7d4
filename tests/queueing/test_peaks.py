"""Loads with peaks and bursts: against a simulation of them, and in the limits where they are like steady ones."""

from __future__ import annotations

import doctest
import math
from collections.abc import Callable
from typing import Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import poolsize.queueing.peaks
from poolsize.queueing import Hold, Open, Wait, solve
from poolsize.queueing.peak_load import Bursts, Profile, bursts_in, peakedness_of
from poolsize.queueing.peaks import Peak, solve_peaks
from tests.queueing.peak_simulation import jumps, of_jumps, of_profile, served, sinus

HOLD: Final = Hold(1.0)


def numbers(wait: Wait) -> tuple[float, ...]:
    return wait.wait_probability, wait.timeout_probability, wait.mean_wait_s, wait.throughput_per_s, wait.exceeds(0.2)


class TestLimits:
    @pytest.mark.parametrize("timeout_s", [0.0, 0.5, 30.0, math.inf])
    @pytest.mark.parametrize("load", [Profile(1.0, (7.0,)), Profile(0.3, (7.0,) * 9), Bursts(7.0, 1.0)])
    def test_a_rate_that_never_changes_is_an_open_load(self, load: Profile | Bursts, timeout_s: float) -> None:
        found = solve_peaks(load, HOLD, 10, timeout_s=timeout_s)
        expected = numbers(solve(Open(7.0), HOLD, 10, timeout_s=timeout_s))
        assert numbers(found.wait) == pytest.approx(expected, rel=1e-9, abs=1e-15)
        assert numbers(found.steady) == pytest.approx(expected, rel=1e-9, abs=1e-15)
        assert not found.needs_simulation

    def test_hours_are_pools_of_their_own_weighted_by_arrivals(self) -> None:
        rates = (0.0, 4.0, 9.0, 12.0)
        found = solve_peaks(Profile(3600.0, rates), HOLD, 10, timeout_s=1.0)
        each = [solve(Open(rate), HOLD, 10, timeout_s=1.0) for rate in rates]
        assert found.method == "pointwise"
        for name in ("wait_probability", "timeout_probability", "mean_wait_s"):
            expected = sum(rate * getattr(wait, name) for rate, wait in zip(rates, each, strict=True)) / sum(rates)
            assert getattr(found.wait, name) == pytest.approx(expected, rel=1e-9)
        assert found.wait.throughput_per_s == pytest.approx(sum(wait.throughput_per_s for wait in each) / 4)
        assert found.wait.utilization == pytest.approx(sum(wait.utilization for wait in each) / 4)
        assert found.wait.exceeds(found.wait.quantile(0.9)) == pytest.approx(0.1)

    def test_clusters_of_two_are_half_as_many_of_half_the_connections(self) -> None:
        found = solve_peaks(Bursts(7.0, peakedness=2.0), HOLD, 10, timeout_s=1.0)
        assert found.method == "peakedness"
        assert found.pointwise is None
        expected = solve(Open(3.5), HOLD, 5, timeout_s=1.0)
        assert numbers(found.wait)[:3] == pytest.approx(numbers(expected)[:3], rel=1e-9)

    def test_peakedness_that_is_no_whole_number_is_between_its_neighbours(self) -> None:
        timed_out = [
            solve_peaks(Bursts(7.0, peakedness), HOLD, 10, timeout_s=1.0).wait.timeout_probability
            for peakedness in (0.5, 0.8, 1.0, 1.3, 2.0, 3.7, 5.0)
        ]
        assert timed_out == sorted(timed_out)

    def test_long_bursts_and_endless_ones_are_alike(self) -> None:
        def timed_out(burst_s: float) -> Peak:
            """With a variance of the rate of 4."""
            return solve_peaks(
                Bursts(7.0, 1.0 + 4.0 / 7.0 * burst_s / (1.0 + burst_s), burst_s), HOLD, 10, timeout_s=0.2
            )

        long, longer = timed_out(9.9), timed_out(1e6)
        assert (long.method, longer.method) == ("offered load", "pointwise")
        assert long.wait.timeout_probability == pytest.approx(longer.wait.timeout_probability, rel=0.05)

    def test_without_a_timeout_a_peak_above_what_is_served_never_settles(self) -> None:
        found = solve_peaks(Profile(3600.0, (2.0, 12.0)), HOLD, 10)
        assert found.wait.mean_wait_s == math.inf
        assert found.needs_simulation
        assert found.steady.mean_wait_s < math.inf

    def test_no_load_is_no_wait(self) -> None:
        for load in (Profile(1.0, (0.0, 0.0)), Bursts(0.0, 2.0), Bursts(0.0, 2.0, 5.0)):
            assert numbers(solve_peaks(load, HOLD, 3, timeout_s=1.0).wait) == (0.0,) * 5


class TestPeakedness:
    @pytest.mark.parametrize("period_s", [0.5, 3.0, 40.0])
    def test_what_is_held_follows_a_sinusoidal_rate_as_a_filter_does(self, period_s: float) -> None:
        """An amplitude divided by sqrt(1 + (2 pi S / T)^2): Eick, Massey & Whitt, Manag. Sci. 39 (1993)."""
        held = 7.0 * 0.5 / math.hypot(1.0, 2.0 * math.pi / period_s)
        found = peakedness_of(sinus(period_s), 1.0)
        assert found.peakedness == pytest.approx(1.0 + held**2 / 2.0 / 7.0, rel=1e-3)
        assert found.mean_per_s == pytest.approx(7.0)

    def test_changes_that_are_quick_beside_a_hold_leave_no_peak(self) -> None:
        assert peakedness_of(Profile(1e-7, (1.0, 3.0, 5.0)), 1.0).peakedness == pytest.approx(1.0, abs=1e-6)

    def test_a_rate_that_jumps_forgets_exponentially(self) -> None:
        random = np.random.default_rng(5)
        at = jumps(0.3, 2.0, 40_000.0, random)
        middles = np.arange(0.05, 40_000.0, 0.1)
        rates = np.where(np.searchsorted(at, middles) % 2 == 0, 4.0, 14.0)
        found = peakedness_of(Profile(0.1, tuple(rates.tolist())), 1.0)
        assert found.burst_s == pytest.approx(2.0, rel=0.1)
        assert found.peakedness == pytest.approx(1.0 + 21.0 / 7.0 * 2.0 / 3.0, rel=0.05)

    def test_what_is_chance_in_counts_is_no_burst(self) -> None:
        for seed in range(4):
            found = bursts_in(np.random.default_rng(seed).poisson(0.7, 100_000).tolist(), 0.1, 1.0)
            assert found.rate_per_s == pytest.approx(7.0, rel=0.02)
            assert (found.peakedness, found.burst_s) == (1.0, 0.0)

    def test_arrivals_more_regular_than_at_random_are_seen_too(self) -> None:
        """Every fourth of Poisson arrivals. With X from one to the next it is 1 / (1 - E e^(-X / S)) - lambda S."""
        every_fourth = np.cumsum(np.random.default_rng(3).exponential(1.0 / 28.0, 1_200_000))[::4]
        found = bursts_in(np.bincount((every_fourth / 0.02).astype(int)).tolist(), 0.02, 1.0)
        expected = 1.0 + 1.0 / ((1.0 + 1.0 / 28.0) ** 4 - 1.0) - 7.0
        assert found.peakedness == pytest.approx(expected, abs=0.02)
        assert found.burst_s == 0.0

    @pytest.mark.parametrize("burst_s", [1.0, 10.0])
    def test_bursts_are_seen_in_counts(self, burst_s: float) -> None:
        random = np.random.default_rng(7)
        arrivals = of_jumps(4.0, 14.0, 0.3, burst_s, 50_000.0, random)
        found = bursts_in(np.bincount((arrivals / 0.2).astype(int)).tolist(), 0.2, 1.0)
        assert found.peakedness == pytest.approx(1.0 + 3.0 * burst_s / (1.0 + burst_s), rel=0.06)
        assert found.burst_s == pytest.approx(burst_s, rel=0.15)

    def test_nothing_counted_is_no_load(self) -> None:
        assert bursts_in([0, 0, 0], 1.0, 1.0) == Bursts(0.0, 1.0)


class TestSimulation:
    @pytest.mark.parametrize(
        ("period_s", "timed_out", "smoothed", "by_peaks"),
        [
            (2.0, 0.0041, 0.0054, 0.034),
            (10.0, 0.0156, 0.024, 0.034),
            (50.0, 0.0316, 0.033, 0.034),
            (400.0, 0.034, 0.034, 0.034),
        ],
    )
    def test_a_table_of_sinusoidal_rates(
        self, period_s: float, timed_out: float, smoothed: float, by_peaks: float
    ) -> None:
        """P(timeout) simulated, by the offered load, and pointwise; 10 connections, a timeout of one hold."""
        found = solve_peaks(sinus(period_s), HOLD, 10, timeout_s=1.0)
        assert found.pointwise is not None
        assert found.pointwise.timeout_probability == pytest.approx(by_peaks, rel=0.02)
        assert found.wait.timeout_probability == pytest.approx(smoothed, rel=0.03)
        assert found.steady.timeout_probability == pytest.approx(0.0033, rel=0.02)
        random = np.random.default_rng(8)
        counted = served(of_profile(sinus(period_s), 20_000.0, random), 10, 1.0, random)
        assert counted.timeout_probability == pytest.approx(timed_out, rel=0.15)
        assert found.method == ("pointwise" if period_s == 400.0 else "offered load")
        assert found.needs_simulation == (period_s < 400.0)

    @pytest.mark.parametrize(
        ("capacity", "mean", "swing", "period_s", "timeout_s"),
        [
            (2, 1.0, 0.5, 3.0, 1.0),
            (2, 1.0, 0.5, 30.0, 1.5),
            (10, 7.0, 0.5, 10.0, 0.5),
            (10, 7.0, 0.5, 100.0, 1.0),
            (10, 7.0, 0.5, 1500.0, 4.0),
            (50, 42.0, 0.3, 10.0, 0.2),
            (50, 42.0, 0.3, 800.0, 1.5),
        ],
    )
    def test_where_a_method_applies_it_is_right(
        self, capacity: int, mean: float, swing: float, period_s: float, timeout_s: float
    ) -> None:
        profile = sinus(period_s, mean, swing)
        found = solve_peaks(profile, HOLD, capacity, timeout_s=timeout_s)
        assert not found.needs_simulation
        random = np.random.default_rng(9)
        seconds = period_s * math.ceil(200_000 / mean / period_s)
        counted = served(of_profile(profile, seconds, random), capacity, timeout_s, random)
        assert found.wait.timeout_probability == pytest.approx(counted.timeout_probability, rel=0.15)
        assert found.wait.wait_probability == pytest.approx(counted.wait_probability, rel=0.1)
        assert found.wait.mean_wait_s == pytest.approx(counted.mean_wait_s, rel=0.15)

    @pytest.mark.parametrize("period_s", [10.0, 50.0, 150.0])
    @pytest.mark.parametrize("timeout_s", [2.0, 4.0])
    def test_where_none_applies_it_errs_on_the_safe_side(self, period_s: float, timeout_s: float) -> None:
        found = solve_peaks(sinus(period_s), HOLD, 10, timeout_s=timeout_s)
        assert found.pointwise is not None
        random = np.random.default_rng(10)
        counted = served(of_profile(sinus(period_s), 20_000.0, random), 10, timeout_s, random)
        assert found.needs_simulation
        assert "only simulation tells" in found.why
        assert found.steady.timeout_probability - 1e-5 < counted.timeout_probability < found.wait.timeout_probability
        assert found.wait.timeout_probability <= found.pointwise.timeout_probability * (1 + 1e-9)

    @pytest.mark.parametrize("burst_s", [0.05, 0.1])
    def test_quick_bursts_are_peakedness(self, burst_s: float) -> None:
        random = np.random.default_rng(11)
        counted = served(of_jumps(4.0, 14.0, 0.3, burst_s, 30_000.0, random), 10, 1.0, random)
        bursts = Bursts(7.0, 1.0 + 3.0 * burst_s / (1.0 + burst_s), burst_s)
        found = solve_peaks(bursts, HOLD, 10, timeout_s=1.0)
        assert found.method == "peakedness"
        assert found.wait.timeout_probability == pytest.approx(counted.timeout_probability, rel=0.2)
        assert found.wait.timeout_probability > 1.5 * found.steady.timeout_probability

    def test_a_recorded_path_of_a_jumping_rate_is_better_than_what_is_known_of_it(self) -> None:
        """The rate jumps between 4 and 14, and stays for 10 s: 0.172 by two steady states, 0.147 simulated."""
        random = np.random.default_rng(12)
        at = jumps(0.3, 10.0, 20_000.0, random)
        rates = np.where(np.searchsorted(at, np.arange(0.1, 20_000.0, 0.2)) % 2 == 0, 4.0, 14.0)
        profile = Profile(0.2, tuple(rates.tolist()))
        found = solve_peaks(profile, HOLD, 10, timeout_s=1.0)
        assert found.pointwise is not None
        assert found.pointwise.timeout_probability == pytest.approx(0.172, rel=0.05)
        counted = served(of_profile(profile, 20_000.0, random), 10, 1.0, random)
        assert found.wait.timeout_probability == pytest.approx(counted.timeout_probability, rel=0.1)
        known = solve_peaks(Bursts(7.0, 1.0 + 3.0 * 10.0 / 11.0, 10.0), HOLD, 10, timeout_s=1.0).wait
        assert known.timeout_probability == pytest.approx(counted.timeout_probability, rel=0.3)


loads = st.one_of(
    st.builds(
        Profile,
        st.floats(1e-3, 1e3),
        st.lists(st.one_of(st.just(0.0), st.floats(1e-3, 60.0)), min_size=1, max_size=40).map(tuple),
    ),
    st.builds(Bursts, st.floats(1e-3, 60.0), st.floats(0.05, 20.0)),
    st.builds(Bursts, st.floats(1e-3, 60.0), st.floats(1.0, 20.0), st.floats(1e-3, 1e3)),
)
timeouts = st.sampled_from([0.0, 0.01, 0.5, 4.0, 100.0, math.inf])


@given(load=loads, capacity=st.integers(1, 60), timeout_s=timeouts)
@settings(max_examples=200, deadline=None)
def test_whatever_the_peaks_the_numbers_make_sense(load: Profile | Bursts, capacity: int, timeout_s: float) -> None:
    found = solve_peaks(load, HOLD, capacity, timeout_s=timeout_s)
    assert found.peakedness > 0.0
    for wait in (found.wait, found.steady, found.pointwise or found.steady):
        assert 0.0 <= wait.timeout_probability <= wait.wait_probability * (1 + 1e-9) + 1e-12 <= 1.0 + 1e-8
        assert wait.mean_wait_s >= 0.0
        assert wait.mean_wait_s <= timeout_s * (1 + 1e-9)
        assert 0.0 <= wait.quantile(0.5) <= wait.quantile(0.99) <= timeout_s
    if isinstance(load, Profile) and found.pointwise is not None:
        assert found.steady.timeout_probability <= found.pointwise.timeout_probability * (1 + 1e-6) + 1e-12


@given(
    load=loads, capacity=st.integers(1, 60), timeout_s=timeouts, factor=st.floats(1e-3, 1e3), shift=st.integers(0, 9)
)
@settings(max_examples=100, deadline=None)
def test_neither_the_unit_of_time_nor_where_a_profile_starts_matters(
    load: Profile | Bursts, capacity: int, timeout_s: float, factor: float, shift: int
) -> None:
    if isinstance(load, Profile):
        place = shift % len(load.rates_per_s)
        turned = load.rates_per_s[place:] + load.rates_per_s[:place]
        other: Profile | Bursts = Profile(load.interval_s * factor, tuple(rate / factor for rate in turned))
    else:
        other = Bursts(load.rate_per_s / factor, load.peakedness, load.burst_s * factor)
    found = solve_peaks(load, HOLD, capacity, timeout_s=timeout_s)
    scaled = solve_peaks(other, Hold(factor), capacity, timeout_s=timeout_s * factor)
    assert scaled.peakedness == pytest.approx(found.peakedness, rel=1e-6)
    for one, two in [(found.steady, scaled.steady), (found.pointwise, scaled.pointwise)]:
        if one is not None and two is not None:
            assert two.timeout_probability == pytest.approx(one.timeout_probability, rel=1e-4, abs=1e-12)
            assert two.wait_probability == pytest.approx(one.wait_probability, rel=1e-4, abs=1e-12)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Profile(0.0, (1.0,)),
        lambda: Profile(1.0, ()),
        lambda: Profile(1.0, (1.0, -1.0)),
        lambda: Profile(1.0, (math.inf,)),
        lambda: Bursts(-1.0, 1.0),
        lambda: Bursts(1.0, 0.0),
        lambda: Bursts(1.0, 1.0, -1.0),
        lambda: Bursts(1.0, 0.9, 1.0),
        lambda: solve_peaks(Bursts(1.0, 1.0), HOLD, 0),
        lambda: solve_peaks(Bursts(1.0, 1.0), HOLD, 1, timeout_s=-1.0),
        lambda: bursts_in([1, -1], 1.0, 1.0),
    ],
)
def test_what_no_load_has_is_refused(wrong: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match=r"^[A-Z].*\.$"):
        wrong()


def test_the_example_is_right() -> None:
    assert doctest.testmod(poolsize.queueing.peaks).failed == 0
