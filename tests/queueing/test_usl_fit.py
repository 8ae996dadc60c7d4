"""The scalability law of a sweep: published fits, other solvers, and what it refuses to say."""

from __future__ import annotations

import doctest
import math
from typing import Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import curve_fit, least_squares, nnls

import poolsize.queueing.usl_fit
from poolsize.queueing import Usl
from poolsize.queueing.usl_doubts import LARGEST_RESIDUAL
from poolsize.queueing.usl_fit import EXTRAPOLATION, fit_usl
from poolsize.queueing.usl_regression import Noise

# Gunther, Guerrilla Capacity Planning (2007), as CRAN's package usl 3.0.3 (2022) distributes them.
RAYTRACER: Final = (
    [1, 4, 8, 12, 16, 20, 24, 28, 32, 48, 64],
    [20, 78, 130, 170, 190, 200, 210, 230, 260, 280, 310],
)
SPEC_SDM91: Final = ([1, 18, 36, 72, 108, 144, 216], [64.9, 995.9, 1652.4, 1853.2, 1828.9, 1775.0, 1702.2])
LEVELS: Final = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 48.0, 64.0)


def law(usl: Usl, levels: tuple[float, ...] = LEVELS, single_per_s: float = 100.0) -> NDArray[np.float64]:
    return np.array([single_per_s * level / usl.slowdown(level) for level in levels])


def swept(
    usl: Usl, noise: float, seed: int, levels: tuple[float, ...] = LEVELS
) -> tuple[tuple[float, ...], NDArray[np.float64]]:
    """A sweep whose errors are `noise` of the throughput."""
    return levels, law(usl, levels) * np.exp(noise * np.random.default_rng(seed).normal(size=len(levels)))


class TestPublished:
    """What R's package usl prints for these data in its own tests (tests/*.Rout.save of 3.0.3)."""

    def test_spec_sdm91(self) -> None:
        fit = fit_usl(*SPEC_SDM91, noise="absolute")
        assert fit.usl.alpha == pytest.approx(2.773e-2, abs=5e-6)
        assert fit.usl.beta == pytest.approx(1.044e-4, abs=5e-8)
        assert fit.single_per_s == pytest.approx(9.000e1, abs=5e-3)
        assert fit.peak_concurrency == pytest.approx(96.51956, rel=1e-6)
        assert fit.peak_per_s == pytest.approx(1884, abs=0.5)
        assert [round(fit.throughput_per_s(level)) for level in SPEC_SDM91[0]] == [
            90, 1078, 1541, 1850, 1879, 1822, 1646,
        ]  # fmt: skip

    def test_raytracer(self) -> None:
        six = fit_usl(RAYTRACER[0][:6], RAYTRACER[1][:6], noise="absolute")
        assert six.usl.alpha == pytest.approx(0.02444, abs=5e-6)
        assert six.usl.beta == pytest.approx(0.00163, abs=5e-6)
        assert six.single_per_s == pytest.approx(20.85605, abs=5e-6)
        five = fit_usl(RAYTRACER[0][:5], RAYTRACER[1][:5], noise="absolute")
        assert five.usl.alpha == pytest.approx(0.028, abs=5e-4)
        assert five.usl.beta == pytest.approx(0.001, abs=5e-4)
        assert five.single_per_s == pytest.approx(21.059, abs=5e-4)

    @pytest.mark.parametrize("noise", ["relative", "absolute"])
    def test_data_of_the_law_itself(self, noise: Noise) -> None:
        fit = fit_usl([1, 2, 4, 6, 8, 10], [1, 1.8868, 3.0769, 3.5294, 3.5398, 3.3557], noise=noise)
        assert (fit.usl.alpha, fit.usl.beta, fit.single_per_s) == pytest.approx((0.02, 0.02, 1.0), rel=3e-4)

    def test_the_intervals_overlap_those_that_assume_normal_errors(self) -> None:
        found = fit_usl(RAYTRACER[0][:6], RAYTRACER[1][:6], noise="absolute").intervals
        assert found is not None
        for interval, (low, high) in [
            (found.alpha, (0.00754, 0.04135)),
            (found.beta, (0.00110, 0.00215)),
            (found.single_per_s, (19.26717, 22.44492)),
        ]:
            shared = min(high, interval.high) - max(low, interval.low)
            assert shared / (max(high, interval.high) - min(low, interval.low)) > 0.5


class TestOtherSolvers:
    @pytest.mark.parametrize("seed", range(5))
    def test_relative_errors_are_a_nonnegative_least_squares_problem(self, seed: int) -> None:
        levels, measured = swept(Usl(0.03, 0.0008), 0.1, seed)
        n = np.array(levels)
        columns = np.stack([np.ones_like(n), n - 1.0, n * (n - 1.0)], axis=1)
        (base, first, second), _ = nnls(columns * (measured / n)[:, None], np.ones_like(n))
        fit = fit_usl(levels, measured)
        assert fit.usl.alpha == pytest.approx(first / base, rel=1e-8, abs=1e-12)
        assert fit.usl.beta == pytest.approx(second / base, rel=1e-8, abs=1e-12)
        assert fit.single_per_s == pytest.approx(1.0 / base, rel=1e-8)

    @pytest.mark.parametrize("seed", range(5))
    def test_absolute_errors_are_a_nonlinear_regression(self, seed: int) -> None:
        levels, measured = swept(Usl(0.03, 0.0008), 0.03, seed)

        def curve(n: NDArray[np.float64], gamma: float, alpha: float, beta: float) -> NDArray[np.float64]:
            return gamma * n / (1.0 + alpha * (n - 1.0) + beta * n * (n - 1.0))

        expected, _ = curve_fit(curve, np.array(levels), measured, p0=[90.0, 0.02, 0.001])
        fit = fit_usl(levels, measured, noise="absolute")
        assert (fit.single_per_s, fit.usl.alpha, fit.usl.beta) == pytest.approx(tuple(expected), rel=1e-5)

    @pytest.mark.parametrize("seed", range(5))
    def test_a_robust_fit_is_where_the_loss_of_huber_is_least(self, seed: int) -> None:
        levels, measured = swept(Usl(0.03, 0.0008), 0.03, seed)
        measured[3] *= 0.5
        fit = fit_usl(levels, measured, robust=True)
        n = np.array(levels)

        def relative(numbers: NDArray[np.float64]) -> NDArray[np.float64]:
            base, alpha, beta = numbers
            inverse: NDArray[np.float64] = base * (1.0 + alpha * (n - 1.0) + beta * n * (n - 1.0))
            residuals: NDArray[np.float64] = 1.0 - inverse * measured / n
            return residuals

        found = np.array([1.0 / fit.single_per_s, fit.usl.alpha, fit.usl.beta])
        scale = 1.345 * 1.4826 * float(np.median(np.abs(relative(found))))
        expected = least_squares(relative, found * 1.2, loss="huber", f_scale=scale, x_scale=found, xtol=1e-12).x
        assert found == pytest.approx(expected, rel=1e-3)


class TestLimits:
    def test_what_the_law_makes_is_found_again(self) -> None:
        for usl in (Usl(0.0, 0.0), Usl(0.1, 0.0), Usl(0.0, 0.002), Usl(0.05, 0.0005), Usl(1.0, 0.0), Usl(0.3, 0.7)):
            fit = fit_usl(LEVELS, law(usl))
            assert (fit.usl.alpha, fit.usl.beta) == pytest.approx((usl.alpha, usl.beta), abs=1e-9)
            assert fit.residual < 1e-9

    def test_the_peak_is_where_the_law_is_largest(self) -> None:
        fit = fit_usl(*swept(Usl(0.05, 0.002), 0.03, seed=1))
        assert fit.peak_concurrency is not None
        assert fit.peak_per_s is not None
        around = [fit.throughput_per_s(fit.peak_concurrency * factor) for factor in (0.99, 1.0, 1.01)]
        assert max(around) == around[1] == pytest.approx(fit.peak_per_s)

    def test_a_database_that_only_gets_slower_is_best_used_by_one(self) -> None:
        fit = fit_usl(LEVELS, 100.0 / np.sqrt(np.array(LEVELS)))
        assert fit.peak_concurrency == 1.0

    def test_an_outlier_moves_a_robust_fit_less(self) -> None:
        measured = law(Usl(0.05, 0.0005)) * np.exp(0.01 * np.random.default_rng(3).normal(size=len(LEVELS)))
        measured[4] *= 0.4
        plain, robust = fit_usl(LEVELS, measured), fit_usl(LEVELS, measured, robust=True)
        assert abs(robust.usl.alpha - 0.05) < 0.01 < abs(plain.usl.alpha - 0.05)
        assert robust.residual < LARGEST_RESIDUAL < plain.residual


class TestIntervals:
    @pytest.mark.parametrize(("usl", "levels"), [(Usl(0.02, 0.0005), LEVELS), (Usl(0.05, 0.002), LEVELS[:6])])
    def test_they_hold_the_truth_about_as_often_as_they_say(self, usl: Usl, levels: tuple[float, ...]) -> None:
        peak = math.sqrt((1.0 - usl.alpha) / usl.beta)
        held = np.zeros(4)
        for seed in range(150):
            found = fit_usl(*swept(usl, 0.05, seed, levels), resamples=300, seed=seed).intervals
            assert found is not None
            for i, (interval, truth) in enumerate(
                [
                    (found.alpha, usl.alpha),
                    (found.beta, usl.beta),
                    (found.single_per_s, 100.0),
                    (found.peak_concurrency, peak),
                ]
            ):
                held[i] += interval.low <= truth <= interval.high
        # 150 sweeps: four standard deviations below 95 % are 88 %
        assert (held / 150 >= 0.88).all(), held / 150

    def test_they_narrow_as_a_sweep_is_repeated(self) -> None:
        once = fit_usl(*swept(Usl(0.05, 0.002), 0.05, seed=2)).intervals
        often = fit_usl(*swept(Usl(0.05, 0.002), 0.05, seed=2, levels=LEVELS * 10)).intervals
        assert once is not None
        assert often is not None
        assert often.beta.high - often.beta.low < 0.5 * (once.beta.high - once.beta.low)

    def test_the_cautious_law_is_slower_wherever_was_measured(self) -> None:
        fit = fit_usl(*swept(Usl(0.05, 0.002), 0.05, seed=2))
        for level in LEVELS[1:]:
            assert fit.cautious.slowdown(level) > fit.usl.slowdown(level)

    def test_the_same_seed_gives_the_same_and_another_nearly_the_same(self) -> None:
        sweep = swept(Usl(0.05, 0.002), 0.05, seed=2)
        assert fit_usl(*sweep) == fit_usl(*sweep)
        one, other = fit_usl(*sweep).intervals, fit_usl(*sweep, seed=1).intervals
        assert one is not None
        assert other is not None
        assert one.alpha.high == pytest.approx(other.alpha.high, rel=0.1)


class TestRefusals:
    def test_what_ends_before_the_peak_says_only_where_the_peak_is_not(self) -> None:
        fit = fit_usl(*swept(Usl(0.02, 0.0005), 0.01, seed=4, levels=(1, 2, 4, 6, 8, 12, 16)))
        assert fit.verdict == "rising"
        assert fit.peak_concurrency is None
        assert fit.peak_per_s is None
        assert fit.intervals is not None
        assert 16 < fit.intervals.peak_concurrency.low < math.sqrt(0.98 / 0.0005)
        assert fit.doubts == (
            "throughput still rises at a concurrency of 16, the highest that was measured: its peak is not below "
            f"{fit.intervals.peak_concurrency.low:.3g} (95 %), and not known better",
        )

    def test_a_peak_just_beyond_what_was_measured_is_told_as_not_reached(self) -> None:
        fit = fit_usl(*swept(Usl(0.02, 0.0015), 0.0, seed=0, levels=(1, 2, 4, 8, 16, 20)))
        assert fit.verdict == "rising"
        assert fit.peak_concurrency == pytest.approx(math.sqrt(0.98 / 0.0015))

    def test_nothing_is_said_of_a_concurrency_far_beyond(self) -> None:
        fit = fit_usl(*swept(Usl(0.05, 0.002), 0.03, seed=1))
        assert fit.trusted_up_to == EXTRAPOLATION * 64
        fit.throughput_per_s(96.0)
        with pytest.raises(ValueError, match="that reached a concurrency of 64 says nothing of 97"):
            fit.throughput_per_s(97.0)

    def test_few_levels_give_a_law_without_intervals(self) -> None:
        levels = (1.0, 2.0, 4.0, 8.0)
        fit = fit_usl(levels * 3, np.tile(law(Usl(0.05, 0.02), levels), 3))
        assert fit.usl.beta == pytest.approx(0.02)
        assert fit.intervals is None
        assert fit.cautious == fit.usl
        assert fit.verdict == "doubtful"
        assert "only 4 different levels" in fit.doubts[0]

    def test_concurrencies_that_scatter_around_a_level_are_one(self) -> None:
        with pytest.raises(ValueError, match="2 different levels of concurrency determine no scalability law"):
            fit_usl([1.0, 1.02, 0.99, 4.0, 4.1], [100, 101, 99, 350, 360])

    def test_a_cold_start_is_told(self) -> None:
        measured = law(Usl(0.02, 0.001))
        measured[0] *= 0.6
        fit = fit_usl(LEVELS, measured)
        assert fit.verdict == "doubtful"
        assert any("grew 2-fold and the throughput 3.26-fold" in doubt for doubt in fit.doubts)

    def test_another_law_is_told(self) -> None:
        n = np.array(LEVELS)
        fit = fit_usl(n, np.where(n < 20, 100 * n, 30 * n))
        assert fit.verdict == "doubtful"
        assert any("follows another law" in doubt for doubt in fit.doubts)

    def test_a_good_sweep_past_the_peak_has_no_doubts(self) -> None:
        fit = fit_usl(*swept(Usl(0.05, 0.002), 0.02, seed=1))
        assert (fit.verdict, fit.doubts) == ("measured", ())

    @pytest.mark.parametrize(
        ("levels", "throughput", "sentence"),
        [
            ([1, 2, 3], [1, 2], "one throughput for each concurrency"),
            ([1, 2, 0], [1, 2, 3], "above 0"),
            ([1, 2, 3], [1, -2, 3], "above 0"),
            ([1, 2, 3], [1, math.nan, 3], "above 0"),
            ([1, 2, 3], [1, math.inf, 3], "finite"),
        ],
    )
    def test_what_is_no_sweep_is_refused(self, levels: list[float], throughput: list[float], sentence: str) -> None:
        with pytest.raises(ValueError, match=sentence):
            fit_usl(levels, throughput)


def test_the_example_is_right() -> None:
    assert doctest.testmod(poolsize.queueing.usl_fit).failed == 0


@st.composite
def sweeps(draw: st.DrawFn) -> tuple[list[float], list[float]]:
    levels = draw(st.lists(st.integers(1, 500), min_size=3, max_size=9, unique=True).filter(_are_three))
    return [float(level) for level in levels], [draw(st.floats(0.1, 1e4)) for _ in levels]


def _are_three(levels: list[int]) -> bool:
    low, *_, high = sorted(levels)
    return any(1.06 * low < level < high / 1.06 for level in levels)


@given(
    sweep=sweeps(), factor=st.floats(1e-3, 1e3), robust=st.booleans(), noise=st.sampled_from(["relative", "absolute"])
)
@settings(max_examples=60, deadline=None)
def test_whatever_was_measured_the_fit_is_a_law(
    sweep: tuple[list[float], list[float]], factor: float, robust: bool, noise: Noise
) -> None:
    levels, measured = sweep
    fit = fit_usl(levels, measured, resamples=50, robust=robust, noise=noise)
    assert 0.0 <= fit.usl.alpha <= 1.0 + 1e-12
    assert 0.0 <= fit.usl.beta < math.inf
    assert 0.0 < fit.single_per_s < math.inf
    assert fit.peak_concurrency is None or 1.0 - 1e-12 <= fit.peak_concurrency <= fit.trusted_up_to
    if fit.intervals is not None:
        for interval in (fit.intervals.alpha, fit.intervals.peak_concurrency, fit.intervals.peak_per_s):
            assert 0.0 <= interval.low <= interval.high
    if not robust and noise == "relative":
        scaled = fit_usl(levels[::-1], [factor * x for x in measured[::-1]], resamples=50)
        assert scaled.usl.alpha == pytest.approx(fit.usl.alpha, rel=1e-6, abs=1e-9)
        assert scaled.usl.beta == pytest.approx(fit.usl.beta, rel=1e-6, abs=1e-9)
        assert scaled.single_per_s == pytest.approx(factor * fit.single_per_s, rel=1e-6)
