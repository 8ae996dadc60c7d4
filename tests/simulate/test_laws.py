"""Random holds have the mean, the variation and the shape of their law."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from poolsize.queueing import Hold
from poolsize.simulate.laws import holds, one_by_one
from poolsize.simulate.sample import Floats

MANY = 400_000
MEAN_S = 0.02
LAWS = {
    "constant": (Hold(MEAN_S, 0.0), None),
    "exponential": (Hold(MEAN_S), stats.expon(scale=MEAN_S)),
    "lognormal": (
        Hold(MEAN_S, 4.0),
        stats.lognorm(math.sqrt(math.log(5.0)), scale=MEAN_S / math.sqrt(5.0)),
    ),
    "gamma": (Hold(MEAN_S, 2.0, "gamma"), stats.gamma(0.5, scale=MEAN_S / 0.5)),
    "gamma that varies little": (Hold(MEAN_S, 0.25, "gamma"), stats.gamma(4.0, scale=MEAN_S / 4.0)),
}


def drawn(hold: Hold, seed: int = 0) -> Floats:
    return holds(np.random.default_rng(seed), hold)((MANY // 4, 4)).ravel()


def assert_moments(hold: Hold, values: Floats) -> None:
    """Mean and variance to within four standard errors of the sample's own."""
    mean_error = values.std() / math.sqrt(len(values))
    assert values.mean() == pytest.approx(hold.mean_s, abs=4 * mean_error + 1e-15)
    squares = (values - hold.mean_s) ** 2
    assert squares.mean() == pytest.approx(
        hold.scv * hold.mean_s**2, abs=4 * squares.std() / math.sqrt(len(values)) + 1e-15
    )


@pytest.mark.parametrize("name", LAWS)
def test_a_law_has_its_moments_and_its_shape(name: str) -> None:
    hold, law = LAWS[name]
    values = drawn(hold)
    assert_moments(hold, values)
    if law is None:
        assert set(values) == {hold.mean_s}
    else:
        assert stats.kstest(values[:20_000], law.cdf).pvalue > 1e-3


@pytest.mark.parametrize("scv", [1.0, 1.5, 4.0, 20.0])
def test_h2_is_two_exponential_laws_with_half_of_the_time_each(scv: float) -> None:
    hold = Hold(MEAN_S, scv, "h2")
    values = drawn(hold)
    assert_moments(hold, values)
    rare = (1.0 - math.sqrt((scv - 1.0) / (scv + 1.0))) / 2.0

    long, short = stats.expon(scale=MEAN_S / (2.0 * rare)), stats.expon(scale=MEAN_S / (2.0 * (1.0 - rare)))
    ordered = np.sort(values[:20_000])
    below = rare * long.cdf(ordered) + (1.0 - rare) * short.cdf(ordered)
    assert stats.kstest(below, "uniform").pvalue > 1e-3


def test_a_histogram_has_its_values_in_their_shares_stretched_to_its_mean() -> None:
    hold = Hold.from_histogram([0.0, 0.01, 0.1], [5, 4, 1])
    values, counts = np.unique(drawn(hold), return_counts=True)
    assert values == pytest.approx([0.0, 0.01, 0.1])
    assert counts / MANY == pytest.approx([0.5, 0.4, 0.1], abs=0.005)
    assert_moments(hold, drawn(hold))
    stretched = Hold(0.028, hold.scv, "histogram", 0.0, hold.histogram)
    assert drawn(stretched).max() == pytest.approx(0.2)


def test_one_by_one_they_are_the_same_numbers_without_end() -> None:
    stream = one_by_one(holds(np.random.default_rng(3), Hold(1.0)))
    singly = [next(stream) for _ in range(3000)]
    assert len(set(singly)) == 3000
    at_once = holds(np.random.default_rng(3), Hold(1.0))
    assert singly[:1024] == at_once(1024).tolist()
    assert singly[1024:2048] == at_once(1024).tolist()
