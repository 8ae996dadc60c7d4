"""The rows that are kept in order, against a list that is sorted each time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poolsize.simulate.sorted_times import SortedTimes


@pytest.mark.parametrize("rows", [1, 2, 31, 32, 33, 64, 100, 257])
def test_the_first_is_always_the_earliest(rows: int) -> None:
    rng = np.random.default_rng(rows)
    start = rng.random((rows, 3))
    times = SortedTimes(start.copy())
    plain = [sorted(column) for column in start.T]
    for _step in range(500):
        assert times.first.tolist() == [column[0] for column in plain]
        new = times.first + rng.exponential(size=3) * rng.choice([0.0, 0.1, 1.0])
        for column, value in zip(plain, new.tolist(), strict=True):
            column[0] = value
            column.sort()
        times.replace_first(new)
    assert np.sort(times.times, axis=0).T.tolist() == plain


@given(st.lists(st.floats(0.0, 10.0), min_size=1, max_size=80), st.lists(st.floats(0.0, 20.0), max_size=120))
@settings(max_examples=60, deadline=None)
def test_whatever_comes_in_the_earliest_goes_out(start: list[float], coming: list[float]) -> None:
    """As a pool does: nothing that comes in is earlier than what goes out."""
    times = SortedTimes(np.array(start)[:, np.newaxis])
    plain = sorted(start)
    for later in coming:
        assert times.first[0] == plain[0]
        new = plain[0] + later
        times.replace_first(np.array([new]))
        plain = sorted([*plain[1:], new])
