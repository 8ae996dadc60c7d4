"""A capacity curve of real servers: what it measures, what it refuses, how it ends, and what it leaves."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from poolsize.dsn import Dsn, parse
from poolsize.errors import DatabaseError, TooManyConnectionsError, UsageError
from poolsize.live.curve import CurveOptions, PlannedCurve, curve, plan_curve
from tests.servers import PASSWORD, PgBouncerServer, PostgresServer, started_postgres

SLEEP = {"postgresql": "SELECT pg_sleep(0.01)", "mysql": "SELECT SLEEP(0.01)"}
QUICK = CurveOptions(run_s=0.1, rounds=1, at_most=5)
Plan = Callable[[CurveOptions], PlannedCurve]


@pytest.fixture
def plan(dsn: Dsn) -> Plan:
    return lambda options: plan_curve(dsn, options)


def with_statement(*statements: str, of: CurveOptions = QUICK, **changes: object) -> CurveOptions:
    from msgspec.structs import replace

    return replace(of, statements=statements, **changes)


def test_sleeps_do_not_slow_each_other_down(plan: Plan) -> None:
    """So that throughput is concurrency / 10 ms, less what the server and the client add."""
    dialect = plan(QUICK).dsn.dialect
    planned = plan(with_statement(SLEEP[dialect], run_s=0.4, at_most=9))
    assert planned.levels == (1, 2, 3, 4, 6, 8)
    found = planned.run()
    assert found.stopped is None
    assert found.error is None
    assert [point.concurrency for point in found.points] == [1, 2, 3, 4, 6, 8]
    for point in found.points:
        # An operation takes the sleep and up to as much again on a busy machine.
        assert point.concurrency / 0.025 < point.throughput_per_s < point.concurrency / 0.01
        assert point.active == pytest.approx(point.concurrency, rel=0.2)
        assert 0.01 < point.latency_s <= point.p95_latency_s
        assert point.speed > 0.4
        assert not point.beyond_client
        assert 0.0 < point.client_share < 1.0
        assert len(point.runs_per_s) == 1
    assert found.usl is not None
    assert found.ceiling is not None
    assert found.processes == 1
    assert found.run_s == 0.4
    assert not found.is_built_in
    assert PASSWORD not in repr(found)


def test_the_built_in_statement_says_what_it_is(plan: Plan) -> None:
    seen: list[int] = []
    found = plan(QUICK).run(on_points=lambda points: seen.append(len(points)))
    assert seen == [1, 2, 3, 4]
    assert found.is_built_in
    assert "curve of the server's processors" in found.findings[0].message
    assert [point.errors for point in found.points] == [0, 0, 0, 0]


def test_every_level_is_measured_in_every_round(dsn: Dsn) -> None:
    found = curve(dsn, CurveOptions(run_s=0.05, rounds=3, at_most=4))
    assert [len(point.runs_per_s) for point in found.points] == [3, 3, 3]


def test_a_write_is_refused_before_anything_is_run(plan: Plan) -> None:
    with pytest.raises(DatabaseError, match=r"--allow-writes"):
        plan(with_statement("CREATE TABLE written_by_curve (id int)")).run()


def test_a_statement_that_is_none_is_told_by_the_server(plan: Plan) -> None:
    with pytest.raises(DatabaseError, match=r"(?i)syntax"):
        plan(with_statement("SELEKT 1")).run()


def test_several_statements_with_parameters_are_run_by_several_processes(plan: Plan) -> None:
    planned = plan(
        with_statement("SELECT :n + 1", "SELECT 1", weights=(3.0, 1.0), ranges={"n": (1, 5)}, processes=2, run_s=0.3)
    )
    found = planned.run()
    assert found.processes == 2
    assert [point.concurrency for point in found.points] == [1, 2, 3, 4]
    assert all(point.throughput_per_s > 10 and not point.errors for point in found.points)
    assert all(point.active == pytest.approx(point.concurrency, rel=0.3) for point in found.points)


def test_load_is_planned_within_a_quarter_of_the_free_slots(postgres15: PostgresServer) -> None:
    planned = plan_curve(parse(postgres15.dsn("scram", password=PASSWORD)))
    assert planned.levels[-1] <= 37 // 4 - 1
    assert planned.plan.connections == planned.levels[-1] + 1
    assert PASSWORD not in planned.plan.sentence
    assert planned.plan.sentence.startswith("Runs the capacity curve with a built-in statement on 127.0.0.1:")


def test_a_role_with_few_slots_is_left_alone(postgres15: PostgresServer) -> None:
    with limited_role(postgres15, 5) as dsn:
        with pytest.raises(TooManyConnectionsError, match="Only 5 connections"):
            plan_curve(parse(dsn))
        assert plan_curve(parse(dsn), QUICK).levels == (1, 2, 3, 4)


def test_slots_that_are_taken_meanwhile_end_the_sweep_with_a_finding(postgres15: PostgresServer) -> None:
    with limited_role(postgres15, 5) as dsn:
        planned = plan_curve(parse(dsn), QUICK)
        postgres15.run("ALTER ROLE few_for_curve CONNECTION LIMIT 3")
        found = planned.run()
    assert [point.concurrency for point in found.points] == [1, 2]
    assert "PS424" in [finding.code for finding in found.findings]
    assert found.stopped is None


@contextmanager
def limited_role(server: PostgresServer, limit: int) -> Iterator[str]:
    server.create_role("few_for_curve")
    server.run(f"ALTER ROLE few_for_curve CONNECTION LIMIT {limit}")
    try:
        yield server.dsn("few_for_curve", password=PASSWORD)
    finally:
        wait_until_gone(server, "few_for_curve")
        server.run("DROP ROLE few_for_curve")


def wait_until_gone(server: PostgresServer, role: str) -> None:
    """Its sessions, within what is promised."""
    end = time.monotonic() + 5.0
    while server.run(f"SELECT 1 FROM pg_stat_activity WHERE usename = '{role}'"):
        assert time.monotonic() < end
        time.sleep(0.05)


def test_behind_a_pooler_the_curve_is_that_of_both(pgbouncer: PgBouncerServer) -> None:
    planned = plan_curve(parse(pgbouncer.dsn()), CurveOptions(run_s=0.1, rounds=1, at_most=3))
    found = planned.run()
    assert [point.concurrency for point in found.points] == [1, 2]
    assert all(point.errors == 0 for point in found.points)
    assert found.database is not None
    assert found.database.pooler is not None


@pytest.mark.parametrize("processes", [1, 2])
def test_a_server_that_is_killed_ends_it_with_the_results_so_far(processes: int) -> None:
    with started_postgres(tls=False) as server:
        options = CurveOptions(
            run_s=0.3, rounds=50, at_most=4, processes=processes, statements=("SELECT pg_sleep(0.01)",)
        )
        planned = plan_curve(parse(server.dsn("scram", password=PASSWORD)), options)
        killed: list[float] = []

        def kill_after_two(points: object) -> None:
            if not killed and len(points) == 2:  # type: ignore[arg-type]  # a tuple of points
                killed.append(time.monotonic())
                threading.Timer(0.1, server.kill).start()

        found = planned.run(on_points=kill_after_two)
        assert time.monotonic() - killed[0] < 8.0
    assert found.stopped is not None
    assert found.stopped.kind == "lost"
    assert found.error is not None
    assert (found.error.code, found.error.message) == ("unreachable", found.stopped.reason)
    assert [point.concurrency for point in found.points][:2] == [1, 2]


def test_ctrl_c_ends_it_with_the_results_so_far_and_no_session(postgres15: PostgresServer) -> None:
    with limited_role(postgres15, 30) as dsn:
        planned = plan_curve(parse(dsn), CurveOptions(run_s=0.1, rounds=50, at_most=5))

        def interrupt(points: object) -> None:
            if len(points) == 3:  # type: ignore[arg-type]  # a tuple of points
                raise KeyboardInterrupt

        found = planned.run(on_points=interrupt)
        wait_until_gone(postgres15, "few_for_curve")
    assert found.stopped is not None
    assert found.stopped.kind == "interrupted"
    assert found.error is None
    assert [point.concurrency for point in found.points] == [1, 2, 3]
    assert found.usl is not None


def test_statements_that_fail_under_load_end_it(postgres15: PostgresServer) -> None:
    """Two sessions at once cannot have the one lock without waiting for it."""
    statement = "SELECT 1 / (CASE WHEN pg_try_advisory_xact_lock(77) THEN 1 ELSE 0 END), pg_sleep(0.02)"
    options = CurveOptions(run_s=0.6, rounds=20, at_most=5, statements=(statement,))
    found = plan_curve(parse(postgres15.dsn("scram", password=PASSWORD)), options).run()
    assert found.stopped is not None
    assert found.stopped.kind == "errors"
    assert "division by zero" in found.stopped.reason
    assert found.error is not None
    assert found.error.code == "database"
    assert found.points[0].errors == 0


@pytest.mark.parametrize(
    ("text", "options", "words"),
    [
        ("sqlite:///shop.db", CurveOptions(), "SQLite has no server"),
        ("postgresql://app@127.0.0.1:1/shop", CurveOptions(rounds=0), "at least 1"),
        ("postgresql://app@127.0.0.1:1/shop", CurveOptions(weights=(1.0,)), "statements of your own"),
        ("postgresql://app@127.0.0.1:1/shop", CurveOptions(statements=("",)), "without a word"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_asked(text: str, options: CurveOptions, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        plan_curve(parse(text), options)
