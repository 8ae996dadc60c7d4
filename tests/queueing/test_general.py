"""General holds, where the Volterra equation is exact: one connection, exponential holds, no patience, and the limits;
and where it is not, against events."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from decimal import Decimal, localcontext
from itertools import islice, pairwise
from typing import Any, Final

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.integrate import quad
from scipy.optimize import brentq

from poolsize.queueing import Hold, Open, Usl, law_of, solve
from poolsize.simulate import simulate
from tests.queueing.event_loop import Loop

EXACT: Final = 1e-4
SEEN: Final = Hold.from_histogram([0.2, 0.5, 1.0, 3.0, 20.0], [30, 40, 20, 9, 1])


@given(
    load=st.floats(1e-3, 12.0),
    capacity=st.integers(1, 200) | st.just(100_000),
    timeout=st.floats(1e-3, 300.0) | st.just(math.inf),
)
@settings(max_examples=60, deadline=None)
def test_exponential_holds_come_out_as_in_closed_form(load: float, capacity: int, timeout: float) -> None:
    if timeout == math.inf and load >= 1:
        load = 0.95
    source, timeout_s = Open(load * capacity), timeout / capacity
    exact = solve(source, Hold(1.0), capacity, timeout_s=timeout_s)
    wait = solve(source, Hold(1.0), capacity, timeout_s=timeout_s, model="volterra")
    assert wait.wait_probability == pytest.approx(exact.wait_probability, rel=EXACT)
    assert wait.timeout_probability == pytest.approx(exact.timeout_probability, rel=EXACT, abs=1e-12)
    assert wait.mean_wait_s == pytest.approx(exact.mean_wait_s, rel=EXACT)
    assert wait.utilization == pytest.approx(exact.utilization, rel=EXACT)
    assert wait.log_empty == pytest.approx(exact.log_empty, rel=EXACT, abs=EXACT)
    for t in (0.1 * timeout_s, 0.9 * timeout_s) if timeout < math.inf else (0.5 / capacity, 5.0 / capacity):
        assert wait.exceeds(t) == pytest.approx(exact.exceeds(t), rel=EXACT, abs=1e-12)


@pytest.mark.filterwarnings("ignore::scipy.integrate.IntegrationWarning")  # where a law has steps
@pytest.mark.parametrize("load", [0.05, 0.5, 0.9, 0.99])
@pytest.mark.parametrize(
    "hold",
    [
        Hold(0.3, 0.0),
        Hold(0.3, 0.2),
        Hold(0.3, 4.0),
        Hold(0.3, 25.0),
        Hold(0.3, 4.0, "gamma"),
        Hold(0.3, 9.0, "h2"),
        SEEN,
    ],
    ids=lambda hold: f"{hold.law_name} {hold.scv:g}",
)
def test_one_connection_waits_as_pollaczek_and_khinchine_say(hold: Hold, load: float) -> None:
    wait = solve(Open(load / hold.mean_s), hold, 1)
    expected = load * (1 + hold.scv) / 2 / (1 - load) * hold.mean_s
    assert wait.mean_wait_s == pytest.approx(expected, rel=EXACT)
    assert wait.wait_probability == pytest.approx(load, rel=EXACT)
    end = wait.quantile(1 - 1e-8)
    area, _ = quad(wait.exceeds, 0.0, end, limit=400, points=[end * 2.0**-k for k in range(1, 12)], epsrel=1e-7)
    assert area == pytest.approx(expected, rel=5e-4), "and so does the law"


def erlang_1909(load: float, t: float) -> float:
    """P(wait > t) of one connection and constant holds of 1: 1 - (1 - rho) times the alternating sum of
    e^(rho (t - k)) (-rho (t - k))^k / k! over k = 0..t."""
    with localcontext() as context:
        context.prec = 60
        rho, total = Decimal(load), Decimal(0)
        for k in range(int(t) + 1):
            y = rho * (Decimal(t) - k)
            total += y.exp() * (-y) ** k / math.factorial(k) if k or y else Decimal(1)
        return float(1 - (1 - rho) * total)


@pytest.mark.parametrize("load", [0.3, 0.8, 0.95])
def test_constant_holds_at_one_connection_have_erlangs_law_of_1909(load: float) -> None:
    wait = solve(Open(load), Hold(1.0, 0.0), 1)
    for t in (0.1, 0.5, 1.0, 1.7, 3.0, 8.3):
        assert wait.exceeds(t) == pytest.approx(erlang_1909(load, t), rel=EXACT)


def impatient_at_one(rate: float, draw: Callable[[random.Random], float], timeout_s: float) -> Iterator[float]:
    """What each arrival at one connection would have to wait: those for whom it is too long leave no work behind."""
    rng = random.Random(5)  # noqa: S311 - a simulation, not a secret
    work = 0.0
    while True:
        work = max(work - rng.expovariate(rate), 0.0)
        yield work
        if work < timeout_s:
            work += draw(rng)


@pytest.mark.parametrize("load", [0.7, 1.3])
@pytest.mark.parametrize(
    ("hold", "draw"),
    [
        (Hold(1.0, 0.0), lambda _rng: 1.0),
        (Hold(1.0, 4.0), lambda rng: rng.lognormvariate(-math.log(5.0) / 2, math.sqrt(math.log(5.0)))),
        (Hold(1.0, 4.0, "gamma"), lambda rng: rng.gammavariate(0.25, 4.0)),
    ],
    ids=["constant", "lognormal", "gamma"],
)
def test_one_connection_is_exact_with_a_timeout_too(
    hold: Hold, draw: Callable[[random.Random], float], load: float
) -> None:
    """Relative tolerance: three standard errors of 400,000 arrivals."""
    offered = np.fromiter(islice(impatient_at_one(load, draw, 3.0), 400_000), float)
    wait = solve(Open(load), hold, 1, timeout_s=3.0)
    assert np.mean(offered >= 3.0) == pytest.approx(wait.timeout_probability, rel=0.04)
    assert np.mean(offered > 0.0) == pytest.approx(wait.wait_probability, rel=0.01)
    assert np.mean(np.minimum(offered, 3.0)) == pytest.approx(wait.mean_wait_s, rel=0.03)
    assert np.mean(offered > 1.2) == pytest.approx(wait.exceeds(1.2), rel=0.03)


def test_no_patience_is_erlangs_loss_whatever_the_law() -> None:
    lost = [solve(Open(8.0), Hold(1.0, scv), 10, timeout_s=0.0).timeout_probability for scv in (0.0, 1.0, 9.0)]
    assert lost[0] == lost[1] == lost[2]
    hardly = solve(Open(8.0), Hold(1.0, 9.0), 10, timeout_s=1e-6)
    assert hardly.timeout_probability == pytest.approx(lost[0], rel=1e-4)


def test_without_a_timeout_as_many_wait_as_by_erlang_c_whatever_the_law() -> None:
    """Van Hoorn & Tijms: the approximation keeps P(wait) of exponential holds."""
    assert solve(Open(8.0), Hold(1.0, 4.0), 10).wait_probability == pytest.approx(
        solve(Open(8.0), Hold(1.0), 10).wait_probability, rel=1e-9
    )


def test_with_hardly_any_load_who_waits_waits_for_the_first_of_all_holds_to_end() -> None:
    """The mean of the least of c residual lives: the light-traffic limit, which is exact."""
    for hold in (Hold(1.0, 0.0), Hold(1.0, 4.0), Hold(1.0, 9.0, "h2")):
        law = law_of(hold)
        wait = solve(Open(1e-4), hold, 5)
        limit, _ = quad(
            lambda t, law=law: float(law.equilibrium_survival(t)) ** 5, 0, 50, limit=400, points=[0.2, 1, 5]
        )
        assert wait.mean_wait_s / wait.wait_probability == pytest.approx(limit, rel=1e-3)


@pytest.mark.parametrize("hold", [Hold(1.0, 0.0), Hold(1.0, 4.0), Hold(1.0, 4.0, "gamma"), SEEN])
def test_in_heavy_traffic_the_wait_is_kingmans(hold: Hold) -> None:
    """Exponential with mean (1 + scv) / 2 S / (c (1 - rho)): Kollerstrom, J. Appl. Prob. 11 (1974)."""
    capacity, load = 4, 0.999
    wait = solve(Open(load * capacity / hold.mean_s), hold, capacity)
    mean = (1 + hold.scv) / 2 * hold.mean_s / (capacity * (1 - load))
    assert wait.mean_wait_s == pytest.approx(mean, rel=0.01)
    assert wait.exceeds(2 * mean) == pytest.approx(math.exp(-2), rel=0.02)


@pytest.mark.parametrize("hold", [Hold(0.05, 0.0), Hold(0.05, 4.0), Hold(0.05, 3.0, "h2")])
def test_a_long_timeout_is_none_and_in_overload_everything(hold: Hold) -> None:
    forever = solve(Open(160.0), hold, 10)
    patient = solve(Open(160.0), hold, 10, timeout_s=30.0)
    assert patient.mean_wait_s == pytest.approx(forever.mean_wait_s, rel=1e-3)
    assert patient.quantile(0.99) == pytest.approx(forever.quantile(0.99), rel=1e-3)
    crowded = solve(Open(2000.0), hold, 10, timeout_s=30.0)
    assert crowded.timeout_probability == pytest.approx(0.9, rel=1e-3)
    assert crowded.mean_wait_s == pytest.approx(30.0, rel=0.01)
    assert crowded.utilization == pytest.approx(1.0)


@given(
    scv=st.just(0.0) | st.floats(1e-6, 50.0),
    law=st.sampled_from([None, "gamma", "h2"]),
    load=st.floats(1e-3, 12.0) | st.sampled_from([1e-9, 1e3, 1e6]),
    capacity=st.integers(1, 100) | st.sampled_from([1_000, 10_000]),
    timeout_s=st.just(0.0) | st.floats(1e-4, 1e3) | st.sampled_from([1e-9, 1e6, 1e10, math.inf]),
)
@example(scv=25.0, law=None, load=1e6, capacity=1_000, timeout_s=1e10)
@settings(max_examples=80, deadline=None)
def test_every_figure_is_within_its_bounds(
    scv: float, law: str | None, load: float, capacity: int, timeout_s: float
) -> None:
    fits = (law == "gamma" and scv > 0) or (law == "h2" and scv >= 1)
    hold = Hold(1.0, scv, law if fits else None)  # type: ignore[arg-type]  # hypothesis knows no literals
    load = 0.99 if timeout_s == math.inf and load >= 1 else load
    wait = solve(Open(load * capacity), hold, capacity, timeout_s=timeout_s)
    little = 1e-6
    assert 0 <= wait.timeout_probability <= wait.wait_probability * (1 + little) <= 1 + 2 * little
    assert 0 <= wait.mean_wait_s <= timeout_s * (1 + little)
    assert wait.utilization * capacity == pytest.approx(wait.throughput_per_s, rel=1e-4, abs=1e-9), "Little's law"
    times = np.array([0.001, 0.01, 0.1, 1.0, 10.0]).tolist()
    tail = [wait.exceeds(t) for t in times]
    assert all(0 <= p <= 1 + little for p in tail)
    assert all(later <= sooner * (1 + little) + 1e-15 for sooner, later in pairwise(tail))
    assert wait.quantile(0.5) <= wait.quantile(0.99) <= timeout_s


STEADY: Final = [
    (Hold(0.01, 0.0), lambda z: math.exp(-z)),
    (Hold(0.01, 4.0, "gamma"), lambda z: (1.0 + 4.0 * z) ** -0.25),
    (Hold(0.01, 1.0, "gamma"), lambda z: 1.0 / (1.0 + z)),
    (SEEN, lambda z: math.fsum(share * math.exp(-z * value / SEEN.mean_s) for value, share in SEEN.histogram)),
]
"""Laws with the transform E e^(-z X) of a mean of 1."""


@pytest.mark.parametrize(("hold", "transform"), STEADY, ids=lambda case: getattr(case, "law_name", ""))
@pytest.mark.parametrize("load", [1.5, 10.0])
@pytest.mark.parametrize("holds", [1e3, 1e8])
def test_in_overload_all_wait_for_nearly_the_timeout_however_long_it_is(
    hold: Hold, transform: Callable[[float], float], load: float, holds: float
) -> None:
    """P(W > D - a) = 1 - e^(-s a) / rho, with s the rate at which v grows: rho (1 - f(z)) / z = 1 for z = s S / c."""
    capacity, timeout_s = 20, holds * hold.mean_s
    wait = solve(Open(load * capacity / hold.mean_s), hold, capacity, timeout_s=timeout_s)
    assert wait.timeout_probability == pytest.approx(1.0 - 1.0 / load, rel=1e-6)
    assert wait.wait_probability == pytest.approx(1.0, abs=1e-9)
    slope = brentq(lambda z: load * (1.0 - transform(z)) / z - 1.0, 1e-6, 1e4) * capacity / hold.mean_s
    for nats in (0.1, 1.0, 5.0):
        earlier = wait.exceeds(timeout_s - nats / slope)
        assert 1.0 - earlier == pytest.approx(math.exp(-nats) / load, rel=1e-3, abs=1e-6)
    assert timeout_s - wait.mean_wait_s == pytest.approx(1.0 / slope / load, rel=1e-3, abs=timeout_s * 1e-12)


@given(delta=st.floats(-1e-6, 1e-6), scv=st.floats(0.1, 9.0), timeout_s=st.floats(0.1, 30.0))
@settings(max_examples=20, deadline=None)
def test_nothing_happens_at_utilization_1(delta: float, scv: float, timeout_s: float) -> None:
    at, near = (solve(Open(5.0 * (1 + d)), Hold(1.0, scv), 5, timeout_s=timeout_s) for d in (0.0, delta))
    assert near.timeout_probability == pytest.approx(at.timeout_probability, rel=1e-3)
    assert near.mean_wait_s == pytest.approx(at.mean_wait_s, rel=1e-3)
    assert near.exceeds(timeout_s / 2) == pytest.approx(at.exceeds(timeout_s / 2), rel=1e-3)


def test_never_settles_in_overload_without_a_timeout() -> None:
    wait = solve(Open(11.0), Hold(1.0, 4.0), 10)
    assert (wait.wait_probability, wait.mean_wait_s, wait.quantile(0.5)) == (1.0, math.inf, math.inf)


@pytest.mark.parametrize(
    ("capacity", "hold", "draw", "low", "high"),
    [
        (2, Hold(1.0, 4.0, "gamma"), lambda rng: rng.gammavariate(0.25, 4.0), 0.93, 1.07),
        (5, Hold(1.0, 4.0, "gamma"), lambda rng: rng.gammavariate(0.25, 4.0), 0.93, 1.25),
        (5, Hold(1.0, 0.0), lambda _rng: 1.0, 0.9, 1.1),
        (10, Hold(1.0, 0.25, "gamma"), lambda rng: rng.gammavariate(4.0, 0.25), 0.85, 1.1),
    ],
    ids=["2 gamma 4", "5 gamma 4", "5 constant", "10 gamma 0.25"],
)
def test_several_connections_are_near_to_events_one_by_one(
    capacity: int, hold: Hold, draw: Callable[[random.Random], float], low: float, high: float
) -> None:
    """The error of the model, whose bounds are wider than those of 250,000 requests; exponential holds are further
    off."""
    timeout_s = 1.0
    counts = Loop(Open(0.8 * capacity), capacity, timeout_s=timeout_s, draw=draw).run(250_000)
    general = solve(Open(0.8 * capacity), hold, capacity, timeout_s=timeout_s)
    exponential = solve(Open(0.8 * capacity), Hold(1.0), capacity, timeout_s=timeout_s)
    timed_out = counts.timed_out / counts.asked
    assert low < general.timeout_probability / timed_out < high
    assert low < general.mean_wait_s / counts.mean_wait_s < high
    assert low < general.exceeds(0.3) / counts.late(0.3) < high
    off, further = (abs(math.log(wait.timeout_probability / timed_out)) for wait in (general, exponential))
    assert off < further


def found_with_constant_holds(erlangs: float, capacity: int, most: int = 300) -> np.ndarray[Any, np.dtype[np.float64]]:
    """P(n are there) with constant holds of 1: after each hold, all that were held are gone and all that came are
    there. Crommelin, Post Office Elec. Eng. J. 25 (1932)."""
    arriving = stats.poisson(erlangs).pmf(np.arange(most + 1))
    steps = np.zeros((most + 1, most + 1))
    for n in range(most + 1):
        left = max(n - capacity, 0)
        steps[n, left:] = arriving[: most + 1 - left]
    steps[:, most] += 1.0 - steps.sum(axis=1)
    balance = steps - np.eye(most + 1)
    balance[:, 0] = 1.0
    law: np.ndarray[Any, np.dtype[np.float64]] = np.linalg.solve(balance.T, np.eye(most + 1)[0])
    return law


@pytest.mark.parametrize("load", [0.5, 0.7, 0.85, 0.95])
@pytest.mark.parametrize(("capacity", "error"), [(1, 1e-6), (2, 0.11), (5, 0.14), (10, 0.11), (20, 0.11)])
def test_constant_holds_are_near_to_crommelins_exact_law(capacity: int, error: float, load: float) -> None:
    """The error of the model, which for one connection has none. Whoever finds n has to wait for more than k holds if
    n >= (k + 1) c."""
    law = found_with_constant_holds(load * capacity, capacity)
    mean = float(np.maximum(np.arange(len(law)) - capacity, 0) @ law) / (load * capacity)
    general, exponential = (solve(Open(load * capacity), Hold(1.0, scv), capacity) for scv in (0.0, 1.0))
    assert general.mean_wait_s == pytest.approx(mean, rel=error)
    assert exponential.mean_wait_s > 1.3 * mean
    assert general.wait_probability == pytest.approx(law[capacity:].sum(), rel=error)
    if capacity == 1:
        for k in (1, 2, 3):
            assert general.exceeds(k) == pytest.approx(law[(k + 1) * capacity :].sum(), rel=1e-6)


@pytest.mark.parametrize("hold", [Hold(1.0, 0.0), Hold(1.0, 4.0), Hold(1.0, 4.0, "gamma"), Hold(1.0, 9.0, "h2"), SEEN])
@pytest.mark.parametrize(("load", "holds"), [(0.8, math.inf), (0.8, 3.0), (1.4, 2.0)])
def test_where_it_is_exact_a_simulation_has_it_in_its_intervals(hold: Hold, load: float, holds: float) -> None:
    """95 % intervals, and of some that leave the truth out a half more of their width."""
    rate, timeout_s = load / hold.mean_s, holds * hold.mean_s
    wait = solve(Open(rate), hold, 1, timeout_s=timeout_s)
    found = simulate(Open(rate), hold, 1, timeout_s=timeout_s, semantics="sqlalchemy-async", replications=300, seed=3)
    for name in ("wait_probability", "mean_wait_s", "timeout_probability", "utilization", "throughput_per_s"):
        low, high = found.interval(name)
        more = (high - low) / 4 + EXACT * high
        assert low - more <= getattr(wait, name) <= high + more, name
    if wait.timeout_probability < 0.05:
        low, high = found.interval(0.95)
        assert low - (high - low) / 4 <= wait.quantile(0.95) <= high + (high - low) / 4


@pytest.mark.parametrize("hold", [Hold(1.0, 0.0), Hold(1.0, 4.0), Hold(1.0, 9.0, "h2"), SEEN])
def test_more_connections_or_less_work_never_make_it_worse(hold: Hold) -> None:
    loads = [0.2, 0.6, 0.9, 1.0, 1.1, 3.0]
    grid = [[solve(Open(x * 8 / hold.mean_s), hold, c, timeout_s=2.0) for c in range(1, 14)] for x in loads]
    for better, worse in [
        *(pair for row in grid for pair in pairwise(reversed(row))),
        *(pair for column in zip(*grid, strict=True) for pair in pairwise(column)),
    ]:
        assert better.wait_probability <= worse.wait_probability * (1 + EXACT)
        assert better.timeout_probability <= worse.timeout_probability * (1 + EXACT)
        assert better.mean_wait_s <= worse.mean_wait_s * (1 + EXACT)
        assert better.exceeds(1.0) <= worse.exceeds(1.0) * (1 + EXACT)


def test_a_slow_database_stretches_every_hold_to_what_it_is_when_all_are_held() -> None:
    """Exact for exponential holds, by the chain."""
    usl = Usl(0.05, 0.002)
    chain = solve(Open(5.0), Hold(1.0), 12, usl=usl, timeout_s=2.0)
    wait = solve(Open(5.0), Hold(1.0), 12, usl=usl, timeout_s=2.0, model="volterra")
    assert wait.timeout_probability == pytest.approx(chain.timeout_probability, rel=EXACT)
    assert wait.mean_wait_s == pytest.approx(chain.mean_wait_s, rel=EXACT)
    assert wait.utilization == pytest.approx(chain.utilization, rel=EXACT)
    varied = solve(Open(5.0), Hold(1.0, 4.0), 12, usl=usl, timeout_s=2.0)
    assert varied.mean_wait_s > chain.mean_wait_s


def test_mean_and_variation_do_not_settle_a_percentile() -> None:
    """Three laws with the same of both."""
    quantiles = [solve(Open(8.0), Hold(1.0, 4.0, law), 10).quantile(0.99) for law in ("lognormal", "gamma", "h2")]
    assert max(quantiles) > 1.15 * min(quantiles)
