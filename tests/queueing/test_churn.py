"""The opening rate against a chain of busy and open connections together, which knows nothing of windows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poolsize.queueing import Closed, Hold, Open, openings, solve
from poolsize.queueing.churn import opens_per_s


def by_elimination(births: list[float], pool_size: int) -> float:
    """SQLAlchemy's rule as a chain of (busy, open): a connection is opened when all open ones are busy, and closed on
    return when `pool_size` are idle. Requests beyond the capacity are lost; holds are of one second."""
    capacity = len(births)
    states = [(b, k) for k in range(pool_size, capacity + 1) for b in range(max(k - pool_size, 0), k + 1)]
    number = {state: n for n, state in enumerate(states)}
    rates = np.zeros((len(states), len(states)))
    for b, k in states:
        if b < capacity:
            rates[number[b, k], number[b + 1, max(k, b + 1)]] += births[b]
        if b > 0:
            rates[number[b, k], number[b - 1, min(k, b - 1 + pool_size)]] += b
    generator = rates - np.diag(rates.sum(axis=1))
    generator[:, 0] = 1.0
    law = np.linalg.solve(generator.T, np.eye(len(states))[0])
    return float(sum(law[number[k, k]] * births[k] for k in range(pool_size, capacity)))


@given(capacity=st.integers(2, 9), data=st.data(), load=st.floats(0.1, 2.0), threads=st.none() | st.integers(1, 30))
@settings(max_examples=80, deadline=None)
def test_openings_are_those_of_the_chain_of_busy_and_open_connections(
    capacity: int, data: st.DataObject, load: float, threads: int | None
) -> None:
    pool_size = data.draw(st.integers(1, capacity - 1))
    rate = load * capacity
    births = [rate] * capacity if threads is None else [(threads + capacity - b) * rate / 50 for b in range(capacity)]
    weights = [1.0]
    for b in range(1, capacity + 1):
        weights.append(weights[-1] * births[b - 1] / b)
    log_empty = -float(np.log(sum(weights)))
    found = opens_per_s(births, [float(b) for b in range(capacity)], log_empty, pool_size)
    assert found == pytest.approx(by_elimination(births, pool_size), rel=1e-8)


@pytest.mark.parametrize("load", [Open(80.0), Closed(400, 4.0)])
def test_keeping_more_never_opens_more(load: Open | Closed) -> None:
    wait = solve(load, Hold(1.0), 100, timeout_s=1.0)
    rates = [openings(load, Hold(1.0), 100, wait)(kept) for kept in range(1, 101)]
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] == 0
    assert rates[0] == solve(load, Hold(1.0), 100, timeout_s=1.0, pool_size=1).opens_per_s


def test_a_pool_where_nothing_arrives_opens_nothing() -> None:
    wait = solve(Open(0.0), Hold(1.0), 5)
    assert openings(Open(0.0), Hold(1.0), 5, wait)(1) == 0.0
