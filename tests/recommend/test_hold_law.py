"""The spread of holds from a mean and a p95: the law has both, and the scv is that of the law by integration."""

from __future__ import annotations

import math
from statistics import NormalDist

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad

from poolsize.errors import WorkloadError
from poolsize.recommend.hold_law import HEAVIEST_LOGNORMAL, scv_from_p95

NORMAL = NormalDist()


def lognormal_moments(sigma: float) -> tuple[float, float, float]:
    """Mean, scv and p95 / mean of e^(sigma Z - sigma²/2), integrated over Z."""

    def moment(power: int) -> float:
        def integrand(z: float) -> float:
            return math.exp(power * (sigma * z - sigma**2 / 2) - z * z / 2) / math.sqrt(2 * math.pi)

        area, _ = quad(integrand, -40, 40, points=[0.0, sigma, 2 * sigma], limit=500)
        return float(area)

    return moment(1), moment(2) / moment(1) ** 2 - 1, math.exp(sigma * NORMAL.inv_cdf(0.95) - sigma**2 / 2)


@given(st.floats(1.001, HEAVIEST_LOGNORMAL - 1e-6), st.floats(1e-4, 100.0))
def test_up_to_3_87_times_the_mean_it_is_the_lognormal_with_both(ratio: float, mean_s: float) -> None:
    scv, law = scv_from_p95(mean_s, ratio * mean_s)
    assert law == "lognormal"
    sigma = math.sqrt(math.log1p(scv))
    mean, integrated, p95 = lognormal_moments(sigma)
    assert mean == pytest.approx(1.0, rel=1e-7)
    assert p95 == pytest.approx(ratio, rel=1e-6)
    assert integrated == pytest.approx(scv, rel=1e-6)


def test_of_two_lognormals_with_the_same_ratio_it_is_the_one_with_the_smaller_sigma() -> None:
    """Both roots of sigma z - sigma²/2 = ln 3 have p95 = 3 × mean; the other's scv is a hundred times as large."""
    scv, _ = scv_from_p95(1.0, 3.0)
    z = NORMAL.inv_cdf(0.95)
    small, large = z - math.sqrt(z * z - 2 * math.log(3)), z + math.sqrt(z * z - 2 * math.log(3))
    assert lognormal_moments(small)[2] == pytest.approx(3.0)
    assert lognormal_moments(large)[2] == pytest.approx(3.0)
    assert scv == pytest.approx(math.expm1(small**2))
    assert small <= 1.645 <= large
    assert math.expm1(large**2) > 100 * scv


def test_the_bound_is_where_sigma_is_the_normal_laws_p95() -> None:
    assert pytest.approx(3.868, abs=1e-3) == HEAVIEST_LOGNORMAL
    assert scv_from_p95(1.0, HEAVIEST_LOGNORMAL)[0] == pytest.approx(math.expm1(1.6449**2), rel=1e-3)


def test_a_p95_at_the_mean_is_a_constant_hold() -> None:
    assert scv_from_p95(0.02, 0.02) == (0.0, "lognormal")


@given(st.floats(HEAVIEST_LOGNORMAL + 1e-9, 20.0))
def test_above_it_is_a_mixture_of_short_and_long_holds(ratio: float) -> None:
    """A share of long holds of exactly the p95, and short exponential ones, has that mean and that p95."""
    scv, law = scv_from_p95(1.0, ratio)
    assert law == "two-class mixture"
    share = math.sqrt(0.05 / ratio)
    short = (1 - share * ratio) / (1 - share)
    above = (1 - share) * math.exp(-ratio / short) if short > 0 else 0.0
    assert above <= 0.05 <= share + above + 1e-12, "the p95 is where the long holds are"
    second, _ = quad(lambda t: 2 * t * (1 - share) * math.exp(-t / short), 0, 60 * short) if short > 1e-9 else (0.0, 0)
    assert scv >= share * ratio**2 + second - 1 - 1e-9
    assert scv >= scv_from_p95(1.0, HEAVIEST_LOGNORMAL)[0] - 1e-9
    assert scv <= ratio - 1 + 1e-9 or scv == pytest.approx(13.97, abs=0.01)


@given(st.floats(1.0, 20.0), st.floats(1.0, 20.0))
def test_a_longer_p95_never_varies_less(one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert scv_from_p95(1.0, low)[0] <= scv_from_p95(1.0, high)[0] * (1 + 1e-12)


@pytest.mark.parametrize("ratio", [0.999, 0.5, 1e-6])
def test_a_p95_below_the_mean_is_refused_with_the_histogram_as_the_way_out(ratio: float) -> None:
    with pytest.raises(WorkloadError, match=r"no percentile shows them: give --hold-histogram, or its variance"):
        scv_from_p95(0.1, ratio * 0.1)


@pytest.mark.parametrize("ratio", [20.001, 1e6])
def test_no_law_has_its_p95_above_twenty_times_its_mean(ratio: float) -> None:
    with pytest.raises(WorkloadError, match=r"above 20 times its mean .*: one of the two is wrong\.$"):
        scv_from_p95(0.1, ratio * 0.1)


def test_twenty_times_the_mean_itself_is_the_two_point_law() -> None:
    """One in twenty holds takes all the time: E[X²] = 0.05 × 20² = 20."""
    assert scv_from_p95(1.0, 20.0)[0] == pytest.approx(19.0)
