"""The probe of SQLite, on real files."""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psutil
import pytest
from msgspec.structs import replace
from sqlalchemy import create_engine

from poolsize.datatypes import ServerTimeouts
from poolsize.errors import DatabaseError, DsnError, UnreachableError
from poolsize.probe import ProbeOptions, probe, sqlite

QUICK = ProbeOptions(samples=10)


def made(path: Path, journal: str = "wal") -> Path:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA journal_mode={journal}")
        connection.execute("CREATE TABLE t (x)")
        connection.execute("INSERT INTO t VALUES (1)")
        connection.commit()
    return path


@pytest.mark.parametrize("journal", ["wal", "delete"])
def test_a_closed_database_is_read_and_nothing_is_left_beside_it(tmp_path: Path, journal: str) -> None:
    path = made(tmp_path / "a ?#%.db", journal)
    before = path.read_bytes()
    facts = probe(f"sqlite:///{str(path).replace('%', '%25').replace('?', '%3F').replace('#', '%23')}", QUICK)
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]
    assert path.read_bytes() == before
    assert facts.connect is not None
    assert [phase.name for phase in facts.connect.phases] == ["open", "first read"]
    assert facts.limits is not None
    assert facts.limits.max_connections is None
    assert facts.limits.usable_connections == 1
    codes = {finding.code for finding in facts.findings}
    assert ("PS503" in codes) == (journal == "delete")
    assert {"PS501", "PS502"} <= codes


def test_a_live_wal_database_is_read_beside_its_writer(tmp_path: Path) -> None:
    path = made(tmp_path / "a.db")
    with closing(sqlite3.connect(path)) as writer:
        writer.execute("INSERT INTO t VALUES (2)")
        writer.commit()
        assert probe(f"sqlite:///{path}", QUICK).round_trip_s is not None
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.db"]


@contextmanager
def held_elsewhere(path: Path, statement: str) -> Iterator[subprocess.Popen[str]]:
    """The file open in another process, after the statement."""
    program = (
        "import sqlite3, sys; connection = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "connection.execute(sys.argv[2]).fetchall(); print('ready', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", program, str(path), statement]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process
        process.communicate()


@pytest.mark.parametrize("journal", ["wal", "delete"])
def test_processes_that_have_it_open_are_listed_by_name(tmp_path: Path, journal: str) -> None:
    """In WAL mode beside a live -wal, and not the process that probes."""
    path = made(tmp_path / "a.db", journal)
    assert probe(f"sqlite:///{path}", QUICK).sessions == ()
    with (
        held_elsewhere(path, "INSERT INTO t VALUES (2)") as first,
        held_elsewhere(path, "SELECT * FROM t"),
        closing(sqlite3.connect(path)) as own,
    ):
        own.execute("SELECT * FROM t").fetchall()
        assert path.with_name("a.db-wal").exists() == (journal == "wal")
        name = psutil.Process(first.pid).name()
        mine = replace(QUICK, own=(name,))
        (group,) = probe(f"sqlite:///{path}", QUICK).sessions
        facts = probe(f"sqlite:///{path}", mine)
        mistaken = probe(f"sqlite:///{path}", replace(QUICK, own=("nobody",)))
    assert (group.application, group.count, group.own) == (name, 2, False)
    assert (facts.sessions[0].own, facts.own) == (True, (name,))
    assert "PS105" not in {finding.code for finding in facts.findings}
    (finding,) = (finding for finding in mistaken.findings if finding.code == "PS105")
    assert f"the names are: {name}." in finding.message


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root may become somebody else")
def test_processes_of_other_users_that_cannot_be_looked_into_are_told(tmp_path: Path) -> None:
    import pwd  # not on Windows

    path = made(tmp_path / "a.db", "delete")
    nobody = pwd.getpwnam("nobody").pw_uid
    program = (
        "import os, sys; from pathlib import Path; from poolsize.probe.sqlite import open_processes\n"
        "os.setuid(int(sys.argv[2])); groups, unread = open_processes(Path(sys.argv[1]))\n"
        "print(len(groups), unread[0].name, unread[0].reason)"
    )
    with held_elsewhere(path, "SELECT * FROM t"):
        done = subprocess.run(
            [sys.executable, "-c", program, path, str(nobody)], capture_output=True, text=True, check=False
        )
    assert re.fullmatch(
        r"0 sessions The open files of (1 process|\d+ processes) of other users cannot be read\.\n", done.stdout
    ), done.stderr


def test_a_file_system_on_the_network_is_blocking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No network is at hand: that of this machine's temporary files is called one."""
    done = subprocess.run(["df", "--output=fstype", tmp_path], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("this machine's df does not tell a file system's type")
    here = done.stdout.split()[-1]
    path = made(tmp_path / "a.db", "delete")
    plain = {finding.code: finding for finding in probe(f"sqlite:///{path}", QUICK).findings}
    assert "PS506" not in plain
    assert plain["PS503"].severity == "warning"
    monkeypatch.setattr(sqlite, "NETWORK_FILE_SYSTEMS", frozenset({here}))
    found = {finding.code: finding for finding in probe(f"sqlite:///{path}", QUICK).findings}
    assert (found["PS506"].severity, f"({here})" in found["PS506"].message) == ("blocking", True)
    assert found["PS503"].remedy == "WAL does not work on a network file system."


def test_the_busy_timeout_is_that_of_the_applications_connections(tmp_path: Path) -> None:
    path = made(tmp_path / "a.db")
    for query, expected in (("", 5.0), ("?timeout=12.5", 12.5), ("?timeout=0", 0.0)):
        facts = probe(f"sqlite:///{path}{query}", QUICK)
        assert facts.timeouts == ServerTimeouts(busy_s=expected)
        with create_engine(f"sqlite:///{path}{query}").connect() as connection:
            assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar_one() == expected * 1000
    assert any("waits up to 5 s" in finding.message for finding in probe(f"sqlite:///{path}", QUICK).findings)
    with pytest.raises(DsnError, match="timeout is no number"):
        probe(f"sqlite:///{path}?timeout=long", QUICK)


def test_a_missing_file_is_an_error_and_is_not_created(tmp_path: Path) -> None:
    with pytest.raises(UnreachableError, match="does not exist"):
        probe(f"sqlite:///{tmp_path / 'no.db'}", QUICK)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_and_a_file_of_another_kind_are_errors(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("this is a text and no database at all")
    with pytest.raises(DatabaseError, match="not a SQLite database"):
        probe(f"sqlite:///{tmp_path / 'text'}", QUICK)
    with pytest.raises(UnreachableError, match="folder"):
        probe(f"sqlite:///{tmp_path}", QUICK)


def test_memory_belongs_to_one_connection() -> None:
    assert [finding.code for finding in probe("sqlite:///:memory:", QUICK).findings] == ["PS504"]


def test_a_deferred_transaction_on_a_stale_snapshot_fails_at_once_whatever_the_timeout(tmp_path: Path) -> None:
    path = made(tmp_path / "a.db")
    with (
        closing(sqlite3.connect(path, timeout=30, isolation_level=None)) as reader,
        closing(sqlite3.connect(path, isolation_level=None)) as writer,
    ):
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM t").fetchall()
        writer.execute("INSERT INTO t VALUES (2)")
        with pytest.raises(sqlite3.OperationalError) as caught:
            reader.execute("INSERT INTO t VALUES (3)")
    assert caught.value.sqlite_errorname == "SQLITE_BUSY_SNAPSHOT"
