"""The laws of holds against integrals, random numbers of numpy, and scipy."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.integrate import quad

from poolsize.queueing import Hold, law_of
from poolsize.queueing.laws import two_classes

SEEN: Final = Hold.from_histogram([0.1, 0.2, 0.5, 3.0], [40, 30, 20, 10])
ALL: Final = (
    Hold(0.3, 0.0),
    Hold(0.3),
    Hold(0.3, 4.0),
    Hold(0.3, 0.25),
    Hold(0.3, 25.0),
    Hold(0.3, 4.0, "gamma"),
    Hold(0.3, 0.25, "gamma"),
    Hold(0.3, 4.0, "h2"),
    Hold(0.3, 1.0, "h2"),
    SEEN,
)
each_law = pytest.mark.parametrize("hold", ALL, ids=lambda hold: f"{hold.law_name} {hold.scv:g}")


@each_law
def test_the_law_has_the_mean_and_the_variation_of_the_hold(hold: Hold) -> None:
    law = law_of(hold)
    assert law.moment(0) == pytest.approx(1.0)
    assert law.moment(1) == pytest.approx(hold.mean_s, rel=1e-12)
    assert law.moment(2) == pytest.approx((1 + hold.scv) * hold.mean_s**2, rel=1e-12)


@each_law
def test_what_is_left_is_the_integral_of_the_survival(hold: Hold) -> None:
    law = law_of(hold)
    end = 4.0 if hold.law_name in ("constant", "histogram") else math.inf
    kinks = [value for value, _ in hold.histogram] or [hold.mean_s]
    for t in (0.0, 0.05, 0.4, 2.0):
        pieces = sorted({t, *(kink for kink in kinks if kink > t), end})
        area, more = 0.0, 0.0
        for low, high in pairwise(pieces):
            area += quad(lambda x: float(law.survival(x)), low, high, epsabs=1e-13, limit=400)[0]
            more += quad(lambda x: float(law.equilibrium_survival(x)), low, high, epsabs=1e-13, limit=400)[0]
        assert float(law.equilibrium_survival(t)) == pytest.approx(area / hold.mean_s, rel=1e-6, abs=1e-11)
        assert float(law.equilibrium_excess_s(t)) == pytest.approx(more, rel=1e-6, abs=1e-10)


@each_law
def test_survival_starts_at_1_and_falls(hold: Hold) -> None:
    law, t = law_of(hold), np.linspace(0.0, 20.0, 4001)
    for tail in (law.survival(t), law.equilibrium_survival(t)):
        assert tail[0] == pytest.approx(1.0, abs=1e-12)
        assert np.all(np.diff(tail) <= 1e-15)
        assert np.all(tail >= 0.0)
    assert float(law.equilibrium_excess_s(0.0)) == pytest.approx((1 + hold.scv) / 2 * hold.mean_s, rel=1e-12)


def test_the_tails_are_those_of_scipy() -> None:
    t = np.geomspace(1e-3, 50.0, 60)
    sigma = math.sqrt(math.log1p(4.0))
    expected = stats.lognorm(sigma, scale=0.3 * math.exp(-(sigma**2) / 2)).sf(t)
    assert law_of(Hold(0.3, 4.0)).survival(t) == pytest.approx(expected, rel=1e-10)
    assert law_of(Hold(0.3, 4.0, "gamma")).survival(t) == pytest.approx(stats.gamma(0.25, scale=1.2).sf(t), rel=1e-10)
    assert law_of(Hold(0.3)).survival(t) == pytest.approx(stats.expon(scale=0.3).sf(t), rel=1e-12)


def test_the_two_classes_take_half_of_the_time_each() -> None:
    (short, short_mean), (long, long_mean) = two_classes(4.0)
    assert short + long == pytest.approx(1.0)
    assert short * short_mean == pytest.approx(long * long_mean) == pytest.approx(0.5)
    assert 2 * (short * short_mean**2 + long * long_mean**2) == pytest.approx(5.0)
    law, t = law_of(Hold(0.3, 4.0, "h2")), np.geomspace(1e-3, 10.0, 60)
    tails = [stats.expon(scale=0.3 * mean).sf(t) for mean in (short_mean, long_mean)]
    assert law.survival(t) == pytest.approx(short * tails[0] + long * tails[1], rel=1e-12)
    assert law.equilibrium_survival(t) == pytest.approx((tails[0] + tails[1]) / 2, rel=1e-9), "half of the time each"


def test_a_histogram_is_stretched_to_the_mean_of_its_hold() -> None:
    twice = Hold(2 * SEEN.mean_s, SEEN.scv, "histogram", 0.0, SEEN.histogram)
    assert law_of(twice).survival([0.19, 0.21, 5.9, 6.1]).tolist() == pytest.approx([1.0, 0.6, 0.1, 0.0])
    assert law_of(SEEN).survival([0.1, 0.0999999]).tolist() == pytest.approx([0.6, 1.0]), "P(X > t), not >="


@given(scv=st.floats(1e-6, 1e3), law=st.sampled_from(["lognormal", "gamma"]))
@settings(max_examples=40, deadline=None)
def test_any_variation_gives_a_law(scv: float, law: str) -> None:
    found = law_of(Hold(1.0, scv, "gamma" if law == "gamma" else "lognormal"))
    t = np.geomspace(1e-6, 1e4, 200)
    for tail in (found.survival(t), found.equilibrium_survival(t)):
        assert np.all((tail >= 0.0) & (tail <= 1.0 + 1e-12))
        assert np.all(np.diff(tail) <= 1e-12)


def test_a_very_even_gamma_law_is_as_good_as_lognormal() -> None:
    t = np.linspace(0.0, 2.0, 101)
    gamma, lognormal = (law_of(Hold(1.0, 1e-4, law)).survival(t) for law in ("gamma", "lognormal"))
    exact = stats.gamma(1e4, scale=1e-4).sf(t)
    assert gamma == pytest.approx(lognormal)
    assert gamma == pytest.approx(exact, abs=0.01)
