"""The closed form against its integral, against the chain, and at its limits."""

from __future__ import annotations

import math
import time
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from poolsize.queueing import Closed, Hold, Open, Usl, solve
from poolsize.queueing.erlang import inverse_erlang_b
from poolsize.queueing.rates import completion_rates
from tests.queueing.event_loop import Loop, exponential
from tests.queueing.exact_chain import exact_chain

SECOND: Final = Hold(1.0)


@pytest.mark.parametrize(("capacity", "load"), [(10, 0.01), (10, 8.0), (100, 99.0), (5000, 4900.0), (300, 900.0)])
def test_erlangs_sum_is_erlangs_recursion(capacity: int, load: float) -> None:
    inverse = 1.0
    for k in range(1, capacity + 1):
        inverse = 1.0 + inverse * k / load
    assert inverse_erlang_b(capacity, load) == pytest.approx(inverse, rel=1e-12)


@pytest.mark.parametrize(("capacity", "load"), [(1, 0.5), (10, 8.0), (10, 80.0), (40, 30.0)])
def test_erlangs_sum_is_an_integral(capacity: int, load: float) -> None:
    """1/B = a integral_0^inf e^(-a y) (1 + y)^c dy: Jagerman, Bell Syst. Tech. J. 53 (1974)."""
    area, _ = quad(lambda y: load * math.exp(capacity * math.log1p(y) - load * y), 0, math.inf, epsabs=0, epsrel=1e-11)
    assert inverse_erlang_b(capacity, load) == pytest.approx(area, rel=1e-9)


@pytest.mark.parametrize(
    ("rate", "capacity", "timeout_s"), [(8.0, 10, 0.5), (12.0, 10, 2.0), (0.9, 1, 3.0), (45.0, 50, 0.2)]
)
def test_the_closed_form_is_an_integral_over_the_offered_wait(rate: float, capacity: int, timeout_s: float) -> None:
    """Zeltyn & Mandelbaum, Queueing Systems 51 (2005): P(timeout) = (1 + (lambda - R) J) / (E + lambda J), with
    J = integral_0^inf exp(lambda min(x, D) - R x) dx and E = integral_0^inf e^-t (1 + t / a)^(c - 1) dt."""
    full = float(capacity)
    until, _ = quad(lambda x: math.exp((rate - full) * x), 0, timeout_s, epsrel=1e-12)
    j = until + math.exp(rate * timeout_s - full * timeout_s) / full
    e, _ = quad(lambda t: math.exp(-t) * (1 + t / rate) ** (capacity - 1), 0, math.inf, epsabs=0, epsrel=1e-12)
    wait = solve(Open(rate), SECOND, capacity, timeout_s=timeout_s)
    assert wait.timeout_probability == pytest.approx((1 + (rate - full) * j) / (e + rate * j), rel=1e-9)
    assert wait.wait_probability == pytest.approx(rate * j / (e + rate * j), rel=1e-9)


@given(
    load=st.floats(1e-3, 3.0),
    capacity=st.integers(1, 20),
    timeout_s=st.floats(1e-3, 5.0),
    usl=st.builds(Usl, st.floats(0, 0.3), st.just(0.0) | st.floats(0, 0.05)),
)
@settings(max_examples=40, deadline=None)
def test_the_closed_form_has_the_digits_of_the_chain(load: float, capacity: int, timeout_s: float, usl: Usl) -> None:
    """The chain with more than may wait at any time that is ever seen."""
    rates = completion_rates(SECOND, usl, capacity)
    source, t_s = Open(load * rates[-1]), timeout_s / 3
    longest = int(3 * source.rate_per_s * timeout_s) + 300
    exact = exact_chain(source, rates, timeout_s=timeout_s, longest=longest, t_s=t_s)
    wait = solve(source, SECOND, capacity, timeout_s=timeout_s, usl=usl)
    assert wait.wait_probability == pytest.approx(exact.wait_probability, rel=1e-11)
    assert wait.timeout_probability == pytest.approx(exact.timeout_probability, rel=1e-11, abs=1e-60)
    assert wait.mean_wait_s == pytest.approx(exact.mean_wait_s, rel=1e-11)
    assert wait.utilization * capacity == pytest.approx(exact.busy, rel=1e-11)
    assert wait.exceeds(t_s) == pytest.approx(exact.late_share, rel=1e-11)
    assert wait.log_empty == pytest.approx(exact.log_empty, rel=1e-11, abs=1e-11)


@pytest.mark.parametrize(("load", "capacity", "timeout_s"), [(8.0, 10, 0.5), (12.0, 10, 2.0), (0.7, 1, 5.0)])
def test_the_closed_form_is_the_limit_of_the_chain_with_ever_more_threads(
    load: float, capacity: int, timeout_s: float
) -> None:
    threads = 100_000
    crowd = solve(Closed(threads, threads / load), SECOND, capacity, timeout_s=timeout_s)
    poisson = solve(Open(load), SECOND, capacity, timeout_s=timeout_s)
    assert crowd.timeout_probability == pytest.approx(poisson.timeout_probability, rel=3e-3)
    assert crowd.mean_wait_s == pytest.approx(poisson.mean_wait_s, rel=3e-3)
    assert crowd.exceeds(timeout_s / 3) == pytest.approx(poisson.exceeds(timeout_s / 3), rel=3e-3)
    assert crowd.log_empty == pytest.approx(poisson.log_empty, rel=3e-3)


def test_rare_timeouts_keep_their_digits() -> None:
    """P = pi_c e^(-theta D), far below what a difference of probabilities could resolve."""
    wait = solve(Open(5.0), SECOND, 10, timeout_s=5.0)
    without = solve(Open(5.0), SECOND, 10)
    assert wait.timeout_probability == pytest.approx(0.5 * without.wait_probability * math.exp(-25), rel=1e-9)


def test_no_timeout_is_the_limit_of_long_ones() -> None:
    forever, long = (solve(Open(8.0), SECOND, 10, timeout_s=t) for t in (math.inf, 400.0))
    assert long.mean_wait_s == pytest.approx(forever.mean_wait_s, rel=1e-12)
    assert long.quantile(0.99) == pytest.approx(forever.quantile(0.99), rel=1e-9)


@pytest.mark.parametrize("timeout_s", [0.0, 0.5, 30.0, 3000.0])
def test_ten_times_overload_turns_nine_of_ten_away(timeout_s: float) -> None:
    wait = solve(Open(1000.0), Hold(0.1), 10, timeout_s=timeout_s)
    assert wait.timeout_probability == pytest.approx(0.9, abs=0.01)
    assert wait.mean_wait_s == pytest.approx(timeout_s, rel=0.1)
    assert wait.utilization == pytest.approx(1.0, abs=0.02)
    assert wait.quantile(0.5) == timeout_s


def test_overload_without_a_timeout_never_settles() -> None:
    wait = solve(Open(11.0), SECOND, 10)
    assert (wait.wait_probability, wait.mean_wait_s, wait.quantile(0.5)) == (1.0, math.inf, math.inf)
    assert wait.throughput_per_s == 10
    assert solve(Open(11.0), SECOND, 10, pool_size=3).opens_per_s == 0, "all connections stay busy"


def test_zero_load_waits_for_nothing() -> None:
    for usl in (None, Usl(0.1, 0.01)):
        for max_waiting in (None, 5):
            wait = solve(Open(0.0), SECOND, 3, timeout_s=1.0, pool_size=1, usl=usl, max_waiting=max_waiting)
            assert (wait.utilization, wait.mean_wait_s, wait.opens_per_s, wait.quantile(0.99)) == (0, 0, 0, 0)
            assert (wait.refused_probability, wait.log_empty) == (0, 0)


def test_a_hundred_thousand_connections_stay_finite() -> None:
    wait = solve(Open(99_500.0), SECOND, 100_000, timeout_s=1.0)
    assert 0 < wait.timeout_probability < 1e-3 < wait.wait_probability < 1
    idle = solve(Open(10.0), SECOND, 100_000, timeout_s=1.0)
    assert (idle.wait_probability, idle.log_empty) == (0.0, -10.0)
    assert idle.utilization == pytest.approx(1e-4, rel=1e-12)
    threads = solve(Closed(100_000, 1.0), SECOND, 50_100, timeout_s=0.01)
    assert 0 < threads.timeout_probability < threads.wait_probability < 1
    slow = solve(Open(99.0), SECOND, 100_000, usl=Usl(alpha=0.01), timeout_s=1.0)
    assert slow.utilization * 100_000 == pytest.approx(9900, rel=1e-9), "r p / (1 - p) of a negative binomial law"


def test_a_crowded_pool_on_a_database_that_stops_is_told_from_the_idle_one() -> None:
    """Both modes of an open load: with 2,000 connections P(all held and none waiting) is below 1e-200, and those
    that wait make up for it only if they wait for very long."""
    usl, rates = Usl(beta=1e-3), completion_rates(SECOND, Usl(beta=1e-3), 2000)
    assert rates[2000] < 1.0 < max(rates)
    short = solve(Open(1.0), SECOND, 2000, usl=usl, timeout_s=10.0)
    assert short.utilization < 1e-3
    assert 0 < short.timeout_probability < 1e-200
    long = solve(Open(1.0), SECOND, 2000, usl=usl, timeout_s=1e5)
    assert long.utilization == pytest.approx(1.0)
    assert long.timeout_probability == pytest.approx(1 - rates[2000], rel=1e-6)


@given(delta=st.floats(-1e-7, 1e-7), capacity=st.integers(1, 100), timeout_s=st.floats(0.01, 100.0))
@settings(max_examples=60, deadline=None)
def test_nothing_happens_at_utilization_1(delta: float, capacity: int, timeout_s: float) -> None:
    at, near = (solve(Open(capacity * (1 + d)), SECOND, capacity, timeout_s=timeout_s) for d in (0.0, delta))
    change = 1e-7 * (2 + capacity + capacity * timeout_s)
    assert near.wait_probability == pytest.approx(at.wait_probability, rel=change)
    assert near.timeout_probability == pytest.approx(at.timeout_probability, rel=change)
    assert near.mean_wait_s == pytest.approx(at.mean_wait_s, rel=change)
    assert near.exceeds(timeout_s / 2) == pytest.approx(at.exceeds(timeout_s / 2), rel=change)


@pytest.mark.parametrize(("rate", "capacity", "timeout_s"), [(8.0, 10, 0.5), (12.0, 15, 2.0)])
def test_events_one_by_one_agree(rate: float, capacity: int, timeout_s: float) -> None:
    counts = Loop(Open(rate), capacity, timeout_s=timeout_s, draw=exponential(SECOND)).run(200_000)
    wait = solve(Open(rate), SECOND, capacity, timeout_s=timeout_s)
    assert counts.mean_wait_s == pytest.approx(wait.mean_wait_s, rel=0.1)
    assert counts.late(timeout_s / 4) == pytest.approx(wait.exceeds(timeout_s / 4), rel=0.1)
    assert counts.busy_s / counts.seconds == pytest.approx(wait.utilization * capacity, rel=0.02)


def test_a_thousand_connections_take_less_than_a_millisecond() -> None:
    fastest = math.inf
    for _ in range(20):
        start = time.perf_counter()
        solve(Open(970.0), SECOND, 1000, timeout_s=1.0)
        fastest = min(fastest, time.perf_counter() - start)
    assert fastest < 1e-3
