"""The opening rate against a chain of busy and open connections together, which knows nothing of windows."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poolsize.queueing import Closed, Hold, Open, Semantics, Usl, openings, solve
from poolsize.queueing.churn import opens_keeping, opens_per_s, resistances
from tests.queueing.event_loop import Loop, exponential


def by_elimination(births: list[float], deaths: list[float], pool_size: int, semantics: Semantics) -> float:
    """A chain of (busy, open): a connection is opened when all open ones are busy, and closed on return when
    `pool_size` are idle, or, eagerly, when more than `pool_size` are open. Requests beyond the capacity are lost."""
    capacity = len(births)

    def left_open(b: int, k: int) -> int:
        return min(k, b + pool_size) if semantics == "sqlalchemy" else max(b, min(k, pool_size))

    states = [(b, k) for k in range(pool_size, capacity + 1) for b in range(k + 1) if left_open(b, k) == k]
    number = {state: n for n, state in enumerate(states)}
    rates = np.zeros((len(states), len(states)))
    for b, k in states:
        if b < capacity:
            rates[number[b, k], number[b + 1, max(k, b + 1)]] += births[b]
        if b > 0:
            rates[number[b, k], number[b - 1, left_open(b - 1, k)]] += deaths[b]
    generator = rates - np.diag(rates.sum(axis=1))
    generator[:, 0] = 1.0
    law = np.linalg.solve(generator.T, np.eye(len(states))[0])
    return float(sum(law[number[k, k]] * births[k] for k in range(pool_size, capacity)))


@given(
    capacity=st.integers(2, 9),
    data=st.data(),
    load=st.floats(0.1, 2.0),
    threads=st.none() | st.integers(1, 30),
    slow=st.floats(0, 0.5),
    semantics=st.sampled_from(get_args(Semantics)),
)
@settings(max_examples=80, deadline=None)
def test_openings_are_those_of_the_chain_of_busy_and_open_connections(
    capacity: int, data: st.DataObject, load: float, threads: int | None, slow: float, semantics: Semantics
) -> None:
    pool_size = data.draw(st.integers(0, capacity - 1))
    rate = load * capacity
    births = [rate] * capacity if threads is None else [(threads + capacity - b) * rate / 50 for b in range(capacity)]
    deaths = [b / (1 + slow * max(b - 1, 0)) for b in range(capacity + 1)]
    weights = [1.0]
    for b in range(1, capacity + 1):
        weights.append(weights[-1] * births[b - 1] / deaths[b])
    log_empty = -float(np.log(sum(weights)))
    found = opens_keeping(resistances(births, deaths[:-1], log_empty), pool_size, semantics)
    assert found == pytest.approx(by_elimination(births, deaths, pool_size, semantics), rel=1e-8)


@pytest.mark.parametrize("load", [Open(80.0), Closed(400, 4.0)])
def test_keeping_more_never_opens_more(load: Open | Closed) -> None:
    wait = solve(load, Hold(1.0), 100, timeout_s=1.0)
    for semantics in get_args(Semantics):
        rates = [openings(load, Hold(1.0), 100, wait, semantics=semantics)(kept) for kept in range(101)]
        assert rates == sorted(rates, reverse=True)
        assert rates[-1] == 0
        assert rates[1] == solve(load, Hold(1.0), 100, timeout_s=1.0, pool_size=1, semantics=semantics).opens_per_s


def test_a_pool_that_keeps_nothing_opens_one_for_each_request_that_need_not_wait() -> None:
    wait = solve(Open(8.0), Hold(1.0), 10, timeout_s=1.0, pool_size=0)
    assert wait.opens_per_s == pytest.approx(8.0 * (1 - wait.wait_probability), rel=1e-12)


def test_a_pool_where_nothing_arrives_opens_nothing() -> None:
    wait = solve(Open(0.0), Hold(1.0), 5)
    assert openings(Open(0.0), Hold(1.0), 5, wait)(1) == 0.0


def test_a_pool_that_keeps_all_its_connections_opens_none() -> None:
    assert solve(Open(8.0), Hold(1.0), 10, timeout_s=1.0, pool_size=10).opens_per_s == 0
    assert opens_per_s([8.0] * 3, [0.0, 1.0, 2.0], -8.0, 3) == 0


def test_the_textbooks_reading_of_overflow_overestimates_churn() -> None:
    """5 + 10 at 6 erlangs: 0.6 openings a second by SQLAlchemy's real rule, 4.28 if every overflow connection were
    closed at once."""
    wait, eager = (solve(Open(6.0), Hold(1.0), 15, pool_size=5, semantics=s) for s in get_args(Semantics))
    assert wait.opens_per_s == pytest.approx(0.6011, abs=1e-4)
    assert eager.opens_per_s == pytest.approx(4.2809, abs=1e-4)


@pytest.mark.parametrize("pool_size", [1, 200, 990])
def test_openings_stay_finite_for_large_pools(pool_size: int) -> None:
    rate = solve(Open(900.0), Hold(1.0), 1000, timeout_s=1.0, pool_size=pool_size).opens_per_s
    assert 0 <= rate <= 900


@pytest.mark.parametrize(
    ("load", "capacity", "timeout_s", "pool_size", "tolerance"),
    [(Open(8.0), 10, 0.5, 5, 0.05), (Open(12.0), 15, 2.0, 5, 0.04), (Closed(20, 1.0), 10, 0.5, 5, 0.1)],
)
def test_events_one_by_one_agree(
    load: Open | Closed, capacity: int, timeout_s: float, pool_size: int, tolerance: float
) -> None:
    """Relative tolerance: three standard errors of 250,000 requests."""
    loop = Loop(load, capacity, timeout_s=timeout_s, pool_size=pool_size, draw=exponential(Hold(1.0)))
    counts = loop.run(250_000)
    wait = solve(load, Hold(1.0), capacity, timeout_s=timeout_s, pool_size=pool_size)
    assert counts.opened / counts.seconds == pytest.approx(wait.opens_per_s, rel=tolerance)


def test_a_slow_database_changes_what_is_opened() -> None:
    usl = Usl(0.1, 0.01)
    wait = solve(Open(3.0), Hold(1.0), 15, timeout_s=2.0, pool_size=4, usl=usl)
    loop = Loop(Open(3.0), 15, timeout_s=2.0, pool_size=4, rates=[0.0] + [b / usl.slowdown(b) for b in range(1, 16)])
    counts = loop.run(250_000)
    assert counts.opened / counts.seconds == pytest.approx(wait.opens_per_s, rel=0.06)
    plain = solve(Open(3.0), Hold(1.0), 15, timeout_s=2.0, pool_size=4)
    assert wait.opens_per_s != pytest.approx(plain.opens_per_s, rel=0.2)
