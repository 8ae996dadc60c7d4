"""The Poisson law against 60-digit sums."""

from __future__ import annotations

import math
import operator
from decimal import Decimal, localcontext
from functools import reduce

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poolsize.queueing.poisson import mass, reversed_hazards, still_waiting, sums
from tests.queueing.exact_chain import poisson_tails


def exact_tails(count: int, x: float) -> list[Decimal]:
    with localcontext() as context:
        context.prec, context.Emin, context.Emax = 60, -(10**9), 10**9
        return poisson_tails(count + 1, Decimal(x))


@given(x=st.floats(1e-3, 500), count=st.integers(0, 150))
@settings(max_examples=60, deadline=None)
def test_masses_sums_and_hazards_have_all_their_digits(x: float, count: int) -> None:
    above = exact_tails(count, x)
    found, hazards = sums(count, x), reversed_hazards(count, x)
    for j in range(count + 1):
        exact_mass = above[j] - above[j + 1]
        if exact_mass > Decimal("1e-290"):
            assert mass(j, x) == pytest.approx(float(exact_mass), rel=1e-12)
            assert hazards[j] == pytest.approx(float(exact_mass / above[j]), rel=1e-12)
        if above[j] > Decimal("1e-290"):
            assert found.above[j] == pytest.approx(float(above[j]), rel=1e-12)
        if 1 - above[j] > Decimal("1e-290"):
            assert found.below[j] == pytest.approx(float(1 - above[j]), rel=1e-12)


@pytest.mark.parametrize("j", [90_000, 99_000, 100_000, 101_000, 110_000])
def test_the_mass_keeps_its_digits_at_a_hundred_thousand(j: int) -> None:
    """exp(j ln x - x - ln j!) has ten of them there."""
    x = 100_000.0
    with localcontext() as context:
        context.prec = 50
        factorial = reduce(operator.mul, range(2, j + 1), Decimal(1))
        expected = float((Decimal(j) * Decimal(x).ln() - Decimal(x) - factorial.ln()).exp())
    assert mass(j, x) == pytest.approx(expected, rel=1e-12)


@given(x_end=st.floats(1e-2, 200), share=st.floats(0, 1), count=st.integers(1, 80))
@settings(max_examples=60, deadline=None)
def test_who_still_waits_is_a_ratio_of_sums(x_end: float, share: float, count: int) -> None:
    x_t = share * x_end
    found = still_waiting(count, x_t, x_end, sums(count, x_end))
    at_t, at_end = exact_tails(count, x_t), exact_tails(count, x_end)
    for j in range(1, count + 1):
        assert found[j - 1] == pytest.approx(float((at_end[j - 1] - at_t[j]) / at_end[j]), rel=1e-10)


def test_who_still_waits_is_known_where_no_sum_is_above_1e_308() -> None:
    """600 requests in a time in which 50 holds end, as in tenfold overload."""
    found = still_waiting(600, 49.9, 50.0, sums(600, 50.0))
    at_t, at_end = exact_tails(600, 49.9), exact_tails(600, 50.0)
    assert sums(600, 50.0).above[600] == 0.0
    assert found[599] == pytest.approx(float((at_end[599] - at_t[600]) / at_end[600]), rel=1e-9)


def test_an_infinite_mean_is_above_everything() -> None:
    assert sums(3, math.inf).above == [1.0] * 4
    assert reversed_hazards(3, math.inf) == [0.0] * 4
    assert sums(2, 0.0) == ([0.0, 1.0, 1.0], [1.0, 0.0, 0.0])
