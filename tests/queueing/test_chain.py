"""A large finite source without the states that nothing depends on, against the chain of all of them."""

from __future__ import annotations

import math
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from poolsize.queueing import Closed, Hold, Wait, solve
from poolsize.queueing.chain import stationary
from poolsize.queueing.erlang import inverse_erlang_b
from poolsize.queueing.poisson import reversed_hazards


def every_state(threads: int, think_s: float, capacity: int, timeout_s: float) -> tuple[float, float, float, float]:
    """P(wait), P(timeout), mean wait and ln P(nobody), holds of one second, from all the states 0..N."""
    waiting = max(threads - capacity, 0)
    births = [(threads - n) / think_s for n in range(threads)]
    hazards = reversed_hazards(waiting, capacity * timeout_s)
    timeouts = [j / timeout_s * hazards[j] for j in range(1, waiting + 1)]
    deaths = [float(n) for n in range(1, min(capacity, threads) + 1)] + [capacity + delta for delta in timeouts]
    pi = stationary(births, deaths)
    arrivals = math.fsum(birth * p for birth, p in zip(births, pi, strict=False))
    queued = pi[capacity + 1 :]
    likeliest = max(range(len(pi)), key=pi.__getitem__)
    return (
        math.fsum(birth * p for birth, p in zip(births[capacity:], pi[capacity:], strict=False)) / arrivals,
        math.fsum(delta * p for delta, p in zip(timeouts, queued, strict=True)) / arrivals,
        math.fsum(j * p for j, p in enumerate(queued, 1)) / arrivals,
        math.log(pi[likeliest]) + math.fsum(math.log(deaths[n] / births[n]) for n in range(likeliest)),
    )


@given(
    threads=st.integers(1, 1500),
    share=st.floats(0.0, 1.2),
    think_s=st.floats(1e-2, 1e3),
    timeout_s=st.floats(1e-3, 1e3),
)
@example(threads=1500, share=0.01, think_s=0.01, timeout_s=1000.0)
@settings(max_examples=80, deadline=None)
def test_nothing_is_lost_with_the_unlikely_states(threads: int, share: float, think_s: float, timeout_s: float) -> None:
    capacity = max(int(share * threads), 1)
    found = solve(Closed(threads, think_s), Hold(1.0), capacity, timeout_s=timeout_s)
    waits, timed_out, mean_s, log_empty = every_state(threads, think_s, capacity, timeout_s)
    assert found.wait_probability == pytest.approx(waits, rel=1e-9, abs=1e-30)
    assert found.timeout_probability == pytest.approx(timed_out, rel=1e-9, abs=1e-30)
    assert found.mean_wait_s == pytest.approx(mean_s, rel=1e-9, abs=1e-30)
    assert found.log_empty == pytest.approx(log_empty, rel=1e-9, abs=1e-9)


def test_a_hundred_million_threads_are_solved_as_quickly_as_their_load_is_large() -> None:
    start = time.perf_counter()
    wait = solve(Closed(100_000_000, 1e6), Hold(1.0), 140, timeout_s=1.0)
    assert time.perf_counter() - start < 1.0
    assert wait.utilization == pytest.approx(100 / 140, rel=1e-3)


def bisected(wait: Wait, q: float) -> float:
    """The smallest time that is exceeded with at most 1 - q, by halving alone."""
    low, high = 0.0, min(wait.timeout_s, 1e6)
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if wait.exceeds(middle) > 1 - q else (low, middle)
    return high


@given(
    threads=st.integers(2, 60),
    share=st.floats(0.05, 0.9),
    think_s=st.floats(0.05, 30.0),
    timeout_s=st.floats(0.01, 60.0),
)
@settings(max_examples=60, deadline=None)
def test_a_quantile_is_where_halving_finds_it(threads: int, share: float, think_s: float, timeout_s: float) -> None:
    wait = solve(Closed(threads, think_s), Hold(1.0), max(int(share * threads), 1), timeout_s=timeout_s)
    for q in (0.5, 0.95, 0.99):
        if wait.wait_probability > 1 - q >= wait.timeout_probability:
            assert wait.quantile(q) == pytest.approx(bisected(wait, q), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize(("capacity", "load"), [(10, 0.01), (10, 8.0), (100, 99.0), (5000, 4900.0), (300, 900.0)])
def test_erlangs_sum_is_erlangs_recursion(capacity: int, load: float) -> None:
    inverse = 1.0
    for k in range(1, capacity + 1):
        inverse = 1.0 + inverse * k / load
    assert inverse_erlang_b(capacity, load) == pytest.approx(inverse, rel=1e-12)
