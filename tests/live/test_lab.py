"""The lab on real servers: what it shows without a pool and through one, and what it leaves behind."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest
from msgspec.structs import replace

from poolsize.datatypes import Database, DatabaseFacts, LabRun, Layer, limits_of
from poolsize.dsn import Dsn, parse
from poolsize.errors import TooManyConnectionsError, UsageError
from poolsize.live.lab import lab
from poolsize.live.lab_client import client_late_s
from poolsize.live.lab_plan import LabOptions, plan_of, pool_for
from poolsize.live.lab_requests import Crowd
from poolsize.live.lab_tally import Served, Tally
from poolsize.live.lab_words import seen
from tests.servers import PgBouncerServer

SMALL = LabOptions(requests=60, pool=4, request_time_s=0.6, hold_s=0.01)
"""More than the 40 connections of the tests' servers, and few enough for a busy machine."""


def test_without_a_pool_requests_are_refused_and_through_one_all_are_served(dsn: Dsn) -> None:
    told: list[tuple[str, float]] = []
    found = lab(dsn, SMALL, on_progress=lambda what, share: told.append((what, share)))
    assert found.unpooled is not None
    assert found.pooled is not None
    for run in (found.unpooled, found.pooled):
        assert run.requests == run.served + run.errors == 60
        assert run.unfinished == 0
        assert sum(run.error_kinds.values()) == run.errors
        assert run.elapsed_s >= 0.6
        assert run.requests_per_s == pytest.approx(run.served / run.elapsed_s)
        assert run.p50_s is not None
        assert 0.6 <= run.p50_s <= (run.p95_s or 0.0) <= (run.p99_s or 0.0)
        assert run.server_cpu_s is not None
        assert run.server_memory_bytes is not None
        assert run.server_memory_bytes > 2**20
        assert max(moment.connections for moment in run.moments) == run.peak_connections
    assert found.pooled.errors == 0
    assert found.pooled.connections_opened == found.pooled.peak_connections == 4
    assert 0.01 <= (found.pooled.mean_hold_s or 0.0) < 0.3
    assert found.unpooled.errors > 0
    assert any("connection" in kind for kind in found.unpooled.error_kinds)
    assert 20 < found.unpooled.peak_connections <= 40
    assert found.unpooled.connections_opened == found.unpooled.served
    assert "4 serve 60 while a request holds one for at most 4/60 = 6.67 % of its life" in found.seen
    assert found.unread == ()
    assert found.stopped is None
    assert found.inputs["pool"].origin == "stated"
    assert [share for _, share in told] == sorted(share for _, share in told)
    assert any("failed" in what for what, _ in told)


def test_sqlite_has_one_writer_and_many_readers(tmp_path: Path) -> None:
    file = tmp_path / "shop.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE orders (id INTEGER)")
    before = file.read_bytes()
    found = lab(parse(f"sqlite:///{file.as_posix()}"), replace(SMALL, hold_s=0.02))
    assert found.unpooled is None
    assert found.pooled is None
    assert found.readers is not None
    assert found.writers is not None
    assert found.readers.errors == 0
    assert found.writers.served + found.writers.errors == 60
    assert found.writers.elapsed_s > 60 * 0.02 > found.readers.elapsed_s  # one after the other, and not
    assert "only one connection writes at a time" in found.seen
    assert file.read_bytes() == before
    assert list(tmp_path.iterdir()) == [file]


def test_a_pooler_serves_the_pool_and_what_is_behind_it_is_not_measured(pgbouncer: PgBouncerServer) -> None:
    found = lab(parse(pgbouncer.dsn()), replace(SMALL, requests=20))
    assert found.pooled is not None
    assert found.pooled.served == 20
    assert found.pooled.server_cpu_s is None
    assert "A pooler answers" in found.unread[0].reason


def facts(free: int, dialect: str = "postgresql") -> DatabaseFacts:
    layer = Layer(name="server", limit=100, used=100 - free)
    return DatabaseFacts(limits=limits_of((layer,)), database=Database(dialect=dialect, name="shop"))


def test_the_pool_takes_a_quarter_of_the_free_connections_unless_told() -> None:
    assert pool_for(LabOptions(), facts(97)) == 10
    assert pool_for(LabOptions(), facts(37)) == 8
    assert pool_for(LabOptions(pool=23), facts(97)) == 23
    with pytest.raises(UsageError, match="--pool 23, or say with --at-most"):
        pool_for(LabOptions(pool=24), facts(97))
    assert pool_for(LabOptions(pool=90, at_most=301), facts(97)) == 90
    with pytest.raises(TooManyConnectionsError):
        pool_for(LabOptions(), facts(4))


def test_options_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(UsageError, match=r"300 connections, .* --at-most 300: --requests 299"):
        pool_for(LabOptions(at_most=300), facts(97))
    with pytest.raises(UsageError, match="A request of 1 s cannot spend 2 s of it"):
        pool_for(LabOptions(hold_s=2.0), facts(97))


def test_the_question_says_that_the_server_is_filled() -> None:
    sentence = plan_of(LabOptions(), facts(97)).sentence
    assert sentence.startswith("Runs 300 requests at once, without a pool and through one of 10, on shop: at most 301 ")
    assert "takes all 97 free connections" in sentence
    assert "takes all" not in plan_of(LabOptions(requests=50), facts(97)).sentence
    assert "It writes nothing" in plan_of(LabOptions(), facts(1, "sqlite")).sentence


def test_each_request_has_its_query_at_a_moment_of_its_own_life() -> None:
    crowd = Crowd(requests=500, request_time_s=1.0, hold_s=0.2)
    moments = crowd.first_query_s()
    assert len(moments) == 500
    assert 0.0 <= min(moments) < 0.05
    assert 0.75 < max(moments) <= 0.8
    assert moments == crowd.first_query_s()  # so that both ways have the same
    assert moments != replace(crowd, seed=1).first_query_s()


def test_this_machine_alone_is_never_early() -> None:
    start = time.monotonic()
    assert client_late_s(Crowd(requests=20, request_time_s=0.2, hold_s=0.02)) < 0.2
    assert time.monotonic() - start >= 0.2


def test_the_picture_has_the_most_of_each_stretch() -> None:
    tally = Tally()
    tally.begin()
    for _ in range(3):
        tally.connection_opened()
    tally.connection_closed()
    time.sleep(0.05)
    tally.connection_opened()
    time.sleep(0.05)
    tally.serve(Served(0.1, 0.01, 0.02))
    tally.fail("no room")
    run = tally.run(3, None, None)
    counts = [moment.connections for moment in run.moments]
    assert counts[0] == 3
    assert counts[1] == 2
    assert counts[-1] == 3
    assert (run.served, run.errors, run.unfinished) == (1, 1, 1)
    assert (run.connections_opened, run.peak_connections) == (4, 3)


def ran(**changes: object) -> LabRun:
    run = LabRun(requests=300, served=300, errors=0, peak_connections=10, mean_hold_s=0.02, wait_p99_s=0.001)
    return replace(run, **changes)


@pytest.mark.parametrize(
    ("hold_s", "wait_s", "says"),
    [
        (0.02, 0.001, "here it was 20 ms of 1 s, 2 %, and 1 in 100 waited 1 ms or longer for one."),
        (0.03, 0.2, "3 %. That is the mean: as many may want one at the same moment, and 1 in 100 waited 200 ms"),
        (0.05, 0.6, "5 %, which is more: requests queue, and 1 in 100 waited 600 ms or longer for one."),
    ],
)
def test_the_bound_under_which_ten_serve_three_hundred_is_told(hold_s: float, wait_s: float, says: str) -> None:
    crowd = LabOptions(hold_s=hold_s).crowd
    text = seen(crowd, 10, None, ran(mean_hold_s=hold_s, wait_p99_s=wait_s))
    assert "10 serve 300 while a request holds one for at most 10/300 = 3.33 % of its life" in text
    assert says in text


def test_what_was_seen_is_of_what_was_run() -> None:
    crowd = LabOptions().crowd
    assert seen(crowd, 10, None, None) == ""
    refused = seen(crowd, 10, ran(served=97, errors=203, peak_connections=97, mean_hold_s=0.5), None)
    assert "500 ms on average for 20 ms of work" in refused
    assert refused.endswith("there was room for 97 connections at once, and 203 of 300 requests failed.")
    roomy = seen(crowd, 10, ran(peak_connections=300), None)
    assert roomy.endswith("the server had to hold 300 connections at once.")
