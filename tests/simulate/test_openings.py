"""The openings of many pools at once, against one pool whose connections are counted one by one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poolsize.simulate.openings import Openings
from poolsize.simulate.sorted_times import SortedTimes


def one_by_one(requests: list[tuple[float, float]], capacity: int, pool_size: int) -> list[bool]:
    """Which of the requests (arrival, hold) opens a connection: SQLAlchemy's rule, with the connections as they come
    and go. Requests that find none are lost."""
    ends: list[float] = []
    idle, opens = pool_size, []
    for arrival, hold in requests:
        while ends and ends[0] <= arrival:
            ends.pop(0)
            idle = min(idle + 1, pool_size)
        can_open = len(ends) + idle < capacity
        opens.append(idle == 0 and can_open)
        if idle > 0 or can_open:
            idle = max(idle - 1, 0)
            ends = sorted([*ends, arrival + hold])
    return opens


@given(
    gaps=st.lists(st.floats(0.01, 3.0), min_size=1, max_size=120),
    seed=st.integers(0, 2**32),
    capacity=st.integers(2, 40),
    data=st.data(),
)
@settings(max_examples=100, deadline=None)
def test_they_are_those_of_the_rule(gaps: list[float], seed: int, capacity: int, data: st.DataObject) -> None:
    pool_size = data.draw(st.integers(1, capacity - 1))
    arrivals = np.cumsum(gaps)
    holds = np.random.default_rng(seed).exponential(capacity / 2, len(gaps))
    free = SortedTimes(np.zeros((capacity, 1)))
    openings = Openings(free, capacity, pool_size)
    found = []
    for arrival, hold in zip(arrivals, holds, strict=True):
        asked = np.array([arrival])
        found.append(bool(openings.count(asked)[0]))
        free.replace_first(asked + hold if free.first[0] <= arrival else free.first.copy())
    assert found == one_by_one(list(zip(arrivals.tolist(), holds.tolist(), strict=True)), capacity, pool_size)
    assert openings.at_least.tolist() == openings.at_most.tolist() == [sum(found)]


@pytest.mark.parametrize("pool_size", [1, 4, 9])
def test_a_pool_that_begins_with_more_opens_no_more_and_the_two_meet(pool_size: int) -> None:
    rng = np.random.default_rng(pool_size)
    free = SortedTimes(np.zeros((12, 200)))
    openings = Openings(free, 12, pool_size)
    now = np.zeros(200)
    for step in range(3000):
        now = now + rng.exponential(1.0, 200)
        if step == 500:
            openings.settle(now)
            openings.forget()
        openings.count(now)
        free.replace_first(np.maximum(free.first, now) + rng.exponential(6.0, 200))
        assert (openings.at_least <= openings.at_most).all()
    assert openings.have_met()
    assert openings.at_most.sum() > 0
