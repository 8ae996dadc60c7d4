"""Each pool is run for real, and what is said of it is true."""

from __future__ import annotations

import threading
import time
from typing import Any, Final

import pytest

from poolsize.datatypes import Trace, Verification
from poolsize.dsn import parse
from poolsize.errors import DatabaseError, UnreachableError, UsageError, WorkloadError
from poolsize.live.pools import POOLS
from poolsize.live.verify import verify
from poolsize.live.verify_plan import VerifyPlan
from poolsize.queueing import Closed, Hold, Open
from poolsize.simulate import SEMANTICS
from tests.live.verify_plans import plan, pool_of
from tests.servers import MariaDbServer, PostgresServer, started_pgbouncer, started_postgres

METRICS: Final = [
    "utilization",
    "wait_probability",
    "mean_wait_s",
    "p95_wait_s",
    "p99_wait_s",
    "timeout_probability",
    "opens_per_s",
    "connections",
]
SOON_S: Final = 5.0


def row(found: Verification, metric: str) -> Any:
    return next(one for one in found.rows if one.metric == metric)


def own_sessions(server: PostgresServer) -> int:
    (count,) = server.run("SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'poolsize%'")[0]
    assert isinstance(count, int)
    return count


def assert_no_session_is_left(server: PostgresServer) -> None:
    end = time.monotonic() + SOON_S
    while own_sessions(server) and time.monotonic() < end:
        time.sleep(0.05)
    assert own_sessions(server) == 0


def assert_is_whole(found: Verification, asked: VerifyPlan) -> None:
    """What is true of every run that reached its end."""
    assert [one.metric for one in found.rows] == METRICS
    assert found.stopped is None
    assert found.errors == 0
    assert row(found, "connections").measured == asked.settings.capacity
    assert row(found, "connections").inside
    for one in found.rows:
        assert one.low is not None
        assert one.measured is not None
        assert one.low <= one.measured
        assert one.high is None or one.high >= one.measured
    assert found.measured_inputs["hold_s"].value > 0.9 * asked.hold.mean_s
    assert found.senses is not None


@pytest.mark.parametrize("name", [name for name in POOLS if name != "pgbouncer"])
def test_a_pool_is_run_and_leaves_nothing_on_the_server(name: str, postgres15: PostgresServer) -> None:
    asked = plan(name)
    found = verify(parse(postgres15.dsn("trust")), asked)
    assert_is_whole(found, asked)
    assert found.pool_version
    assert 100 < found.requests < 320  # 200 in two seconds
    assert_no_session_is_left(postgres15)


def test_a_pgbouncer_is_run_through(postgres15: PostgresServer) -> None:
    with started_pgbouncer(postgres15, default_pool_size=3) as pooler:
        asked = plan("pgbouncer", load=Closed(9, 0.06))
        found = verify(parse(pooler.dsn("trust")), asked)
    assert_is_whole(found, asked)
    assert row(found, "wait_probability").measured > 0.1


def test_mariadb_holds_by_its_own_sleep(mariadb: MariaDbServer) -> None:
    asked = plan(load=Closed(6, 0.02))
    assert_is_whole(verify(parse(mariadb.dsn()), asked), asked)


def test_every_pool_has_rules_to_be_predicted_by() -> None:
    assert set(POOLS) <= set(SEMANTICS)


def test_a_hold_that_was_really_longer_is_told_and_explains_what_lies_outside(postgres15: PostgresServer) -> None:
    asked = plan(statement="SELECT pg_sleep(0.025)", hold=Hold(0.005, 0.0), goal_p99_wait_s=0.001)
    found = verify(parse(postgres15.dsn("trust")), asked)
    assert row(found, "utilization").inside is False
    assert row(found, "utilization").is_explained
    (change,) = (one for one in found.changes if one.name == "hold_s")
    assert change.sentence.startswith("The real hold was 2")
    assert change.sentence.endswith(", not 5 ms.")
    assert not found.is_sleep
    assert found.goal is not None
    assert found.goal.verdict == "missed"
    assert found.is_no


def test_requests_give_up_after_the_timeout(postgres15: PostgresServer) -> None:
    asked = plan(settings=pool_of(1, timeout_s=0.01), load=Open(60.0))
    found = verify(parse(postgres15.dsn("trust")), asked)
    assert row(found, "timeout_probability").measured > 0.2
    assert row(found, "p99_wait_s").measured == pytest.approx(0.01)


def test_overflow_connections_are_opened_and_counted(postgres15: PostgresServer) -> None:
    found = verify(parse(postgres15.dsn("trust")), plan(settings=pool_of(1, 3)))
    assert row(found, "opens_per_s").measured > 5.0
    assert found.measured_inputs["connect_cost_s"].value > 0.0


def test_a_trace_is_replayed_request_by_request(postgres15: PostgresServer) -> None:
    times = tuple(number * 0.01 for number in range(150))
    found = verify(parse(postgres15.dsn("trust")), plan(load=Trace(times, (0.005,) * 150)))
    assert 130 <= found.requests < 140  # the warm-up takes a fifth of a second
    assert found.measured_inputs["rate_per_s"].value == pytest.approx(100.0, rel=0.1)


def test_a_statement_that_writes_is_refused_and_ends_the_run(postgres15: PostgresServer) -> None:
    found = verify(parse(postgres15.dsn("trust")), plan(statement="CREATE TABLE never (a int)"))
    assert found.stopped is not None
    assert found.stopped.kind == "errors"
    assert "read-only" in found.stopped.reason
    assert found.rows == ()
    assert postgres15.run("SELECT to_regclass('never')", database="app") == [(None,)]


def test_a_statement_that_never_works_is_an_error_however_few_tried_it(postgres15: PostgresServer) -> None:
    asked = plan(statement="SELECT nothing FROM nowhere", load=Open(4.0))
    with pytest.raises(DatabaseError, match="nowhere"):
        verify(parse(postgres15.dsn("trust")), asked)
    assert_no_session_is_left(postgres15)


def test_a_server_that_dies_ends_the_run_with_the_figures_so_far() -> None:
    with started_postgres(tls=False) as server:
        timer = threading.Timer(3.0, server.kill)
        timer.start()
        try:
            found = verify(parse(server.dsn("trust")), plan(duration_s=30.0, load=Open(150.0)))
        finally:
            timer.join()
    assert found.stopped is not None
    assert found.stopped.kind in ("lost", "errors")


def test_a_server_that_is_not_there_is_an_error(closed_port: int) -> None:
    with pytest.raises(UnreachableError):
        verify(parse(f"postgresql://trust@127.0.0.1:{closed_port}/app"), plan())


@pytest.mark.parametrize(
    ("changed", "kind", "words"),
    [
        ({"pool": "hikaricp"}, UsageError, "not one of"),
        ({"duration_s": 0.5}, UsageError, "less than a second"),
        ({"settings": pool_of(0)}, WorkloadError, "at least one connection"),
    ],
)
def test_what_cannot_be_run_is_one_sentence(changed: dict[str, Any], kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words):
        verify(parse("postgresql://nobody@127.0.0.1:1/none"), plan(**changed))


def test_a_pool_that_a_database_has_not_is_refused() -> None:
    with pytest.raises(UsageError, match=r"psycopg_pool cannot be run on mysql: it is for postgresql\."):
        verify(parse("mysql://nobody@127.0.0.1:1/none"), plan("psycopg_pool"))
