"""`poolsize verify`, as a user runs it."""

from __future__ import annotations

import json
import signal
import sys
import time
from pathlib import Path
from typing import Final

import pytest

from tests.cli.program import Program
from tests.servers import PASSWORD, PostgresServer, started_pgbouncer, started_postgres

LOAD: Final = ("--pool-size", "3", "--rate", "100", "--hold", "20ms")
SECONDS: Final = ("--duration", "2s")
SOON_S: Final = 5.0


def dsn(server: PostgresServer) -> str:
    return server.dsn("scram", password=PASSWORD)


def sessions(server: PostgresServer) -> int:
    (count,) = server.run("SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'poolsize%'")[0]
    assert isinstance(count, int)
    return count


def wait_for(server: PostgresServer, least: int, most: int) -> None:
    """Until so many sessions are there."""
    end = time.monotonic() + SOON_S
    while not least <= sessions(server) <= most and time.monotonic() < end:
        time.sleep(0.05)
    assert least <= sessions(server) <= most


def test_a_pool_that_is_stated_is_run_and_told(postgres15: PostgresServer, poolsize: Program) -> None:
    done = poolsize("verify", "--on", dsn(postgres15), *LOAD, *SECONDS, "--yes", "--json")
    found = done.document
    assert done.code == (3 if any(row["inside"] is False for row in found["rows"]) else 0), done.err
    assert found["rows"][0]["metric"] == "utilization"
    assert "at most 5 connections at once, for about 2.2 s." in done.err
    assert PASSWORD not in done.out + done.err


def test_the_text_has_each_figure_and_what_it_is_worth(postgres15: PostgresServer, poolsize: Program) -> None:
    done = poolsize("verify", "--on", dsn(postgres15), *LOAD, *SECONDS, "--p99-wait", "1ms", "--yes")
    assert done.code == 3, done.err  # far too short a goal
    for words in ("P(wait)", "p99 wait", "connections", "The goal is missed", "not your SQL", "batch means"):
        assert words in " ".join(done.out.split())


def test_the_last_recommendation_is_run_and_refined(postgres15: PostgresServer, poolsize: Program) -> None:
    assert (
        poolsize("recommend", "--workers", "2", "--rate", "150", "--hold", "20ms", "--max-connections", "100").code == 0
    )
    done = poolsize("verify", "--on", dsn(postgres15), *SECONDS, "--refine", "--yes", "--json")
    found = done.document
    assert found["inputs"]["threads"]["value"] == 8
    assert found["refined"]["settings"]["pool_size"] >= 1
    assert found["refined"]["inputs"]["hold_s"]["value"] == found["measured_inputs"]["hold_s"]["value"]


def test_a_recommendation_in_a_file_is_run(postgres15: PostgresServer, poolsize: Program, tmp_path: Path) -> None:
    answer = poolsize("recommend", "--workers", "2", "--rate", "150", "--hold", "20ms", "--no-save", "--json")
    file = tmp_path / "answer.json"
    file.write_text(answer.out, encoding="utf-8")
    found = poolsize("verify", "--on", dsn(postgres15), "--from", str(file), *SECONDS, "--yes", "--json").document
    assert found["settings"] == json.loads(answer.out)["settings"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (LOAD, "nobody can be asked here: say it with --yes."),
        ((*LOAD, "--pool-size", "30", "--yes"), "allow it with --at-most 32, or run a smaller pool."),
        ((*LOAD, "--refine", "--yes"), "--refine asks for a recommendation"),
        ((*LOAD, "--from", "x.json", "--yes"), "--from has the load"),
        (("--yes",), "There is no recommendation in the history to verify."),
        ((*LOAD, "--pool", "hikaricp", "--yes"), "is not one of"),
    ],
)
def test_what_cannot_be_run_is_one_sentence_and_runs_nothing(
    arguments: tuple[str, ...], words: str, postgres15: PostgresServer, poolsize: Program
) -> None:
    done = poolsize("verify", "--on", dsn(postgres15), *arguments)
    assert done.code == 2
    assert words in done.sentence
    assert done.out == ""


def test_a_pgbouncer_is_run_where_one_answers_with_a_pool_of_that_size(
    postgres15: PostgresServer, poolsize: Program
) -> None:
    load = ("--pool", "pgbouncer", "--threads", "8", "--think", "60ms", "--hold", "20ms", *SECONDS, "--yes", "--json")
    with started_pgbouncer(postgres15, default_pool_size=3, stats_users="scram") as pooler:
        through = pooler.dsn("scram")
        other = poolsize("verify", "--on", through, *load, "--pool-size", "5")
        found = poolsize("verify", "--on", through, *load, "--pool-size", "3")
    assert other.sentence.startswith("This PgBouncer has 3 connections for this user and database, not 5")
    assert found.document["rows"][-1]["measured"] == 3, found.err
    direct = poolsize("verify", "--on", dsn(postgres15), *load, "--pool-size", "3")
    assert direct.sentence.startswith("No PgBouncer answers at this DSN")


@pytest.mark.skipif(sys.platform == "win32", reason="these signals are POSIX's")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)])
def test_a_run_that_is_interrupted_leaves_no_session(
    number: signal.Signals, code: int, postgres15: PostgresServer, poolsize: Program
) -> None:
    arguments = ("--pool", "psycopg_pool", *LOAD, "--duration", "60s", "--yes", "--json")
    running = poolsize.start("verify", "--on", dsn(postgres15), *arguments)
    wait_for(postgres15, 5, 5)
    time.sleep(1.0)
    running.send_signal(number)
    out, err = running.communicate(timeout=30)
    assert running.returncode == code, err
    wait_for(postgres15, 0, 0)
    if number != signal.SIGKILL:
        document = json.loads(out)
        assert document["stopped"]["kind"] == ("interrupted" if number == signal.SIGINT else "terminated")


def test_a_server_that_dies_ends_the_run_with_one_sentence(poolsize: Program) -> None:
    with started_postgres(tls=False) as server:
        running = poolsize.start("verify", "--on", server.dsn("trust"), *LOAD, "--duration", "60s", "--yes", "--json")
        wait_for(server, 5, 5)
        time.sleep(1.0)
        server.kill()
        out, err = running.communicate(timeout=30)
    assert running.returncode == 1
    assert json.loads(out)["stopped"]["reason"] in err
    assert "Traceback" not in err
