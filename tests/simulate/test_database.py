"""A database that slows down: against the chain, against all states of two pools, and in its limits."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from poolsize.queueing import Closed, Hold, Open, Usl
from poolsize.simulate import Simulated
from poolsize.simulate.database import Database
from poolsize.simulate.events import Events
from tests.simulate.runs import assert_within, events, scenario_of


def test_jobs_end_when_their_work_is_done_at_the_speed_that_there_was() -> None:
    """phi(m) = m: m jobs share one processor. 1.0 s of work from 0, 0.5 s from 0.4 s: both at half speed until the
    second has had its 0.5 s at 1.4 s; the first then has 0.1 s left."""
    clock = Events()
    database = Database(clock, Usl(1.0))
    ended: dict[str, float] = {}

    def end(name: str) -> None:
        ended[name] = clock.now

    database.work(1.0, end, "first")
    clock.at(0.4, lambda _: database.work(0.5, end, "second"), None)
    clock.run()
    assert ended == pytest.approx({"second": 1.4, "first": 1.5})


@pytest.mark.parametrize("hold", [Hold(1.0), Hold(1.0, 0.0), Hold(1.0, 5.0)])
def test_a_shared_processor_is_insensitive_to_the_law(hold: Hold) -> None:
    """alpha = 1: processor sharing, where a job takes S / (1 - rho) on average by whatever law (Sakata, Noguchi and
    Oizumi 1971). The pool is too large for anybody to wait."""
    found = events(scenario_of(Open(0.5), hold, 40, usl=Usl(1.0)), requests=4000)
    assert found.mean_wait_s == 0.0
    assert_within(found, "utilization", 0.5 / (1.0 - 0.5) / 40)


@pytest.mark.parametrize("usl", [Usl(0.05, 0.002), Usl(0.0, 0.05), Usl(0.3)])
@pytest.mark.parametrize("capacity", [4, 9])
def test_one_pool_is_the_chain_of_its_states(usl: Usl, capacity: int) -> None:
    """Twelve threads: all states are 0..12, the deaths from n are b / phi(b) with b = min(n, c) busy."""
    threads, think_s = 12, 2.0
    weights = [1.0]
    for n in range(threads):
        busy = min(n + 1, capacity)
        weights.append(weights[-1] * (threads - n) / think_s / (busy / usl.slowdown(busy)))
    law = np.array(weights) / sum(weights)
    states = np.arange(threads + 1)
    rate = float(law @ (threads - states)) / think_s
    found = events(scenario_of(Closed(threads, think_s), Hold(1.0), capacity, usl=usl), requests=4000)
    assert_within(found, "mean_wait_s", float(law @ np.maximum(states - capacity, 0)) / rate)
    assert_within(found, "utilization", float(law @ np.minimum(states, capacity)) / capacity)
    assert_within(found, "throughput_per_s", rate)


def two_pools(threads: int, think_s: float, capacity: int, usl: Usl) -> tuple[float, float, float]:
    """Mean wait, utilization and throughput of each of two pools on one database, by elimination over all states."""
    states = [(i, j) for i in range(threads + 1) for j in range(threads + 1)]
    number = {state: n for n, state in enumerate(states)}

    def moves(i: int, j: int) -> Iterator[tuple[tuple[int, int], float]]:
        busy = min(i, capacity), min(j, capacity)
        slow = usl.slowdown(max(sum(busy), 1))
        yield (i + 1, j), (threads - i) / think_s
        yield (i, j + 1), (threads - j) / think_s
        yield (i - 1, j), busy[0] / slow
        yield (i, j - 1), busy[1] / slow

    rates = np.zeros((len(states), len(states)))
    for state in states:
        for following, rate in moves(*state):
            if rate > 0.0:
                rates[number[state], number[following]] += rate
    generator = rates - np.diag(rates.sum(axis=1))
    generator[:, 0] = 1.0
    law = np.linalg.solve(generator.T, np.eye(len(states))[0])
    here = np.array([i for i, _ in states])
    rate = float(law @ (threads - here)) / think_s
    return float(law @ np.maximum(here - capacity, 0)) / rate, float(law @ np.minimum(here, capacity)) / capacity, rate


@pytest.mark.parametrize("usl", [Usl(0.1, 0.01), Usl(0.0, 0.05)])
def test_two_pools_slow_each_other_down_as_in_all_their_states(usl: Usl) -> None:
    wait_s, utilization, rate = two_pools(8, 3.0, 3, usl)
    found = events(scenario_of(Closed(8, 3.0), Hold(1.0), 3, usl=usl, pools=2), requests=4000)
    assert_within(found, "mean_wait_s", wait_s)
    assert_within(found, "utilization", utilization)
    assert_within(found, "throughput_per_s", rate)


def test_the_applications_part_of_a_hold_is_not_slowed_down() -> None:
    """Holds of which the database has nothing are as without it."""
    usl = Usl(0.5, 0.1)
    without = events(scenario_of(Open(4.0), Hold(1.0), 6))
    unslowed = events(scenario_of(Open(4.0), Hold(1.0, app_s=1.0), 6, usl=usl))
    assert unslowed.mean_wait_s == pytest.approx(without.mean_wait_s, rel=1e-6)
    assert unslowed.utilization == pytest.approx(without.utilization, rel=1e-6)


def test_pools_without_a_common_database_are_alike_and_independent() -> None:
    one: Simulated = events(scenario_of(Open(2.4), Hold(1.0), 3, timeout_s=1.0), requests=4000)
    four = events(scenario_of(Open(2.4), Hold(1.0), 3, timeout_s=1.0, pools=4), requests=12000, replications=6)
    for name in ("mean_wait_s", "timeout_probability", "utilization", "throughput_per_s"):
        low, high = one.interval(name)
        assert getattr(four, name) == pytest.approx(getattr(one, name), abs=1.5 * (high - low)), name


def test_a_fleet_that_is_full_stays_so_where_the_database_gets_less_done_the_more_are_busy() -> None:
    """20 pools of 10 that want 11 checkouts/s of a database that does 12.3/s with 31 busy and 4.3/s with 200. From
    empty 19 are busy; from full all but a few of the 200 are, and more than half of the requests time out."""
    usl, load = Usl(0.02, 0.001), Open(0.55)
    full = events(
        scenario_of(load, Hold(1.0), 10, timeout_s=1.0, pools=20, usl=usl, start="full"), replications=4, requests=4000
    )
    assert full.timeout_probability == pytest.approx(0.575, abs=0.03)
    assert full.utilization > 0.9
    small = events(
        scenario_of(load, Hold(1.0), 2, timeout_s=1.0, pools=20, usl=usl, start="full"), replications=4, requests=4000
    )
    assert small.utilization < 0.6
