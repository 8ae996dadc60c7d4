"""Erlang's B between whole numbers of connections."""

from __future__ import annotations

import doctest
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

import poolsize.queueing.real_erlang
from poolsize.queueing import erlang
from poolsize.queueing.real_erlang import inverse_erlang_b


@given(capacity=st.floats(0.0, 40.0), offered_load=st.floats(0.05, 60.0))
@settings(max_examples=150, deadline=None)
def test_it_is_the_integral_that_defines_it(capacity: float, offered_load: float) -> None:
    def integrand(u: float) -> float:
        return math.exp(capacity * math.log1p(u / offered_load) - u)

    top = max(capacity - offered_load, 0.0)  # where the integrand is largest
    parts = [
        quad(integrand, low, high, epsabs=0.0, epsrel=1e-12, limit=200)[0]
        for low, high in ((0.0, top + 1.0), (top + 1.0, top + 400.0))
    ]
    assert inverse_erlang_b(capacity, np.array([offered_load]))[0] == pytest.approx(sum(parts), rel=1e-9)


@pytest.mark.parametrize("capacity", [1, 7, 100, 5000])
def test_whole_numbers_are_as_known(capacity: int) -> None:
    loads = np.array([0.01, 0.5, 0.9, 1.0, 1.3, 10.0]) * capacity
    expected = [erlang.inverse_erlang_b(capacity, float(load)) for load in loads]
    assert inverse_erlang_b(float(capacity), loads) == pytest.approx(expected, rel=1e-12)


def test_a_published_table_value() -> None:
    """15 lines carry 8.108 erlangs with a loss of 1 % (Erlang B tables)."""
    assert 1.0 / inverse_erlang_b(15.0, np.array([8.108]))[0] == pytest.approx(0.01, abs=5e-6)


def test_without_connections_everything_is_lost() -> None:
    assert (inverse_erlang_b(0.0, np.array([1e-6, 1.0, 1e6])) == 1.0).all()


@given(capacity=st.floats(0.0, 200.0), more=st.floats(1e-3, 5.0), offered_load=st.floats(1e-3, 400.0))
@settings(max_examples=200, deadline=None)
def test_with_more_connections_less_is_lost(capacity: float, more: float, offered_load: float) -> None:
    load = np.array([offered_load])
    few, many = (inverse_erlang_b(size, load)[0] for size in (capacity, capacity + more))
    assert many > few or few == many == math.inf


def test_what_is_never_lost_is_lost_never() -> None:
    assert inverse_erlang_b(1000.5, np.array([1e-3]))[0] == math.inf


def test_the_example_is_right() -> None:
    assert doctest.testmod(poolsize.queueing.real_erlang).failed == 0
