"""Each kind of pool does what its source says, request by request."""

from __future__ import annotations

import math
from typing import Any

import pytest

from poolsize.errors import UsageError
from poolsize.queueing import Hold, Open, solve
from poolsize.simulate import SEMANTICS, Trace, simulate
from poolsize.simulate.interpreter import SWITCH_INTERVAL_S
from poolsize.simulate.pools.hikaricp import ADDER_PAUSE_S
from poolsize.simulate.semantics import kept_by, semantics_of
from tests.simulate.runs import assert_within, events, replayed, scenario_of, waits_of

CONNECT_S = 0.1
BURST = Trace(tuple(0.001 * n for n in range(12)), (10.0,) * 12)
"""Twelve requests within 12 ms, none of which ends meanwhile."""


def waits_of_a_burst(semantics: str) -> list[float]:
    """Two connections are open, ten more may be."""
    waits = waits_of(BURST, 12, pool_size=2, semantics=semantics, setup_s=CONNECT_S)
    return [round(wait + arrival, 6) for wait, arrival in zip(waits, BURST.arrivals_s, strict=True)]


@pytest.mark.parametrize("name", SEMANTICS)
def test_a_pool_with_all_its_connections_open_is_the_chain_in_whatever_kind(name: str) -> None:
    load, hold = Open(4.0), Hold(1.0)
    found = events(scenario_of(load, hold, 5, semantics=name))
    exact = solve(load, hold, 5)
    for value in ("wait_probability", "mean_wait_s", "utilization"):
        assert_within(found, value, getattr(exact, value))
    assert found.opens_per_s == 0.0
    assert SEMANTICS[name].summary
    assert SEMANTICS[name].source


@pytest.mark.parametrize("name", SEMANTICS)
def test_a_timeout_is_kept(name: str) -> None:
    found = events(scenario_of(Open(8.0), Hold(1.0), 5, timeout_s=0.5, semantics=name))
    assert found.timeout_probability > 0.1
    late = 1.0 / 3.0 if name == "pgbouncer" else 0.0
    assert 0.5 <= found.quantile(1.0) <= 0.5 + late


@pytest.mark.parametrize("name", SEMANTICS)
def test_no_more_connections_than_the_capacity_are_ever_held(name: str) -> None:
    """Requests that hold for ever get one as long as there are any."""
    patient = 20.0
    found = replayed(
        Trace(tuple(0.01 * n for n in range(20)), (1e6,) * 20),
        7,
        pool_size=1 if name.startswith("sqlalchemy") else 0,
        timeout_s=patient,
        semantics=name,
        setup_s=0.001,
    )
    assert found.sample.timed_out.sum() == 13


def test_an_unknown_kind_is_one_sentence() -> None:
    with pytest.raises(UsageError, match=r"The kind of pool 'sqlalchmy' is not one of .*; did you mean sqlalchemy"):
        semantics_of("sqlalchmy")
    with pytest.raises(UsageError, match="is not one of"):
        simulate(Open(1.0), Hold(1.0), 2, semantics="none")


@pytest.mark.parametrize(
    ("name", "kept"), [("sqlalchemy", 6), ("psycopg_pool", 6), ("asyncpg", 6), ("hikaricp", 6), ("pgbouncer", 0)]
)
def test_what_is_kept_where_nothing_is_said(name: str, kept: int) -> None:
    assert kept_by(name, 6) == kept


class TestSqlalchemy:
    @pytest.mark.parametrize("name", ["sqlalchemy", "sqlalchemy-async"])
    def test_overflow_that_oscillates_above_pool_size_opens_nothing(self, name: str) -> None:
        """pool_size 2 and max_overflow 3, three connections always held: 3 to 5 busy, fifty times."""
        held = [(0.001 * n, 1e6) for n in range(3)]
        more = [(10.0 * cycle + 0.001 * n, 5.0) for cycle in range(1, 51) for n in range(2)]
        arrivals, holds = zip(*held, *more, (1e4, 0.0), strict=True)
        assert replayed(Trace(arrivals, holds), 5, pool_size=2, semantics=name).sample.opened.sum() == 1 + 2

    @pytest.mark.parametrize("name", ["sqlalchemy", "sqlalchemy-async"])
    def test_overflow_that_comes_from_nothing_is_opened_each_time(self, name: str) -> None:
        """0 to 5 busy, fifty times: three beyond pool_size each time."""
        bursts = [(10.0 * cycle + 0.001 * n, 5.0) for cycle in range(50) for n in range(5)]
        arrivals, holds = zip(*bursts, (1e4, 0.0), strict=True)
        assert replayed(Trace(arrivals, holds), 5, pool_size=2, semantics=name).sample.opened.sum() == 150

    @pytest.mark.parametrize("name", ["sqlalchemy", "sqlalchemy-async"])
    def test_a_burst_opens_its_connections_in_parallel_and_after_the_wait(self, name: str) -> None:
        found = replayed(BURST, 12, pool_size=2, semantics=name, setup_s=CONNECT_S)
        assert found.mean_wait_s == 0.0
        assert found.mean_acquire_s == pytest.approx(CONNECT_S * 9 / 12)  # the last comes when the window ends

    def test_who_computes_meanwhile_overtakes_who_waits(self) -> None:
        """One connection, 2 ms of computing a request, half of it before it asks. When the connection comes back at
        11.5 ms, the second request is told; but the fourth is ready to run before it, and takes it."""
        trace = Trace((0.0, 0.002, 0.0105, 0.0112), (0.01, 0.01, 0.01, 0.01))
        waits = waits_of(trace, 1, semantics="sqlalchemy", python_s=0.002)
        assert waits[0] == 0.0
        assert waits[3] == 0.0
        assert waits[1] > 0.015
        fair = waits_of(trace, 1, semantics="sqlalchemy-async")
        assert fair == sorted(fair)

    def test_a_thread_that_computes_for_long_lets_the_others_have_their_turn(self) -> None:
        """The first computes for 20 ms before it asks; the second comes at 1 ms and computes as much."""
        trace = Trace((0.0, 0.001), (1.0, 1.0))
        found = replayed(trace, 2, semantics="sqlalchemy", python_s=0.040)
        asked = found.sample.path[:, 0]
        assert asked[1] - asked[0] == pytest.approx(SWITCH_INTERVAL_S)  # not the 20 ms of the second

    def test_a_wait_that_has_timed_out_still_takes_what_has_come_back(self) -> None:
        """The third computes until 12.5 ms, so that the first gives its connection back only then; and the second,
        whose timeout was at 11.5 ms, learns of that only then: it looks into the queue once more, and there it is."""
        trace = Trace((0.0, 0.0005, 0.0105), (0.009, 0.001, 1.0))
        found = replayed(trace, 1, semantics="sqlalchemy", python_s=0.004, timeout_s=0.0075)
        assert found.sample.timed_out.sum() == 0
        assert found.sample.path[1, 1] == pytest.approx(0.0085)

    def test_computing_makes_waits_long_and_unfair(self) -> None:
        free = events(scenario_of(Open(400.0), Hold(0.01), 5))
        busy = events(scenario_of(Open(400.0), Hold(0.01), 5, python_s=0.0022))
        assert busy.quantile(0.99) > 1.5 * free.quantile(0.99)


class TestPsycopgPool:
    def test_it_grows_one_connection_at_a_time(self) -> None:
        assert waits_of_a_burst("psycopg_pool") == pytest.approx(
            [0.0, 0.001, *(0.002 + CONNECT_S * n for n in range(1, 11))], abs=2e-6
        )

    def test_it_stops_growing_when_nobody_waits(self) -> None:
        found = replayed(Trace((0.0, 0.001, 5.0), (10.0, 0.05, 1.0)), 10, pool_size=1, semantics="psycopg_pool",
                         setup_s=CONNECT_S)  # fmt: skip
        assert found.sample.opened.sum() == 1

    def test_a_returned_connection_goes_to_who_has_waited_longest(self) -> None:
        trace = Trace((0.0, 0.01, 0.02, 0.03), (1.0, 1.0, 1.0, 1.0))
        assert waits_of(trace, 1, semantics="psycopg_pool") == pytest.approx([0.0, 0.99, 1.98, 2.97])

    def test_it_closes_one_connection_each_time_that_one_was_never_needed(self) -> None:
        """Ten at once leave nine more open than are needed; after four looks of 100 s each there are four fewer, and
        another ten at once need those again."""
        crowd = [(0.001 * n, 1.0) for n in range(10)]
        lull = [(10.0 * n, 0.1) for n in range(1, 45)]
        again = [(450.0 + 0.001 * n, 1.0) for n in range(10)]
        arrivals, holds = zip(*crowd, *lull, *again, (500.0, 0.0), strict=True)
        found = replayed(Trace(arrivals, holds), 10, pool_size=1, semantics="psycopg_pool", setup_s=0.01,
                         idle_timeout_s=100.0)  # fmt: skip
        # The first look sees the crowd, in which none was idle.
        assert found.sample.opened.sum() == 9 + 3

    def test_a_full_waiting_room_refuses(self) -> None:
        found = replayed(Trace((0.0, 0.1, 0.2, 0.3), (1.0,) * 4), 1, semantics="psycopg_pool", max_waiting=2)
        assert found.refused_probability == 0.25
        assert found.sample.path[:, 1].tolist() == pytest.approx([0.0, 0.9, 1.8])
        assert found.mean_wait_s == pytest.approx(0.9)


class TestAsyncpg:
    def test_each_request_connects_a_place_by_itself_within_its_wait(self) -> None:
        assert waits_of_a_burst("asyncpg") == pytest.approx(
            [0.0, 0.001, *(0.001 * n + CONNECT_S for n in range(2, 12))], abs=2e-6
        )

    def test_the_timeout_goes_on_while_it_connects(self) -> None:
        found = replayed(Trace((0.0, 1.0), (0.0, 0.0)), 1, pool_size=0, semantics="asyncpg", setup_s=0.2,
                         timeout_s=0.1)  # fmt: skip
        assert found.timeout_probability == 1.0
        assert found.quantile(1.0) == 0.1

    def test_a_place_that_was_given_up_goes_to_who_waits(self) -> None:
        """The first connects for too long; the second gets the place at 0.1 s, and connects for too long as well."""
        trace = Trace((0.0, 0.08), (1.0, 1.0))
        waits = waits_of(trace, 1, pool_size=0, semantics="asyncpg", setup_s=0.11, timeout_s=0.1)
        assert waits == pytest.approx([0.1, 0.1])
        patient = waits_of(trace, 1, pool_size=0, semantics="asyncpg", setup_s=0.05, timeout_s=2.0)
        assert patient == pytest.approx([0.05, 0.97])

    def test_what_was_idle_too_long_is_closed_down_to_what_is_kept(self) -> None:
        trace = Trace((0.0, 0.001, 0.002, 400.0, 400.001, 400.002, 401.0), (1.0,) * 6 + (0.0,))
        waits = waits_of(trace, 3, pool_size=1, semantics="asyncpg", setup_s=CONNECT_S)
        assert waits == pytest.approx([0.0, 0.1, 0.1, 0.0, 0.1, 0.1, 0.0])
        kept = waits_of(trace, 3, pool_size=1, semantics="asyncpg", setup_s=CONNECT_S, idle_timeout_s=500.0)
        assert kept == pytest.approx([0.0, 0.1, 0.1, 0.0, 0.0, 0.0, 0.0])

    def test_the_connection_used_last_is_used_again_so_that_the_others_grow_idle(self) -> None:
        """Three are open, and one at a time is needed every 50 s: two are closed after 300 s, the third is not."""
        crowd = [(0.001 * n, 1.0) for n in range(3)]
        few = [(50.0 * n, 1.0) for n in range(1, 10)]
        arrivals, holds = zip(*crowd, *few, (460.0, 1.0), (460.001, 1.0), (470.0, 0.0), strict=True)
        waits = waits_of(Trace(arrivals, holds), 3, pool_size=0, semantics="asyncpg", setup_s=CONNECT_S)
        assert waits[3:] == pytest.approx([0.0] * 10 + [0.1, 0.0])

    def test_the_reset_of_a_release_holds_the_connection(self) -> None:
        waits = waits_of(Trace((0.0, 0.1), (1.0, 1.0)), 1, semantics="asyncpg", reset_s=0.25)
        assert waits == pytest.approx([0.0, 1.15])


class TestPgBouncer:
    def test_logins_are_one_at_a_time(self) -> None:
        assert waits_of_a_burst("pgbouncer") == pytest.approx(
            [0.0, 0.001, *(0.002 + CONNECT_S * n for n in range(1, 11))], abs=2e-6
        )

    def test_the_reserve_is_for_who_has_waited_long_enough(self) -> None:
        """Beyond two connections, after a second of waiting, at the janitor's next look: 4/3 s, and a login each."""
        trace = Trace((0.0, 0.001, 0.002, 0.003), (10.0,) * 4)
        waits = waits_of(trace, 2, semantics="pgbouncer", setup_s=CONNECT_S, reserve_size=2, reserve_timeout_s=1.0)
        assert waits == pytest.approx([0.0, 0.0, 4 / 3 + 0.1 - 0.002, 4 / 3 + 0.2 - 0.003])
        never = waits_of(trace, 2, semantics="pgbouncer", setup_s=CONNECT_S, reserve_size=2, reserve_timeout_s=0.0)
        assert never == pytest.approx([0.0, 0.0, 9.998, 9.998])

    def test_the_janitor_looks_at_timeouts_every_third_of_a_second(self) -> None:
        waits = waits_of(Trace((0.0, 0.1), (10.0, 1.0)), 1, semantics="pgbouncer", timeout_s=1.0)
        assert waits == pytest.approx([0.0, 4 / 3 - 0.1])

    def test_idle_connections_are_closed_after_ten_minutes(self) -> None:
        trace = Trace((0.0, 650.0, 660.0), (1.0, 1.0, 0.0))
        assert waits_of(trace, 1, pool_size=0, semantics="pgbouncer", setup_s=CONNECT_S) == pytest.approx(
            [0.1, 0.1, 0.0]
        )
        assert waits_of(trace, 1, pool_size=1, semantics="pgbouncer", setup_s=CONNECT_S) == [0.0, 0.0, 0.0]


class TestHikari:
    def test_the_adder_rests_after_each_connection(self) -> None:
        step = CONNECT_S + ADDER_PAUSE_S
        assert waits_of_a_burst("hikaricp") == pytest.approx(
            [0.0, 0.001, *(0.002 + CONNECT_S + step * n for n in range(10))], abs=2e-6
        )

    def test_the_housekeeper_fills_up_to_the_idle_minimum(self) -> None:
        """Two are held for ever, and the housekeeper has two idle ones for those who come at 31 s."""
        trace = Trace((0.0, 0.001, 31.0, 31.001, 32.0), (1e6, 1e6, 1e6, 1e6, 0.0))
        waits = waits_of(trace, 6, pool_size=2, semantics="hikaricp", setup_s=CONNECT_S)
        assert waits[:4] == [0.0, 0.0, 0.0, 0.0]

    def test_it_closes_what_is_idle_beyond_the_minimum(self) -> None:
        """Five at once; after ten minutes one is idle, and four are opened again."""
        crowd = [(0.001 * n, 1.0) for n in range(5)]
        again = [(700.0 + 0.001 * n, 1.0) for n in range(5)]
        arrivals, holds = zip(*crowd, *again, (710.0, 0.0), strict=True)
        waits = waits_of(Trace(arrivals, holds), 5, pool_size=1, semantics="hikaricp", setup_s=0.01)
        assert waits[5] == 0.0
        assert all(wait > 0.0 for wait in waits[6:10])

    def test_a_returned_connection_serves_who_ordered_one(self) -> None:
        trace = Trace((0.0, 0.01, 2.0), (0.05, 0.05, 0.0))
        assert waits_of(trace, 2, pool_size=1, semantics="hikaricp", setup_s=1.0) == pytest.approx([0.0, 0.04, 0.0])


@pytest.mark.parametrize(
    ("name", "settings", "sentence"),
    [
        ("sqlalchemy", {"max_waiting": 3}, "sqlalchemy has no max_waiting"),
        ("sqlalchemy-async", {"python_s": 0.1}, "sqlalchemy-async has no python"),
        ("psycopg_pool", {"reserve_size": 2}, "psycopg_pool has no reserve_size"),
        ("asyncpg", {"reserve_timeout_s": 1.0}, "asyncpg has no reserve_timeout"),
        ("sqlalchemy", {"idle_timeout_s": 1.0}, "sqlalchemy has no idle_timeout"),
    ],
)
def test_a_setting_that_a_kind_does_not_have_is_refused(name: str, settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        simulate(Open(1.0), Hold(1.0), 2, semantics=name, **settings)


def test_defaults_are_the_libraries_own() -> None:
    assert {name: (kind.pool_size, kind.capacity, kind.timeout_s) for name, kind in SEMANTICS.items()} == {
        "sqlalchemy": (5, 15, 30.0),
        "sqlalchemy-async": (5, 15, 30.0),
        "psycopg_pool": (4, 4, 30.0),
        "pgbouncer": (0, 20, 120.0),
        "hikaricp": (10, 10, 30.0),
        "asyncpg": (10, 10, math.inf),
    }
