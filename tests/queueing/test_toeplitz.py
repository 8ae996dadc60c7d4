"""Discrete renewal equations against a matrix."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poolsize.queueing.toeplitz import renewed


@given(length=st.integers(1, 200), seed=st.integers(0, 1000), total=st.floats(0.01, 1.5))
@settings(max_examples=40, deadline=None)
def test_the_solution_is_that_of_linear_algebra(length: int, seed: int, total: float) -> None:
    rng = np.random.default_rng(seed)
    kernel, given_ = rng.random(length), rng.random(length)
    kernel *= total / kernel.sum() * 0.9
    matrix = np.array([[kernel[i - j] if i >= j else 0.0 for j in range(length)] for i in range(length)])
    expected = np.linalg.solve(np.eye(length) - matrix, given_)
    before = given_.copy()
    assert renewed(kernel, given_) == pytest.approx(expected, rel=1e-9)
    assert np.array_equal(given_, before)


def test_geometric_steps_renew_evenly() -> None:
    """Kernel p (1 - p)^(i - 1), i >= 1: from the start on, each place is a renewal with probability p."""
    p, length = 0.3, 100
    kernel = np.concatenate([[0.0], p * (1 - p) ** np.arange(length - 1)])
    start = np.zeros(length)
    start[0] = 1.0
    assert renewed(kernel, start)[1:] == pytest.approx(np.full(length - 1, p), rel=1e-12)


def test_small_answers_keep_their_digits() -> None:
    kernel = np.zeros(300)
    kernel[1] = 1e-3
    start = np.zeros(300)
    start[0] = 1.0
    assert renewed(kernel, start)[:100] == pytest.approx(1e-3 ** np.arange(100.0), rel=1e-12)
