"""`poolsize lab` as its users run it, to its end and to an early one."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time

import pytest

from poolsize.cli.asking import DECLINED
from poolsize.live.lessons import LESSONS
from tests.cli.program import Done, Program
from tests.cli.terminal import Terminal
from tests.leftovers import assert_nothing_is_left, temporary_folder
from tests.live.lab_sessions import GONE_S, assert_none_stays, sessions
from tests.servers import PASSWORD, PostgresServer, started_postgres

posix = pytest.mark.skipif(sys.platform == "win32", reason="these signals and terminals are POSIX's")
SMALL = ("--requests", "60", "--pool", "4", "--request-time", "600ms", "--hold", "10ms")
LONG = ("--requests", "60", "--pool", "4", "--request-time", "20s")
UNDER_WAY = 8
"""Sessions, the heartbeat's with them, of a run whose half without a pool is under way."""
START_S = 30.0
FIGURES = {
    "requests", "errors", "p50_s", "p95_s", "p99_s", "requests_per_s", "connections_opened", "peak_connections",
    "server_cpu_s", "server_memory_bytes",
}  # fmt: skip


def login(server: PostgresServer) -> str:
    return server.dsn("scram", password=PASSWORD, sslmode="disable")


def test_the_bare_lab_needs_no_database_and_leaves_nothing(poolsize: Program) -> None:
    with temporary_folder() as folder:
        done = poolsize("lab", variables={"TMPDIR": str(folder), "DATABASE_URL": "postgresql://127.0.0.1:1/none"})
        assert_nothing_is_left(folder)
    assert done.code == 0, done.err
    lines = done.out.splitlines()
    assert lines[0] == "300 requests at once, each 1 s long and 20 ms of it in the database"
    assert max(map(len, lines)) <= 80
    assert len(lines) < 24
    served = re.search(r"^served +(\d+) of 300 +300 of 300$", done.out, re.MULTILINE)
    assert served is not None
    assert 90 <= int(served[1]) < 300  # 99 find room, and a few more on a machine too busy to begin all at once
    assert re.search(r"^\d+ × The server at .* says: sorry, too many clients already$", done.out, re.MULTILINE)
    assert any("█" in line for line in lines)
    assert done.err.startswith("Starts a PostgreSQL of its own")
    assert not poolsize.history.exists()


def test_on_a_database_of_the_user_nothing_runs_without_a_yes(postgres15: PostgresServer, poolsize: Program) -> None:
    done = poolsize("lab", login(postgres15), *SMALL)
    assert done.code == 2
    assert "--yes" in done.sentence
    assert done.out == ""
    assert sessions(postgres15) == 0


def test_with_yes_it_needs_no_terminal_and_gives_the_document(postgres15: PostgresServer, poolsize: Program) -> None:
    done = poolsize("lab", login(postgres15), *SMALL, "--yes", "--json")
    assert done.code == 0, done.err
    document = done.document
    assert document["pooled"]["errors"] == 0
    assert document["unpooled"]["errors"] > 0
    for half in ("unpooled", "pooled"):
        assert set(document[half]) >= FIGURES
        assert document[half]["requests"] == 60
    assert document["reproduce"].startswith('poolsize lab "$DATABASE_URL" --requests 60')
    assert "takes all 37 free connections" in done.err
    assert PASSWORD[:4] not in done.out + done.err
    assert_none_stays(postgres15)


@posix
@pytest.mark.parametrize(("answer", "code"), [("n\n", DECLINED), ("y\n", 0)])
def test_a_terminal_is_asked_once(answer: str, code: int, postgres15: PostgresServer, poolsize: Program) -> None:
    terminal = Terminal(poolsize, "lab", login(postgres15), *SMALL)
    terminal.wait_for("[y/N]")
    terminal.type(answer)
    done = terminal.end()
    assert done.code == code, done.out
    assert ("60 of 60" in done.out) == (code == 0)
    assert done.out.count("[y/N]") == 1


def under_way(poolsize: Program, server: PostgresServer, *more: str) -> subprocess.Popen[str]:
    """A long run whose half without a pool is under way."""
    running = poolsize.start("lab", login(server), *LONG, "--yes", *more)
    end = time.monotonic() + START_S
    while sessions(server) < UNDER_WAY:
        assert running.poll() is None
        assert time.monotonic() < end
        time.sleep(0.05)
    return running


def ended(running: subprocess.Popen[str]) -> Done:
    start = time.monotonic()
    out, err = running.communicate(timeout=30)
    assert time.monotonic() - start < GONE_S
    return Done(running.returncode, out, err)


@posix
@pytest.mark.parametrize(
    ("number", "code", "kind"), [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")]
)
def test_a_run_that_is_ended_early_gives_what_it_has_and_leaves_no_session(
    number: signal.Signals, code: int, kind: str, postgres15: PostgresServer, poolsize: Program
) -> None:
    running = under_way(poolsize, postgres15, "--json")
    running.send_signal(number)
    done = ended(running)
    assert done.code == code, done.err
    assert done.document["stopped"]["kind"] == kind
    assert done.document["unpooled"]["connections_opened"] >= UNDER_WAY - 1
    assert done.document["unpooled"]["unfinished"] > 0
    assert done.document["pooled"] is None
    assert done.sentence == done.document["stopped"]["reason"]
    assert_none_stays(postgres15)


@posix
def test_a_lesson_that_is_ended_early_says_so(postgres15: PostgresServer, poolsize: Program) -> None:
    running = poolsize.start("lab", login(postgres15), "--yes", "--lesson", "leak")
    end = time.monotonic() + START_S
    while sessions(postgres15) < LESSONS["leak"].fewest - 2:
        assert time.monotonic() < end
        time.sleep(0.02)
    running.send_signal(signal.SIGINT)
    done = ended(running)
    assert done.code == 130, done.err
    assert done.out == "It was ended before there was anything to show.\n"
    assert done.sentence == "Ctrl-C ended the run."
    assert_none_stays(postgres15)


@posix
def test_a_client_that_is_killed_leaves_no_session(postgres15: PostgresServer, poolsize: Program) -> None:
    running = under_way(poolsize, postgres15)
    running.kill()
    running.communicate(timeout=30)
    assert_none_stays(postgres15)


def test_a_server_that_is_killed_ends_the_run_with_a_sentence_and_what_there_is(poolsize: Program) -> None:
    with started_postgres(tls=False) as server:
        running = under_way(poolsize, server)
        server.kill()
        done = ended(running)
    assert done.code == 1
    assert done.sentence.startswith("The server is gone.")
    assert "connections opened" in done.out
    assert "unfinished" in done.out


def test_the_lessons_are_listed(poolsize: Program) -> None:
    listed = poolsize("lab", "--list").out
    assert [line.split()[0] for line in listed.splitlines()] == list(LESSONS)
    document = poolsize("lab", "--list", "--json").document
    assert [line["name"] for line in document["lessons"]] == list(LESSONS)


def test_a_lesson_is_a_table_and_a_paragraph(poolsize: Program) -> None:
    done = poolsize("lab", "--lesson", "setup-cost")
    assert done.code == 0, done.err
    lines = done.out.splitlines()
    assert lines[0] == "What a connection costs, and what keeping it saves"
    assert max(map(len, lines)) <= 80
    assert len(lines) < 24
    assert any(line.startswith("a connection each") for line in lines)
    assert any(line.startswith("one for all") for line in lines)


def test_mistakes_are_told_before_anything_is_started(postgres15: PostgresServer, poolsize: Program) -> None:
    for arguments, words in (
        (("--lesson", "laek"), "did you mean leak?"),
        (("--hold", "2s"), "A request of 1 s cannot spend 2 s of it in the database."),
        ((login(postgres15), "--yes", "--pool", "20"), "--pool 8, or say with --at-most"),
        ((login(postgres15), "--yes", "--lesson", "exhaustion"), "say --at-most 38"),
    ):
        done = poolsize("lab", *arguments)
        assert done.code == 2, done.err
        assert words in done.sentence
        assert "Starts" not in done.err
