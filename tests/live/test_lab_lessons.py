"""Each lesson of the lab on a real server: it shows what it says, and leaves nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from poolsize.datatypes import Lesson
from poolsize.dsn import Dsn, parse
from poolsize.errors import UsageError
from poolsize.live.lab_lesson import give_lesson, lesson_plan
from poolsize.live.lessons import LESSONS
from poolsize.probe.dialect import ProbeOptions
from poolsize.probe.dialects import ask
from tests.live.lab_sessions import assert_none_stays
from tests.servers import PASSWORD, MariaDbServer, PgBouncerServer, PostgresServer

Measured = dict[str, float]

SHOWS: dict[str, Callable[[Measured], bool]] = {
    "setup-cost": lambda found: found["fresh_p50_s"] > 3.0 * found["kept_p50_s"],
    "sizing": lambda found: found["per_s_with_1"] > 0.0 and len(found) >= 4,
    "overflow": lambda found: found["opened_with_overflow"] > 5 * found["opened_without"] == 50.0,
    "timeout": lambda found: (
        found["served_within_0.25_s"] < found["served_within_0.75_s"] < 60.0 and found["served_within_30_s"] == 60.0
    ),
    "exhaustion": lambda found: 30.0 < found["opened"] <= 40.0 and found["refused_after_s"] < 1.0,
    "leak": lambda found: found["leaked"] == 5.0 and 1.0 <= found["last_wait_s"] < 2.0,
}
AT_MOST = 45
"""More than are free on the tests' servers."""


@pytest.mark.parametrize("name", LESSONS)
def test_a_lesson_shows_what_it_says(name: str, postgres15: PostgresServer) -> None:
    check(name, parse(postgres15.dsn("scram", password=PASSWORD, sslmode="disable")))
    assert_none_stays(postgres15)


@pytest.mark.parametrize("name", [name for name in LESSONS if name != "timeout"])  # which asks nothing of the dialect
def test_a_lesson_shows_the_same_on_mariadb(name: str, mariadb: MariaDbServer) -> None:
    check(name, parse(mariadb.dsn()))


def check(name: str, dsn: Dsn) -> None:
    told: list[float] = []
    found = give_lesson(name, dsn, at_most=AT_MOST, on_progress=lambda _what, share: told.append(share))
    lesson = found.lesson
    assert isinstance(lesson, Lesson)
    assert lesson.name == name
    assert SHOWS[name](lesson.measured), lesson.measured
    assert len(lesson.seen.split()) > 40
    assert lesson.table.rows
    assert all(len(row) == len(lesson.table.columns) for row in lesson.table.rows)
    assert found.stopped is None
    assert told
    assert all(0.0 <= share <= 1.0 for share in told)


def test_a_lesson_that_needs_more_than_it_may_take_says_how_to_allow_it(postgres15: PostgresServer) -> None:
    facts = ask(postgres15.dsn("scram", password=PASSWORD), ProbeOptions(samples=1, burst=0), None)
    with pytest.raises(UsageError, match=r"overflow needs 10 connections, .* is 8: say --at-most 11,"):
        lesson_plan("overflow", facts)
    with pytest.raises(UsageError, match="takes all 37 free connections: say --at-most 38 "):
        lesson_plan("exhaustion", facts)
    assert lesson_plan("exhaustion", facts, 38).sentence.endswith("others may be refused meanwhile.")
    assert "at most 7 connections at once" in lesson_plan("leak", facts).sentence


def test_sqlite_has_no_lessons() -> None:
    with pytest.raises(UsageError, match="which SQLite has not"):
        give_lesson("leak", parse("sqlite://"))


def test_a_pooler_has_no_lessons(pgbouncer: PgBouncerServer) -> None:
    with pytest.raises(UsageError, match="give the server's own DSN"):
        give_lesson("leak", parse(pgbouncer.dsn()))


def test_a_lesson_that_is_none_is_told() -> None:
    with pytest.raises(UsageError, match="did you mean leak"):
        give_lesson("laek", parse("sqlite://"))
