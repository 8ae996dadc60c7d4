"""`poolsize curve`: it asks, shows, keeps, and leaves nothing on the server however it ends."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing

import psutil
import pytest

from poolsize.store import Store
from tests.cli.program import Program
from tests.cli.terminal import Terminal
from tests.servers import PASSWORD, MariaDbServer, PostgresServer, started_postgres

QUICK = ("--duration", "100ms", "--rounds", "1", "--at-most", "7")
ROLE = "curving"
GONE_S = 5.0
"""How long a session may outlive the program."""


@pytest.fixture
def dsn(postgres15: PostgresServer) -> Iterator[str]:
    """Of a role of this test's own, so that its sessions can be counted."""
    postgres15.create_role(ROLE)
    try:
        yield postgres15.dsn(ROLE, password=PASSWORD, sslmode="disable")
    finally:
        wait_until(lambda: sessions(postgres15) == 0, GONE_S)
        postgres15.run(f"DROP ROLE {ROLE}")


def sessions(server: PostgresServer) -> int:
    return len(server.run(f"SELECT 1 FROM pg_stat_activity WHERE usename = '{ROLE}'"))


def wait_until(happened: Callable[[], bool], seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_it_prints_a_valid_document_and_keeps_it(dsn: str, poolsize: Program) -> None:
    secret = "SELECT 'whose data this is', pg_sleep(0.001 * :n)"
    done = poolsize("curve", dsn, *QUICK, "--yes", "--json", "--sql", secret, "--param", "n=1..3")
    assert done.code == 0, done.err
    document = done.document
    assert document["statements"] == [secret]
    assert [point["concurrency"] for point in document["points"]] == [1, 2, 3, 4, 6]
    for point in document["points"]:
        assert point["throughput_per_s"] > 0
        assert point["latency_s"] > 0
    assert set(document["usl"]["alpha"]) == set(document["usl"]["peak_concurrency"]) == {"value", "low", "high"}
    assert document["usl"]["beta"]["low"] is not None
    assert document["error"] is None
    stored = Store(f"sqlite:///{poolsize.history.as_posix()}").latest_curve(document["target"])
    assert stored is not None
    assert stored.curve.usl is not None
    assert stored.curve.usl.alpha.value == document["usl"]["alpha"]["value"]
    assert b"whose data" not in poolsize.history.read_bytes()
    listed = poolsize("history").out
    assert "curve" in listed
    assert "own statements: alpha" in listed
    for shown in (done.out, done.err, listed):
        assert "s3cr" not in shown


def test_it_prints_a_table_and_a_picture(dsn: str, poolsize: Program) -> None:
    done = poolsize("curve", dsn, *QUICK, "--yes", "--no-save")
    assert done.code == 0, done.err
    assert done.err.startswith("Runs the capacity curve with a built-in statement on 127.0.0.1:")
    assert done.err.count("\n") == 1
    lines = done.out.splitlines()
    assert max(map(len, lines)) <= 80
    assert [line.split()[0] for line in lines[3:8]] == ["1", "2", "3", "4", "6"]
    assert lines[3].split()[-4:-2] == ["100", "%"]
    assert "alone " in done.out
    assert "PS421" in done.out
    assert not poolsize.history.exists()


def test_it_measures_mariadb(mariadb: MariaDbServer, poolsize: Program) -> None:
    done = poolsize("curve", mariadb.dsn(), *QUICK, "--yes", "--json")
    assert done.code == 0, done.err
    assert [point["concurrency"] for point in done.document["points"]] == [1, 2, 3, 4, 6]
    assert done.document["database"]["dialect"] == "mariadb"


def test_a_wrong_password_is_told_without_it(postgres15: PostgresServer, poolsize: Program) -> None:
    done = poolsize("curve", postgres15.dsn("scram", password=PASSWORD + "!"), "--yes", "--json", "--debug")
    assert done.code == 1
    assert done.document["error"]["code"] == "authentication"
    assert "s3cr" not in done.out + done.err
    assert not poolsize.history.exists()


def test_without_a_yes_nothing_is_asked_of_the_server(postgres15: PostgresServer, dsn: str, poolsize: Program) -> None:
    before = postgres15.log.read_text(errors="replace").count(f"user={ROLE}")
    done = poolsize("curve", dsn, "--json")
    assert done.code == 2
    assert "--yes" in done.sentence
    assert done.document["error"]["code"] == "usage"
    assert postgres15.log.read_text(errors="replace").count(f"user={ROLE}") == before


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--sql", "SELECT 1", "--weights", "1,x"), 2, "--weights '1,x' is no row of numbers"),
        (("--sql", "SELECT :a", "--param", "a=5"), 2, "--param 'a=5' is no name with a range"),
        (("--sql", "SELECT :a", "--param", "a=1..2", "--param", "a=1..3"), 2, "--param gives a twice"),
        (("--sql-file", "nosuch.sql"), 1, "nosuch.sql cannot be read"),
        (("--weights", "1"), 2, "Weights and parameters are those of statements of your own"),
        (("--at-most", "1"), 2, "--at-most 1 leaves no connection"),
        (("--sql", "DROP TABLE t"), 1, "load is read-only unless --allow-writes is given"),
    ],
)
def test_what_is_wrong_is_one_sentence(
    arguments: tuple[str, ...], code: int, words: str, dsn: str, poolsize: Program
) -> None:
    done = poolsize("curve", dsn, "--yes", *arguments)
    assert done.code == code, done.err
    assert words in done.sentence
    assert done.out == ""


def test_statements_come_from_files_with_their_weights(dsn: str, poolsize: Program) -> None:
    (poolsize.folder / "one.sql").write_text("SELECT 1;\n")
    done = poolsize(
        "curve", dsn, *QUICK, "--yes", "--json", "--sql", "SELECT 2", "--sql-file", "one.sql", "--weights", "3,1"
    )
    assert done.code == 0, done.err
    assert done.document["statements"] == ["SELECT 2", "SELECT 1;\n"]
    assert not done.document["is_built_in"]


@pytest.mark.skipif(sys.platform == "win32", reason="a terminal of POSIX")
def test_a_terminal_is_asked_once_and_shows_the_points_as_they_come(dsn: str, poolsize: Program) -> None:
    terminal = Terminal(poolsize, "curve", dsn, *QUICK, "--no-save")
    terminal.wait_for("Go on? [y/N]")
    terminal.type("y\n")
    terminal.wait_for("throughput")
    done = terminal.end()
    assert done.code == 0
    assert done.out.count("Go on?") == 1
    assert done.out.count("throughput") > 2  # the table grew before it was printed
    assert "Traceback" not in done.out


@pytest.mark.skipif(sys.platform == "win32", reason="a terminal of POSIX")
def test_a_no_runs_nothing(dsn: str, poolsize: Program) -> None:
    terminal = Terminal(poolsize, "curve", dsn, *QUICK)
    terminal.wait_for("Go on? [y/N]")
    terminal.type("\n")
    done = terminal.end()
    assert done.code == 130
    assert "Nothing was run." in done.out
    assert "throughput" not in done.out
    assert not poolsize.history.exists()


def running(poolsize: Program, dsn: str, *arguments: str) -> subprocess.Popen[str]:
    """A run that would go on for minutes, with statements of a second."""
    long = ("--duration", "300ms", "--at-most", "6", "--rounds", "99")
    return poolsize.start("curve", dsn, "--yes", "--json", "--sql", "SELECT pg_sleep(1)", *long, *arguments)


@pytest.mark.skipif(sys.platform == "win32", reason="these signals are POSIX's")
@pytest.mark.parametrize("processes", ["1", "2"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_however_it_is_ended_no_session_is_left(
    number: signal.Signals, processes: str, postgres15: PostgresServer, dsn: str, poolsize: Program
) -> None:
    program = running(poolsize, dsn, "--processes", processes)
    asleep = f"SELECT 1 FROM pg_stat_activity WHERE usename = '{ROLE}' AND query ~ 'pg_sleep' AND state = 'active'"
    wait_until(lambda: len(postgres15.run(asleep)) >= 2)
    children = psutil.Process(program.pid).children(recursive=True)
    program.send_signal(number)
    start = time.monotonic()
    out, err = program.communicate(timeout=30)
    wait_until(lambda: sessions(postgres15) == 0, GONE_S - (time.monotonic() - start))
    wait_until(lambda: not any(child.is_running() for child in children), GONE_S)
    if number != signal.SIGKILL:
        assert program.returncode == {signal.SIGINT: 130, signal.SIGTERM: 143}[number], err
        assert "Traceback" not in err
        assert (
            json.loads(out)["stopped"]["kind"] == {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}[number]
        )


def test_a_server_that_is_killed_ends_it_with_one_sentence_and_the_results_so_far(poolsize: Program) -> None:
    with started_postgres(tls=False) as server:
        dsn = server.dsn("scram", password=PASSWORD)
        long = ("--duration", "200ms", "--at-most", "3", "--rounds", "500")
        program = poolsize.start("curve", dsn, "--yes", "--json", *long)
        log = server.log
        wait_until(lambda: log.read_text(errors="replace").count("connection authorized: user=scram") >= 6)
        time.sleep(1.0)
        server.kill()
        out, err = program.communicate(timeout=30)
    document = json.loads(out)
    assert program.returncode == 1, err
    assert document["error"]["code"] == "unreachable"
    assert document["stopped"]["kind"] == "lost"
    assert document["points"]
    told = [line for line in err.splitlines() if not line.startswith("Runs ")]
    assert told == [document["stopped"]["reason"]]


def test_the_readers_of_a_curve_find_the_last_one_with_a_law(dsn: str, poolsize: Program) -> None:
    few = ("--up-to", "1", "--duration", "100ms", "--rounds", "1", "--at-most", "3")
    assert poolsize("curve", dsn, *QUICK, "--yes").code == 0
    assert poolsize("curve", dsn, *few, "--yes").code == 0  # one level has no law, and is not kept
    store = Store(f"sqlite:///{poolsize.history.as_posix()}")
    assert len(list(store.documents(kind="curve"))) == 1
    stored = store.latest_curve()
    assert stored is not None
    assert [point.concurrency for point in stored.curve.points] == [1, 2, 3, 4, 6]
    assert store.latest_curve(stored.curve.target) == stored
    assert store.latest_curve("postgresql://app@elsewhere/shop") is None
    sized = poolsize(
        *("recommend", "--workers", "2", "--worker-type", "uvicorn", "--rate", "20", "--hold", "5ms"),
        *("--max-connections", "100", "--curve", "last", "--json"),
    ).document
    assert sized["inputs"]["usl_alpha"]["origin"] == "measured"
    assert "PS426" in [finding["code"] for finding in sized["findings"]]


def test_a_killed_program_leaves_no_session_on_mariadb(mariadb: MariaDbServer, poolsize: Program) -> None:
    """Whose statements notice only at their bound that nobody waits for them."""
    password = PASSWORD.replace("'", "''")
    mariadb.run(
        f"CREATE USER {ROLE}@'127.0.0.1' IDENTIFIED BY '{password}'", f"GRANT ALL ON shop.* TO {ROLE}@'127.0.0.1'"
    )
    statement = ("--sql", "SELECT SLEEP(2)", "--duration", "300ms", "--at-most", "6", "--rounds", "99")
    program = poolsize.start("curve", mariadb.dsn(ROLE), "--yes", *statement)
    try:
        wait_until(lambda: sleeping(mariadb, "AND INFO LIKE '%SLEEP%'") >= 2)
        program.kill()
        program.communicate(timeout=30)
        wait_until(lambda: sleeping(mariadb) == 0, GONE_S)
    finally:
        program.kill()
        mariadb.run(f"DROP USER {ROLE}@'127.0.0.1'")


def sleeping(server: MariaDbServer, more: str = "") -> int:
    with closing(server.admin()) as admin, admin.cursor() as cursor:
        return cursor.execute(f"SELECT 1 FROM information_schema.PROCESSLIST WHERE USER = '{ROLE}' {more}")
