"""The incomplete gamma function against scipy's, and at its known values."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import erfc, gammaincc

from poolsize.queueing.gamma_tail import gamma_tail


@given(shape=st.floats(1e-2, 1e4), x=st.lists(st.floats(0.0, 3.0), min_size=1, max_size=30))
@settings(max_examples=80, deadline=None)
def test_the_tail_is_that_of_scipy(shape: float, x: list[float]) -> None:
    at = np.array(x) * shape
    expected = gammaincc(shape, at)
    some = expected > 1e-280
    assert gamma_tail(shape, at)[some] == pytest.approx(expected[some], rel=1e-10)


def test_shapes_1_and_a_half_are_elementary() -> None:
    x = np.array([0.0, 0.1, 1.0, 1.5, 1.99, 2.0, 2.01, 10.0, 100.0])
    assert gamma_tail(1.0, x) == pytest.approx(np.exp(-x), rel=1e-13)
    assert gamma_tail(0.5, x) == pytest.approx(erfc(np.sqrt(x)), rel=1e-12)


def test_far_out_nothing_is_left() -> None:
    assert gamma_tail(3.0, np.array([1e3, 1e6])).tolist() == [0.0, 0.0]
