"""Many small nonnegative least-squares problems, against scipy's solver of one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import nnls

from poolsize.queueing.nonnegative import fit_nonnegative


@given(seed=st.integers(0, 2**32 - 1), points=st.integers(3, 12), few=st.integers(2, 3))
@settings(max_examples=200, deadline=None)
def test_each_right_hand_side_gets_what_the_solver_of_lawson_and_hanson_finds(seed: int, points: int, few: int) -> None:
    random = np.random.default_rng(seed)
    columns = random.normal(size=(points, few))
    targets, weights = random.normal(size=(7, points)), random.uniform(0.1, 10.0, size=(7, points))
    found = fit_nonnegative(columns, targets, weights)
    for target, weight, coefficients in zip(targets, weights, found, strict=True):
        expected, _ = nnls(weight[:, None] * columns, weight * target)
        assert coefficients == pytest.approx(expected, rel=1e-8, abs=1e-10)


def test_what_no_positive_combination_comes_near_is_nothing_at_all() -> None:
    columns = np.array([[1.0, 1.0], [1.0, 2.0], [1.0, 3.0]])
    assert (fit_nonnegative(columns, -np.ones((1, 3)), np.ones((1, 3))) == 0.0).all()


def test_columns_that_say_the_same_share_nothing_between_them() -> None:
    columns = np.array([[1.0, 2.0], [2.0, 4.0], [3.0, 6.0]])
    found = fit_nonnegative(columns, columns[:, :1].T, np.ones((1, 3)))
    assert columns @ found[0] == pytest.approx(columns[:, 0])
    assert (found > 0).sum() == 1
