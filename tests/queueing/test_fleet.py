"""Many pools on one database: against all their states, against a simulation, and in the cases that have formulas."""

from __future__ import annotations

import doctest
import itertools
import math
import statistics
import time
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import poolsize.queueing.fleet
from poolsize.queueing import Closed, Hold, Open, Usl, Wait, solve
from poolsize.queueing.fleet import Fleet, Settled, solve_fleet
from poolsize.queueing.fleet_pools import Pools
from tests.queueing.fleet_simulation import Simulation

TWENTY = Pools(count=20, load=Open(0.55), hold=Hold(1.0), capacity=10, timeout_s=1.0)
"""At its peak the database completes 13.9 requests per second, with 31 connections; 11 per second arrive."""
SLOW = Usl(0.02, 0.001)


def twenty(capacity: int, timeout_s: float = 1.0) -> list[Pools]:
    return [Pools(20, TWENTY.load, TWENTY.hold, capacity, timeout_s)]


def numbers(wait: Wait) -> tuple[float, ...]:
    return (
        wait.wait_probability,
        wait.timeout_probability,
        wait.mean_wait_s,
        wait.utilization,
        wait.throughput_per_s,
        wait.exceeds(0.1),
        wait.exceeds(0.4),
    )


def hopeful(wait: Wait) -> Wait:
    """By the other model, if the two differ."""
    return wait.other or wait


class TestLimits:
    @pytest.mark.parametrize("load", [Open(8.0), Open(20.0), Closed(20, 1.0), Closed(6, 1.0)])
    @pytest.mark.parametrize("timeout_s", [0.0, 0.5, 30.0])
    @pytest.mark.parametrize("count", [1, 7])
    def test_pools_on_a_database_that_never_slows_down_are_pools_of_their_own(
        self, load: Open | Closed, timeout_s: float, count: int
    ) -> None:
        expected = numbers(solve(load, Hold(1.0), 10, timeout_s=timeout_s))
        found = solve_fleet([Pools(count, load, Hold(1.0, app_s=0.3), 10, timeout_s)], Usl()).from_empty
        assert numbers(found.waits[0]) == pytest.approx(expected, rel=1e-9, abs=1e-14)
        assert numbers(hopeful(found.waits[0])) == pytest.approx(expected, rel=1e-9, abs=1e-14)

    @pytest.mark.parametrize("load", [Open(3.0), Open(9.0), Closed(20, 2.0)])
    @pytest.mark.parametrize("timeout_s", [0.0, 1.0])
    @pytest.mark.parametrize(("app_s", "within"), [(0.0, 1e-9), (0.5, 0.06)])
    def test_one_pool_is_a_pool_on_a_database_that_slows_down(
        self, load: Open | Closed, timeout_s: float, app_s: float, within: float
    ) -> None:
        """But for an approximation where the application has a part in the holds."""
        hold, usl = Hold(1.0, app_s=app_s), Usl(0.05, 0.004)
        expected = solve(load, hold, 6, timeout_s=timeout_s, usl=usl)
        found = solve_fleet([Pools(1, load, hold, 6, timeout_s)], usl).from_empty.waits[0]
        assert numbers(found) == pytest.approx(numbers(expected), rel=within, abs=1e-14)

    def test_nobody_waits_for_ever_only_if_the_rate_can_be_carried(self) -> None:
        overloaded = solve_fleet([Pools(20, Open(2.0), Hold(1.0), 5)], SLOW)
        assert not overloaded.is_bistable
        assert overloaded.from_empty.waits[0].mean_wait_s == math.inf
        assert overloaded.from_empty.waits[0].quantile(0.5) == math.inf

    def test_a_fleet_without_load_is_idle(self) -> None:
        found = solve_fleet([Pools(20, Open(0.0), Hold(1.0), 5, 1.0)], SLOW)
        assert found.from_full.active == 0.0
        assert numbers(found.from_full.waits[0]) == (0.0,) * 7

    def test_work_in_the_application_does_not_slow_the_database_down(self) -> None:
        in_application = Pools(20, Open(0.55), Hold(1.0, app_s=1.0), 10, 1.0)
        expected = numbers(solve(Open(0.55), Hold(1.0), 10, timeout_s=1.0))
        assert numbers(solve_fleet([in_application], Usl(0.5, 0.5)).from_full.waits[0]) == pytest.approx(
            expected, abs=1e-14
        )

    def test_how_equal_pools_are_grouped_changes_nothing(self) -> None:
        one = Pools(4, Open(2.0), Hold(1.0, app_s=0.2), 5, 1.0)
        parts = [Pools(count, one.load, one.hold, one.capacity, one.timeout_s) for count in (1, 3)]
        whole, split = solve_fleet([one], SLOW).from_empty, solve_fleet(parts, SLOW).from_empty
        for part in split.waits:
            assert numbers(part) == pytest.approx(numbers(whole.waits[0]), rel=1e-8)
            assert numbers(hopeful(part)) == pytest.approx(numbers(hopeful(whole.waits[0])), rel=1e-8)


def all_states(groups: Sequence[Pools], usl: Usl, longest: int) -> list[float]:
    """P(wait) of the open pools of each group by the equations of all states, with at most `longest` waiting in each
    and no timeout but 0. The state of a pool: requests in the database, in the application, and waiting."""
    pools = [group for group in groups for _ in range(group.count)]
    of_one = [
        [
            (a, b, waiting)
            for a, b in itertools.product(range(pool.capacity + 1), repeat=2)
            for waiting in range(longest + 1)
            if a + b <= pool.capacity and (not waiting or a + b == pool.capacity) and (pool.hold.app_s or not b)
        ]
        for pool in pools
    ]
    index = {state: i for i, state in enumerate(itertools.product(*of_one))}
    rates = np.zeros((len(index), len(index)))

    def move(state: tuple[tuple[int, int, int], ...], pool: int, to: tuple[int, int, int], rate: float) -> None:
        after = (*state[:pool], to, *state[pool + 1 :])
        if rate and after in index:
            rates[index[state], index[after]] += rate

    for state in index:
        slowdown = usl.slowdown(max(sum(one[0] for one in state), 1))
        for k, (pool, (a, b, waiting)) in enumerate(zip(pools, state, strict=True)):
            assert isinstance(pool.load, Open)
            held = a + b
            arrival = (a + 1, b, waiting) if held < pool.capacity else (a, b, waiting + 1)
            move(state, k, arrival, pool.load.rate_per_s)
            back = (1, waiting - 1) if waiting else (0, 0)
            work = a / (pool.database_s * slowdown)
            if pool.hold.app_s:
                move(state, k, (a - 1, b + 1, waiting), work)
                move(state, k, (a + back[0], b - 1, back[1]), b / pool.hold.app_s)
            else:
                move(state, k, (a - 1 + back[0], b, back[1]), work)
    generator = rates - np.diag(rates.sum(axis=1))
    equations = np.vstack([generator.T, np.ones(len(index))])
    law = np.linalg.lstsq(equations, np.append(np.zeros(len(index)), 1.0), rcond=None)[0]
    first = list(itertools.accumulate((group.count for group in groups), initial=0))[:-1]
    return [
        float(sum(law[i] for state, i in index.items() if sum(state[pool][:2]) == pools[pool].capacity))
        for pool in first
    ]


class TestAllStates:
    @pytest.mark.parametrize("app_s", [0.0, 0.4])
    def test_without_waiting_every_state_is_weighed_right(self, app_s: float) -> None:
        groups = [
            Pools(2, Open(1.5), Hold(1.0, app_s=app_s), 2, timeout_s=0.0),
            Pools(1, Open(2.0), Hold(0.5), 3, timeout_s=0.0),
        ]
        found = solve_fleet(groups, Usl(0.2, 0.1)).from_empty
        expected = all_states(groups, Usl(0.2, 0.1), longest=0)
        assert [wait.wait_probability for wait in found.waits] == pytest.approx(expected, rel=1e-9)
        assert [wait.timeout_probability for wait in found.waits] == pytest.approx(expected, rel=1e-9)
        assert all(hopeful(wait).wait_probability < x for wait, x in zip(found.waits, expected, strict=True))

    def test_a_pool_of_its_own_is_exact_also_with_waiting(self) -> None:
        groups = [Pools(1, Open(1.5), Hold(1.0), 4)]
        found = solve_fleet(groups, Usl(0.2, 0.02)).from_empty
        expected = all_states(groups, Usl(0.2, 0.02), longest=80)
        assert [wait.wait_probability for wait in found.waits] == pytest.approx(expected, rel=1e-9)
        assert [hopeful(wait).wait_probability for wait in found.waits] == pytest.approx(expected, rel=1e-9)

    def test_with_waiting_the_truth_lies_between_the_two_models(self) -> None:
        groups = [Pools(2, Open(0.8), Hold(1.0), 2)]
        (expected,) = all_states(groups, Usl(0.1, 0.02), longest=12)
        found = solve_fleet(groups, Usl(0.1, 0.02)).from_empty
        assert hopeful(found.waits[0]).wait_probability < expected < found.waits[0].wait_probability
        assert found.waits[0].wait_probability == pytest.approx(expected, rel=0.1)


def simulated(groups: Sequence[Pools], usl: Usl, seconds: float, runs: int = 8) -> list[tuple[float, float]]:
    """Mean and standard error of P(wait), P(timeout) and mean wait of the first group, and of what is active."""
    found = []
    for seed in range(runs):
        simulation = Simulation(groups, usl, seed)
        simulation.run(50.0)
        simulation.forget()
        run = simulation.run(seconds)
        found.append((run.wait_probability[0], run.timeout_probability[0], run.mean_wait_s[0], run.active))
    return [(statistics.fmean(x), statistics.stdev(x) / math.sqrt(runs)) for x in zip(*found, strict=True)]


class TestSimulation:
    @pytest.mark.parametrize(
        ("groups", "usl", "seconds"),
        [
            ([Pools(2, Open(3.0), Hold(1.0), 6, 1.0)], Usl(0.03, 0.004), 500.0),
            ([Pools(4, Open(2.0), Hold(1.0), 5, 1.0)], Usl(0.03, 0.002), 500.0),
            ([Pools(4, Open(2.0), Hold(1.0), 5)], Usl(0.02, 0.001), 500.0),
            (twenty(3), SLOW, 400.0),
            ([Pools(4, Closed(12, 3.0), Hold(1.0), 4, 1.0)], Usl(0.02, 0.002), 400.0),
            ([Pools(6, Open(2.0), Hold(1.0, app_s=0.5), 5, 1.0)], Usl(0.03, 0.002), 150.0),
            (
                [Pools(2, Open(3.0), Hold(1.0), 6, 1.0), Pools(3, Closed(4, 2.0), Hold(0.5), 2, 0.5)],
                Usl(0.03, 0.002),
                300.0,
            ),
        ],
    )
    def test_what_is_simulated_lies_between_the_two_models(self, groups: list[Pools], usl: Usl, seconds: float) -> None:
        found = solve_fleet(groups, usl)
        assert not found.is_bistable
        above, below = found.from_empty.waits[0], hopeful(found.from_empty.waits[0])
        for i, (mean, error) in enumerate(simulated(groups, usl, seconds)[:3]):
            assert numbers(below)[i] - 4.0 * error <= mean <= numbers(above)[i] + 4.0 * error
            assert numbers(above)[i] == pytest.approx(mean, rel=0.3, abs=4.0 * error)

    def test_near_the_edge_independent_pools_would_be_far_too_hopeful(self) -> None:
        groups = twenty(5)
        found = solve_fleet(groups, SLOW)
        _, (timed_out, error), _, _ = simulated(groups, SLOW, 800.0)
        assert not found.is_bistable
        assert found.from_empty.waits[0].timeout_probability == pytest.approx(timed_out, rel=0.3, abs=4.0 * error)
        assert hopeful(found.from_empty.waits[0]).timeout_probability < timed_out / 5.0


class TestBurst:
    def test_a_bistable_fleet_stays_collapsed_after_a_burst(self) -> None:
        found = solve_fleet([TWENTY], SLOW)
        assert found.is_bistable
        assert found.recovers_after_s is not None
        assert found.recovers_after_s > 1e6
        simulation = Simulation([TWENTY], SLOW, seed=1)
        simulation.run(30.0, burst=4.0)
        simulation.run(100.0)
        simulation.forget()
        run = simulation.run(200.0)
        collapsed = found.from_full
        assert run.active == pytest.approx(collapsed.active, rel=0.02)
        assert run.timeout_probability[0] == pytest.approx(collapsed.waits[0].timeout_probability, rel=0.05)
        assert run.mean_wait_s[0] == pytest.approx(collapsed.waits[0].mean_wait_s, rel=0.05)

    def test_the_largest_safe_one_recovers(self) -> None:
        found = solve_fleet([TWENTY], SLOW)
        assert found.largest_safe == (5,)
        assert not solve_fleet(twenty(5), SLOW).is_bistable
        assert solve_fleet(twenty(6), SLOW).is_bistable
        assert found.tips_at is not None
        for seed in range(3):
            simulation = Simulation(twenty(5), SLOW, seed)
            simulation.run(30.0, burst=4.0)
            assert simulation.active > found.tips_at
            while simulation.active > 20:
                simulation.event()
            assert simulation.now < 500.0

    def test_it_tips_by_itself_when_it_says(self) -> None:
        found = solve_fleet([TWENTY], SLOW)
        assert found.tips_at is not None
        assert found.collapses_after_s is not None
        usual = round(hopeful(found.from_empty.waits[0]).utilization * 200)
        times = []
        for seed in range(40):
            simulation = Simulation([TWENTY], SLOW, seed)
            while simulation.active < usual:
                simulation.event()
            start = simulation.now
            while simulation.active < found.tips_at:
                simulation.event()
            times.append(simulation.now - start)
        # the time to a rare event is exponential: the mean of 40 is known to 16 %
        assert statistics.fmean(times) == pytest.approx(found.collapses_after_s, rel=0.5)

    def test_the_retrograde_database_of_a_known_table(self) -> None:
        """Active connections and P(timeout) of the fixed points from empty and from full."""
        for capacity, active, timed_out in [(3, 18.5, 0.018), (5, 19.5, 0.0004), (6, 19.5, 0.00005), (10, 19.5, 6e-9)]:
            from_empty = hopeful(solve_fleet(twenty(capacity), SLOW).from_empty.waits[0])
            assert from_empty.utilization * 20 * capacity == pytest.approx(active, rel=0.01)
            assert from_empty.timeout_probability == pytest.approx(timed_out, rel=0.15)
        for capacity, active, timed_out in [(6, 94.7, 0.27), (10, 190.6, 0.576)]:
            from_full = hopeful(solve_fleet(twenty(capacity), SLOW).from_full.waits[0])
            assert from_full.utilization * 20 * capacity == pytest.approx(active, rel=0.001)
            assert from_full.timeout_probability == pytest.approx(timed_out, rel=0.02)

    def test_without_a_timeout_what_has_collapsed_waits_for_ever(self) -> None:
        found = solve_fleet(twenty(10, math.inf), SLOW)
        assert found.is_bistable
        assert found.from_empty.waits[0].mean_wait_s < 1.0
        assert found.from_full.waits[0].mean_wait_s == math.inf
        assert found.recovers_after_s == math.inf

    def test_several_kinds_of_pools_are_made_smaller_together(self) -> None:
        groups = [TWENTY, Pools(5, Open(0.2), Hold(1.0), 4, 1.0)]
        found = solve_fleet(groups, SLOW)
        assert found.is_bistable
        assert found.largest_safe is not None
        smaller = [
            Pools(g.count, g.load, g.hold, c, g.timeout_s) for g, c in zip(groups, found.largest_safe, strict=True)
        ]
        assert not solve_fleet(smaller, SLOW).is_bistable
        assert all(c < g.capacity for g, c in zip(groups, found.largest_safe, strict=True))


@st.composite
def fleets(draw: st.DrawFn) -> tuple[list[Pools], Usl]:
    groups = []
    for _ in range(draw(st.integers(1, 2))):
        load = draw(
            st.one_of(
                st.floats(0.0, 4.0).map(Open),
                st.tuples(st.integers(1, 30), st.floats(0.01, 20.0)).map(lambda pair: Closed(*pair)),
            )
        )
        mean_s = draw(st.floats(0.1, 3.0))
        hold = Hold(mean_s, app_s=mean_s * draw(st.sampled_from([0.0, 0.0, 0.3, 1.0])))
        timeout_s = draw(st.sampled_from([0.0, 0.01, 1.0, 30.0, math.inf]))
        groups.append(Pools(draw(st.integers(1, 12)), load, hold, draw(st.integers(1, 12)), timeout_s))
    return groups, Usl(draw(st.floats(0.0, 0.2)), draw(st.floats(0.0, 0.01)))


def settled(found: Fleet) -> list[Settled]:
    return [found.from_empty, found.from_full]


@given(given_fleet=fleets())
@settings(max_examples=60, deadline=None)
def test_whatever_the_fleet_its_numbers_make_sense(given_fleet: tuple[list[Pools], Usl]) -> None:
    groups, usl = given_fleet
    found = solve_fleet(groups, usl)
    assert found.from_empty.active <= found.from_full.active * (1 + 1e-9)
    for state in settled(found):
        most = sum(group.count * group.capacity for group in groups)
        assert 0.0 <= state.active <= most * (1 + 1e-9)
        for group, wait in zip([*groups, *groups], [*state.waits, *map(hopeful, state.waits)], strict=True):
            assert 0.0 <= wait.timeout_probability <= wait.wait_probability * (1 + 1e-9) <= 1.0 + 1e-8
            longest_s = group.timeout_s * wait.wait_probability if wait.wait_probability else 0.0
            assert 0.0 <= wait.mean_wait_s <= longest_s * (1 + 1e-9) + 1e-12
            assert 0.0 <= wait.utilization <= 1.0 + 1e-9
            assert wait.exceeds(0.0) == pytest.approx(wait.wait_probability if group.timeout_s else 0.0, abs=1e-9)
            # what arrives is served or gives up, so what is held is carried (Little), if the queue ever settles
            if wait.mean_wait_s < math.inf:
                fastest = wait.throughput_per_s * group.hold.mean_s
                assert wait.utilization * group.capacity >= fastest * (1 - 1e-6) - 1e-12


@given(given_fleet=fleets(), factor=st.floats(1e-3, 1e3))
@settings(max_examples=25, deadline=None)
def test_only_ratios_of_times_matter(given_fleet: tuple[list[Pools], Usl], factor: float) -> None:
    groups, usl = given_fleet

    def slower(group: Pools) -> Pools:
        if isinstance(group.load, Open):
            load: Open | Closed = Open(group.load.rate_per_s / factor)
        else:
            load = Closed(group.load.threads, group.load.think_s * factor)
        hold = Hold(group.hold.mean_s * factor, app_s=group.hold.app_s * factor)
        return Pools(group.count, load, hold, group.capacity, group.timeout_s * factor)

    found, scaled = solve_fleet(groups, usl), solve_fleet([slower(group) for group in groups], usl)
    assert scaled.is_bistable == found.is_bistable
    for one, other in zip(settled(found), settled(scaled), strict=True):
        assert other.active == pytest.approx(one.active, rel=1e-6, abs=1e-9)
        for a, b in zip(one.waits, other.waits, strict=True):
            assert b.timeout_probability == pytest.approx(a.timeout_probability, rel=1e-5, abs=1e-12)
            assert b.mean_wait_s == pytest.approx(a.mean_wait_s * factor, rel=1e-5, abs=1e-12 * factor)


@pytest.mark.parametrize("field", ["count", "capacity", "timeout_s"])
def test_what_is_no_pool_is_refused(field: str) -> None:
    whole: dict[str, float] = {"count": 2, "capacity": 5, "timeout_s": 1.0}
    with pytest.raises(ValueError, match="at least 1 pool of at least 1 connection"):
        Pools(load=Open(1.0), hold=Hold(1.0), **(whole | {field: -1}))  # type: ignore[arg-type]  # one is no number


def test_the_example_is_right() -> None:
    assert doctest.testmod(poolsize.queueing.fleet).failed == 0


def test_a_fleet_is_solved_in_milliseconds() -> None:
    def fastest(once: Callable[[], object]) -> float:
        times = []
        for _ in range(5):
            start = time.perf_counter()
            once()
            times.append(time.perf_counter() - start)
        return min(times)

    assert fastest(lambda: solve_fleet(twenty(5), SLOW)) < 0.1
    assert fastest(lambda: solve_fleet([TWENTY], SLOW)) < 0.3  # with all smaller sizes
