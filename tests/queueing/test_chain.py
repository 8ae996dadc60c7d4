"""The chain against all its states in 60-digit arithmetic, against linear algebra, and against events."""

from __future__ import annotations

import math
import time
from typing import Any, Final

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.linalg import expm

from poolsize.queueing import Closed, Hold, Open, Usl, Wait, solve
from poolsize.queueing.chain import log_law, stationary
from poolsize.queueing.rates import completion_rates
from tests.queueing.event_loop import Loop
from tests.queueing.exact_chain import Exact, exact_chain

SECOND: Final = Hold(1.0)
SLOW: Final = Usl(alpha=0.05, beta=0.002)
RARE: Final = 1e-25
"""States that are less likely than the likeliest by 1e40 are left out, and what they alone make up with them."""


def agree(wait: Wait, exact: Exact, capacity: int, t_s: float, rel: float = 1e-12) -> None:
    """Figure by figure."""
    assert wait.wait_probability == pytest.approx(exact.wait_probability, rel=rel, abs=RARE)
    assert wait.timeout_probability == pytest.approx(exact.timeout_probability, rel=rel, abs=RARE)
    assert wait.refused_probability == pytest.approx(exact.refused_probability, rel=rel, abs=RARE)
    assert wait.mean_wait_s == pytest.approx(exact.mean_wait_s, rel=rel, abs=RARE)
    assert wait.utilization * capacity == pytest.approx(exact.busy, rel=rel)
    assert wait.throughput_per_s == pytest.approx(exact.throughput_per_s, rel=rel)
    assert wait.exceeds(t_s) == pytest.approx(exact.late_share, rel=10 * rel, abs=RARE)
    assert wait.log_empty == pytest.approx(exact.log_empty, rel=1e-11, abs=1e-11)


slow_downs = st.none() | st.builds(Usl, st.floats(0, 0.3), st.just(0.0) | st.floats(0, 0.05))
timeouts = st.just(0.0) | st.just(math.inf) | st.floats(1e-2, 20.0)
rooms = st.none() | st.integers(0, 12)


@given(
    threads=st.integers(1, 60),
    capacity=st.integers(1, 25),
    think_s=st.floats(1e-2, 1e2),
    app_share=st.just(0.0) | st.floats(0, 1),
    timeout_s=timeouts,
    usl=slow_downs,
    max_waiting=rooms,
)
@settings(max_examples=80, deadline=None)
def test_a_finite_source_has_the_digits_of_exact_arithmetic(
    threads: int,
    capacity: int,
    think_s: float,
    app_share: float,
    timeout_s: float,
    usl: Usl | None,
    max_waiting: int | None,
) -> None:
    load, hold = Closed(threads, think_s), Hold(1.0, app_s=app_share)
    wait = solve(load, hold, capacity, timeout_s=timeout_s, usl=usl, max_waiting=max_waiting)
    t_s = min(timeout_s, 1.0) / 3
    rates = completion_rates(hold, usl, min(capacity, threads))
    agree(wait, exact_chain(load, rates, timeout_s=timeout_s, max_waiting=max_waiting, t_s=t_s), capacity, t_s)


@given(
    load=st.floats(1e-3, 10.0),
    capacity=st.integers(1, 25),
    timeout_s=timeouts,
    usl=slow_downs,
    max_waiting=st.integers(0, 60),
)
@settings(max_examples=60, deadline=None)
def test_a_bounded_waiting_room_has_the_digits_of_exact_arithmetic(
    load: float, capacity: int, timeout_s: float, usl: Usl | None, max_waiting: int
) -> None:
    source = Open(load * capacity)
    wait = solve(source, SECOND, capacity, timeout_s=timeout_s, usl=usl, max_waiting=max_waiting)
    t_s = min(timeout_s, 1.0) / 3
    rates = completion_rates(SECOND, usl, capacity)
    agree(wait, exact_chain(source, rates, timeout_s=timeout_s, max_waiting=max_waiting, t_s=t_s), capacity, t_s)


@pytest.mark.parametrize("timeout_s", [2.5, 3.0, 3.5])
def test_timeouts_as_rare_as_1e_13_keep_all_their_digits(timeout_s: float) -> None:
    load = Closed(40, 7.0)
    wait = solve(load, SECOND, 11, timeout_s=timeout_s)
    exact = exact_chain(load, completion_rates(SECOND, None, 11), timeout_s=timeout_s)
    assert 1e-15 < exact.timeout_probability < 1e-10
    assert wait.timeout_probability == pytest.approx(exact.timeout_probability, rel=1e-13)


@given(
    threads=st.integers(1, 1500),
    share=st.floats(0.0, 1.2),
    think_s=st.floats(1e-2, 1e3),
    timeout_s=st.floats(1e-3, 30.0),
)
@example(threads=1500, share=0.01, think_s=0.01, timeout_s=30.0)
@settings(max_examples=25, deadline=None)
def test_nothing_is_lost_with_the_unlikely_states(threads: int, share: float, think_s: float, timeout_s: float) -> None:
    capacity = max(int(share * threads), 1)
    load, t_s = Closed(threads, think_s), timeout_s / 3
    rates = completion_rates(SECOND, None, min(capacity, threads))
    exact = exact_chain(load, rates, timeout_s=timeout_s, t_s=t_s)
    agree(solve(load, SECOND, capacity, timeout_s=timeout_s), exact, capacity, t_s, rel=1e-11)


def test_two_modes_keep_their_weights_across_a_valley_of_1e_minus_1000() -> None:
    """A database that gets slower and slower is nearly idle, or has all threads on it; the likelier of the two may be
    either, and between them are states that are never seen."""
    usl, capacity = Usl(beta=0.01), 1500
    rates = completion_rates(SECOND, usl, capacity)
    for threads, think_s in ((1500, 400.0), (1500, 300.0), (1500, 250.0)):
        load = Closed(threads, think_s)
        births = [(threads - n) / think_s for n in range(capacity)]
        law = stationary(births, rates[1:])
        valley = min(range(20, 1000), key=lambda n: log_law(births, rates[1:], law, n))
        assert log_law(births, rates[1:], law, valley) < -700
        exact = exact_chain(load, rates)
        wait = solve(load, SECOND, capacity, usl=usl)
        assert wait.utilization * capacity == pytest.approx(exact.busy, rel=1e-11)
        assert wait.throughput_per_s == pytest.approx(exact.throughput_per_s, rel=1e-11)
        assert wait.log_empty == pytest.approx(exact.log_empty, rel=1e-11)


def test_a_stationary_law_balances_every_cut() -> None:
    births, deaths = [5.0, 4.0, 3.0, 2.0], [1.0, 2.0, 3.0, 9.0]
    pi = stationary(births, deaths)
    assert math.fsum(pi) == pytest.approx(1.0)
    assert [pi[n] * births[n] for n in range(4)] == pytest.approx([pi[n + 1] * deaths[n] for n in range(4)])


def by_linear_algebra(load: Open | Closed, rates: list[float], most: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """The law of the requests there, 0..most, from the generator alone; no timeouts."""
    c = len(rates) - 1
    generator = np.zeros((most + 1, most + 1))
    for n in range(most):
        births = (load.threads - n) / load.think_s if isinstance(load, Closed) else load.rate_per_s
        generator[n, n + 1] = births
        generator[n + 1, n] = rates[min(n + 1, c)]
    generator -= np.diag(generator.sum(axis=1))
    generator[:, 0] = 1.0
    law: np.ndarray[Any, np.dtype[np.float64]] = np.linalg.solve(generator.T, np.eye(most + 1)[0])
    return law


@pytest.mark.parametrize(
    ("load", "capacity", "max_waiting", "usl"),
    [
        (Closed(15, 2.0), 4, None, None),
        (Closed(15, 2.0), 4, 3, SLOW),
        (Open(3.5), 4, 6, None),
        (Open(9.0), 4, 6, SLOW),
    ],
)
def test_without_timeouts_linear_algebra_says_the_same(
    load: Open | Closed, capacity: int, max_waiting: int | None, usl: Usl | None
) -> None:
    """The law from the generator, and the wait from the time until those ahead are gone: a chain of its own, whose
    transitions in a time t are a matrix exponential."""
    wait = solve(load, SECOND, capacity, usl=usl, max_waiting=max_waiting)
    rates = completion_rates(SECOND, usl, capacity)
    room = load.threads - capacity if isinstance(load, Closed) else 10**9
    most = capacity + (room if max_waiting is None else min(room, max_waiting))
    law = by_linear_algebra(load, rates, most)
    finds = np.array(
        [(load.threads - n) / load.think_s if isinstance(load, Closed) else load.rate_per_s for n in range(most + 1)]
    )
    finds *= law
    refused = finds[most] if max_waiting is not None else 0.0
    taken = finds[:most] / finds[:most].sum()
    assert wait.wait_probability == pytest.approx(taken[capacity:].sum(), rel=1e-9)
    assert wait.refused_probability == pytest.approx(refused / finds.sum(), rel=1e-9, abs=1e-15)
    ahead = np.diag([-rates[-1]] * (most - capacity)) + np.diag([rates[-1]] * (most - capacity - 1), -1)
    for t in (0.1, 1.0, 3.0):
        left = expm(ahead * t).sum(axis=1)  # of those who found so many waiting already
        assert wait.exceeds(t) == pytest.approx(taken[capacity:] @ left, rel=1e-9)


@pytest.mark.parametrize(
    ("load", "timeout_s", "max_waiting", "usl", "tolerances"),
    [
        (Closed(30, 2.0), 0.7, None, SLOW, (0.03, 0.02)),
        (Closed(30, 1.0), 0.5, 4, None, (0.05, 0.02)),
        (Open(7.0), 0.8, None, SLOW, (0.05, 0.03)),
        (Open(10.0), 0.3, 5, SLOW, (0.03, 0.02)),
    ],
)
def test_events_one_by_one_agree(
    load: Open | Closed,
    timeout_s: float,
    max_waiting: int | None,
    usl: Usl | None,
    tolerances: tuple[float, float],
) -> None:
    """Relative tolerances: some three standard errors of 150,000 requests."""
    wait = solve(load, SECOND, 10, timeout_s=timeout_s, usl=usl, max_waiting=max_waiting)
    rates = completion_rates(SECOND, usl, 10)
    counts = Loop(load, 10, timeout_s=timeout_s, rates=rates, max_waiting=max_waiting).run(150_000)
    rare, common = tolerances
    assert counts.timed_out / counts.asked == pytest.approx(wait.timeout_probability, rel=rare)
    assert counts.refused / (counts.asked + counts.refused) == pytest.approx(wait.refused_probability, rel=rare)
    assert counts.mean_wait_s == pytest.approx(wait.mean_wait_s, rel=common)
    assert counts.busy_s / counts.seconds / 10 == pytest.approx(wait.utilization, rel=common)
    assert counts.late(timeout_s / 3) == pytest.approx(wait.exceeds(timeout_s / 3), rel=common)


def test_a_hundred_million_threads_are_solved_as_quickly_as_their_load_is_large() -> None:
    start = time.perf_counter()
    wait = solve(Closed(100_000_000, 1e6), SECOND, 140, timeout_s=1.0)
    assert time.perf_counter() - start < 1.0
    assert wait.utilization == pytest.approx(100 / 140, rel=1e-3)


def test_as_many_connections_as_threads_and_nobody_waits() -> None:
    wait = solve(Closed(threads=8, think_s=0.1), Hold(0.5), 8, timeout_s=1.0)
    assert (wait.wait_probability, wait.timeout_probability, wait.mean_wait_s, wait.quantile(0.999)) == (0, 0, 0, 0)
    assert wait.throughput_per_s == pytest.approx(8 / 0.6)
    assert wait.refused_probability == solve(Closed(8, 0.1), Hold(0.5), 9, max_waiting=0).refused_probability == 0


def test_a_room_for_nobody_refuses_whom_a_timeout_of_0_turns_away() -> None:
    """Erlang's loss, once as refusals and once as timeouts; and with both, the room comes first."""
    gone = solve(Open(8.0), SECOND, 10, timeout_s=0.0)
    refused = solve(Open(8.0), SECOND, 10, max_waiting=0)
    both = solve(Open(8.0), SECOND, 10, timeout_s=0.0, max_waiting=0)
    assert refused.refused_probability == pytest.approx(gone.timeout_probability, rel=1e-14)
    assert (refused.timeout_probability, refused.wait_probability, gone.refused_probability) == (0, 0, 0)
    assert both.refused_probability == refused.refused_probability
    assert both.throughput_per_s == refused.throughput_per_s == pytest.approx(gone.throughput_per_s)


def test_a_room_that_is_never_full_is_none() -> None:
    bounded = solve(Open(8.0), SECOND, 10, timeout_s=0.5, max_waiting=500)
    free = solve(Open(8.0), SECOND, 10, timeout_s=0.5)
    assert bounded.timeout_probability == pytest.approx(free.timeout_probability, rel=1e-12)
    assert bounded.mean_wait_s == pytest.approx(free.mean_wait_s, rel=1e-12)
    assert bounded.exceeds(0.2) == pytest.approx(free.exceeds(0.2), rel=1e-12)
    assert bounded.refused_probability < 1e-30


def test_an_overloaded_room_needs_no_timeout() -> None:
    wait = solve(Open(100.0), SECOND, 10, max_waiting=20)
    assert wait.refused_probability == pytest.approx(0.9, abs=1e-3)
    assert wait.mean_wait_s == pytest.approx(2.0, rel=0.02), "nearly always 20 wait for their turn, ten a second"
