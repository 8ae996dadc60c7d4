"""The formulas against published values, limiting cases, and a second method: simulation, and another derivation."""

from __future__ import annotations

import heapq
import math
import random
from collections import deque
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from poolsize.queueing import Closed, Hold, Open, solve
from poolsize.queueing.chain import stationary
from poolsize.queueing.churn import opens_per_s
from poolsize.queueing.poisson import reversed_hazards, sums

SECOND = Hold(mean_s=1.0)


def test_fifteen_lines_lose_one_call_in_a_hundred_at_8_108_erlangs() -> None:
    """Erlang B tables: 15 lines at 1 % carry 8.108 E."""
    assert solve(Open(8.108), SECOND, 15, timeout_s=0.0).timeout_probability == pytest.approx(0.01, abs=5e-5)


@pytest.mark.parametrize(("load", "servers", "waiting"), [(2.0, 3, 0.889), (1.8, 2, 7.674), (1.8, 4, 0.105)])
def test_the_multiserver_queue_has_the_published_length(load: float, servers: int, waiting: float) -> None:
    """Stevenson, Operations Management, table 18.4; the first is Gross & Harris's eye clinic, 8/9."""
    assert solve(Open(load), SECOND, servers).mean_wait_s * load == pytest.approx(waiting, abs=1e-3)


@pytest.mark.parametrize(
    ("service_factor", "servers", "delayed", "efficiency"),
    [(0.05, 1, 0.198, 0.989), (0.1, 1, 0.386, 0.950), (0.1, 2, 0.054, 0.997)],
)
def test_the_finite_source_agrees_with_peck_and_hazelwood(
    service_factor: float, servers: int, delayed: float, efficiency: float
) -> None:
    """Finite Queuing Tables (1958), N = 5; X = S / (S + Z), D = P(wait), F = (working + in service) / N."""
    think = 1.0 / service_factor - 1.0
    wait = solve(Closed(threads=5, think_s=think), SECOND, servers)
    assert wait.wait_probability == pytest.approx(delayed, abs=6e-4)
    assert wait.throughput_per_s * (think + 1.0) / 5 == pytest.approx(efficiency, abs=6e-4)


def test_closed_forms_have_the_digits_of_high_precision_arithmetic() -> None:
    """Values of 50-digit arithmetic on the chain, not on the formula."""
    wait = solve(Closed(threads=20, think_s=1.0), SECOND, 10, timeout_s=0.5, pool_size=5)
    assert wait.mean_wait_s == pytest.approx(0.11953763813763155, rel=1e-13)
    assert wait.wait_probability == pytest.approx(0.542200817800495, rel=1e-13)
    assert wait.timeout_probability == pytest.approx(0.04178809448728405, rel=1e-13)
    assert wait.utilization == pytest.approx(0.9223555441906216, rel=1e-13)
    assert wait.opens_per_s == pytest.approx(0.05380738256634904, rel=1e-12)
    assert wait.quantile(0.5) == pytest.approx(0.026534807932990387, rel=1e-12)
    assert wait.quantile(0.95) == pytest.approx(0.48107835549257966, rel=1e-12)
    assert wait.quantile(0.99) == 0.5, "more than 1 % time out, so the quantile is the timeout"


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


def test_as_many_connections_as_threads_and_nobody_waits() -> None:
    wait = solve(Closed(threads=8, think_s=0.1), Hold(0.5), 8, timeout_s=1.0)
    assert (wait.wait_probability, wait.timeout_probability, wait.mean_wait_s, wait.quantile(0.999)) == (0, 0, 0, 0)
    assert wait.throughput_per_s == pytest.approx(8 / 0.6)


def test_no_timeout_is_the_limit_of_long_ones() -> None:
    forever, long = (solve(Open(8.0), SECOND, 10, timeout_s=t) for t in (math.inf, 400.0))
    assert long.mean_wait_s == pytest.approx(forever.mean_wait_s, rel=1e-12)
    assert long.quantile(0.99) == pytest.approx(forever.quantile(0.99), rel=1e-9)
    forever, long = (solve(Closed(20, 1.0), SECOND, 10, timeout_s=t) for t in (math.inf, 400.0))
    assert long.exceeds(0.3) == pytest.approx(forever.exceeds(0.3), rel=1e-12)


@pytest.mark.parametrize("timeout_s", [0.0, 0.5, 30.0])
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


def test_zero_load_waits_for_nothing() -> None:
    wait = solve(Open(0.0), SECOND, 3, timeout_s=1.0, pool_size=1)
    assert (wait.utilization, wait.mean_wait_s, wait.opens_per_s, wait.quantile(0.99)) == (0, 0, 0, 0)


def test_a_hundred_thousand_connections_stay_finite() -> None:
    wait = solve(Open(99_500.0), SECOND, 100_000, timeout_s=1.0)
    assert 0 < wait.timeout_probability < 1e-3 < wait.wait_probability < 1
    idle = solve(Open(10.0), SECOND, 100_000, timeout_s=1.0)
    assert (idle.wait_probability, idle.log_empty) == (0.0, -10.0)
    threads = solve(Closed(100_000, 1.0), SECOND, 50_100, timeout_s=0.01)
    assert 0 < threads.timeout_probability < threads.wait_probability < 1


def test_rare_timeouts_keep_their_digits() -> None:
    """P = pi_c e^(-theta D), far below what a difference of probabilities could resolve."""
    wait = solve(Open(5.0), SECOND, 10, timeout_s=5.0)
    without = solve(Open(5.0), SECOND, 10)
    assert wait.timeout_probability == pytest.approx(0.5 * without.wait_probability * math.exp(-25), rel=1e-9)
    by_chain = solve(Closed(threads=400, think_s=79.0), SECOND, 10, timeout_s=5.0)
    assert 0 < by_chain.timeout_probability < wait.timeout_probability


@given(
    load=st.floats(0.01, 3.0),
    capacity=st.integers(1, 40),
    timeout_s=st.just(0.0) | st.floats(1e-6, 20.0),
    threads=st.integers(1, 60),
)
@settings(deadline=None)
def test_laws_that_hold_for_any_pool(load: float, capacity: int, timeout_s: float, threads: int) -> None:
    for source in (Open(load * capacity), Closed(threads, threads / (load * capacity))):
        wait = solve(source, SECOND, capacity, timeout_s=timeout_s)
        assert 0 <= wait.timeout_probability <= wait.wait_probability + 1e-12 <= 1 + 1e-9
        assert 0 <= wait.utilization <= 1 + 1e-12
        assert 0 <= wait.mean_wait_s <= timeout_s * wait.wait_probability + 1e-12
        assert wait.quantile(0.5) <= wait.quantile(0.95) <= wait.quantile(0.99) <= timeout_s
        if timeout_s > 0:
            assert wait.exceeds(0.0) == pytest.approx(wait.wait_probability, abs=1e-12)
            # The mean is the integral of the tail: the wait law and the mean come from different formulas.
            area, _ = quad(wait.exceeds, 0.0, timeout_s, limit=200, points=[min(timeout_s, 1.0) / 2])
            assert area == pytest.approx(wait.mean_wait_s, rel=1e-6, abs=1e-9)
        more = solve(source, SECOND, capacity + 1, timeout_s=timeout_s)
        assert more.timeout_probability <= wait.timeout_probability + 1e-12


@given(x=st.floats(0.1, 500), count=st.integers(0, 120))
@settings(deadline=None)
def test_poisson_tails_are_sums_of_the_mass_and_hazards_their_ratio(x: float, count: int) -> None:
    masses = [math.exp(j * math.log(x) - x - math.lgamma(j + 1)) for j in range(count + 1500)]
    found = sums(count, x)
    for j in range(count + 1):
        expected = math.fsum(masses[j:])
        assert found.above[j] == pytest.approx(expected, rel=1e-9)
        assert found.below[j] == pytest.approx(math.fsum(masses[:j]), rel=1e-9)
        assert reversed_hazards(count, x)[j] == pytest.approx(masses[j] / expected, rel=1e-9)


def test_a_stationary_law_balances_every_cut() -> None:
    births, deaths = [5.0, 4.0, 3.0, 2.0], [1.0, 2.0, 3.0, 9.0]
    pi = stationary(births, deaths)
    assert math.fsum(pi) == pytest.approx(1.0)
    assert [pi[n] * births[n] for n in range(4)] == pytest.approx([pi[n + 1] * deaths[n] for n in range(4)])


class Counts(NamedTuple):
    arrivals: int
    timed_out: int
    waited_s: float
    opened: int
    seconds: float


def simulated(load: Open | Closed, capacity: int, timeout_s: float, pool_size: int, requests: int) -> Counts:
    """Events one by one: arrivals, departures and timeouts, with SQLAlchemy's rule for closing on return."""
    rng = random.Random(7)  # noqa: S311 - a simulation, not a secret
    events: list[tuple[float, int, str]] = []
    waiting: deque[tuple[float, int]] = deque()
    gone: set[int] = set()
    busy = connections = arrivals = timed_out = opened = number = 0
    waited = now = 0.0

    def schedule(after: float, kind: str) -> None:
        nonlocal number
        number += 1
        heapq.heappush(events, (now + after, number, kind))

    def think() -> None:
        schedule(rng.expovariate(1.0 / load.think_s if isinstance(load, Closed) else load.rate_per_s), "arrival")

    for _ in range(load.threads if isinstance(load, Closed) else 1):
        think()
    while arrivals < requests:
        now, key, kind = heapq.heappop(events)
        if kind == "arrival":
            arrivals += 1
            if isinstance(load, Open):
                think()
            if busy == capacity:
                schedule(timeout_s, "timeout")
                waiting.append((now, number))
                continue
            if busy == connections:
                connections += 1
                opened += connections > pool_size  # the first ones, which are kept, are not churn
            busy += 1
            schedule(rng.expovariate(1.0), "departure")
            continue
        if kind == "timeout":
            if key in gone:
                gone.discard(key)
                continue
            waiting.popleft()
            timed_out += 1
            waited += timeout_s
        else:
            if waiting:
                since, timer = waiting.popleft()
                gone.add(timer)
                waited += now - since
                schedule(rng.expovariate(1.0), "departure")
            else:
                busy -= 1
                connections = min(connections, busy + pool_size)
        if isinstance(load, Closed):
            think()
    return Counts(arrivals, timed_out, waited, opened, now)


@pytest.mark.parametrize(
    ("load", "capacity", "timeout_s", "pool_size", "tolerances"),
    [
        (Open(8.0), 10, 0.5, 5, (0.07, 0.05, 0.04)),
        (Open(12.0), 15, 2.0, 5, (1.2, 0.11, 0.03)),
        (Closed(20, 1.0), 10, 0.5, 5, (0.06, 0.03, 0.09)),
        (Closed(8, 0.3), 4, 1.0, 2, (0.015, 0.005, 0.28)),
    ],
)
def test_a_simulation_of_the_events_agrees(
    load: Open | Closed, capacity: int, timeout_s: float, pool_size: int, tolerances: tuple[float, float, float]
) -> None:
    """Relative tolerances: three standard errors of 300,000 requests, measured over 20 seeds."""
    counts = simulated(load, capacity, timeout_s, pool_size, 300_000)
    wait = solve(load, SECOND, capacity, timeout_s=timeout_s, pool_size=pool_size)
    timed_out, waited, opened = tolerances
    assert counts.timed_out / counts.arrivals == pytest.approx(wait.timeout_probability, rel=timed_out)
    assert counts.waited_s / counts.arrivals == pytest.approx(wait.mean_wait_s, rel=waited)
    assert counts.opened / counts.seconds == pytest.approx(wait.opens_per_s, rel=opened)


def test_a_pool_that_keeps_all_its_connections_opens_none() -> None:
    assert solve(Open(8.0), SECOND, 10, timeout_s=1.0, pool_size=10).opens_per_s == 0
    assert opens_per_s([8.0] * 3, [0.0, 1.0, 2.0], -8.0, 3) == 0


def test_the_textbooks_reading_of_overflow_overestimates_churn() -> None:
    """5 + 10 at 6 erlangs: 0.6 openings a second, where closing every overflow connection would cost 4.28."""
    wait = solve(Open(6.0), SECOND, 15, pool_size=5)
    assert wait.opens_per_s == pytest.approx(0.6011, abs=1e-4)


@pytest.mark.parametrize("pool_size", [1, 200, 990])
def test_openings_stay_finite_for_large_pools(pool_size: int) -> None:
    rate = solve(Open(900.0), SECOND, 1000, timeout_s=1.0, pool_size=pool_size).opens_per_s
    assert 0 <= rate <= 900


def test_one_connection_with_constant_holds_waits_as_pollaczek_and_khinchine_say() -> None:
    assert solve(Open(0.9), Hold(1.0, scv=0.0), 1).mean_wait_s == pytest.approx(4.5)


def test_a_loss_system_does_not_feel_the_law_of_the_hold() -> None:
    lost = [solve(Open(8.0), Hold(1.0, scv=scv), 10, timeout_s=0.0).timeout_probability for scv in (0.0, 9.0)]
    assert lost[0] == lost[1]


@pytest.mark.parametrize(("capacity", "timeout_s"), [(0, 1.0), (1, -1.0)])
def test_impossible_numbers_are_refused(capacity: int, timeout_s: float) -> None:
    with pytest.raises(ValueError, match=r"at least 1 is needed|must be 0 or more"):
        solve(Open(1.0), SECOND, capacity, timeout_s=timeout_s)
