"""The probe of SQLite, on real files."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from poolsize.errors import DatabaseError, UnreachableError
from poolsize.probe import ProbeOptions, probe

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
