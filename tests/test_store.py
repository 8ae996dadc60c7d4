"""The history keeps what it is given, for many writers, on any database, and never a secret."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from poolsize import store as store_module
from poolsize.datatypes import (
    Curve,
    Database,
    DatabaseFacts,
    ErrorReport,
    Layer,
    Quantity,
    Recommendation,
    SessionGroup,
    Settings,
    StoredProbe,
    limits_of,
)
from poolsize.errors import FileError
from poolsize.history import history_entries
from poolsize.store import Store, open_store
from tests.servers import MariaDbServer, PostgresServer

TARGET = "postgresql://app:***@db.example.com/shop"


def facts(others: int, *, target: str = TARGET, max_connections: int = 100) -> DatabaseFacts:
    layers = (
        Layer(name="server", limit=97, used=others + 2, others=others),
        Layer(name="role", limit=50, used=2, others=0),
    )
    limits = limits_of(layers, max_connections=max_connections, reserved_connections=3)
    return DatabaseFacts(target=target, database=Database(dialect="postgresql"), limits=limits)


def recommendation(pool_size: int, **inputs: Quantity) -> Recommendation:
    settings = Settings(pool_size=pool_size, max_overflow=1, pool_timeout_s=1.0)
    return Recommendation(
        target=TARGET, verdict="fits", settings=settings, worst_case=(pool_size + 1) * 4, inputs=inputs,
        reproduce=f"poolsize recommend --workers {pool_size}",
    )  # fmt: skip


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{(tmp_path / 'history.db').as_posix()}"


def test_a_document_comes_back_as_it_was_saved(url: str) -> None:
    Store(url).save(facts(4))
    Store(url).save(recommendation(5))
    stored = Store(url).latest_probe(TARGET)
    assert stored is not None
    assert stored.facts == facts(4)
    found = Store(url).latest_recommendation()
    assert found is not None
    assert found.recommendation == recommendation(5)


def test_an_empty_history_has_no_latest(url: str) -> None:
    store = Store(url)
    assert store.latest_probe() is None
    assert store.latest_recommendation() is None
    assert history_entries(store) == ()


def test_the_highest_others_of_all_probes_of_a_target_is_kept_with_its_time(url: str) -> None:
    store = Store(url)
    for others in (4, 31, 7):
        store.save(facts(others))
    store.save(facts(60, target="postgresql://app:***@elsewhere/shop"))
    stored = store.latest_probe(TARGET)
    assert stored is not None
    limits = stored.facts.limits
    assert limits is not None
    assert limits.layers[0].others == 31
    assert limits.layers[0].others_at == stored.saved_at or limits.layers[0].others_at < stored.saved_at
    assert limits.layers[0].others_at
    assert limits.other_connections == 31
    assert limits.available_connections == min(97 - 31, 50)
    assert limits.max_connections == 100, "what has nothing to do with others stays"


def others_of(stored: StoredProbe | None) -> tuple[int | None, str]:
    assert stored is not None
    assert stored.facts.limits is not None
    return stored.facts.limits.layers[0].others, stored.facts.limits.layers[0].others_at


def test_others_are_compared_among_probes_with_the_same_own_alone(url: str) -> None:
    """With a name in it that is nobody's, every session is another service's."""
    store = Store(url)
    store.save(replace(facts(4), own=("shop",)))
    store.save(replace(facts(31), own=("shpo",)))
    store.save(replace(facts(3), own=("shop",)))
    assert others_of(store.latest_probe(TARGET))[0] == 4
    store.save(facts(2))
    assert others_of(store.latest_probe(TARGET)) == (2, "")


def test_others_are_remembered_for_a_month(url: str, tmp_path: Path) -> None:
    store, now = Store(url), datetime.now(UTC)
    ages = (timedelta(days=31), timedelta(days=29), timedelta(0))
    for others, age in zip((31, 12, 7), ages, strict=True):
        store.save(replace(facts(others), measured_at=(now - age).isoformat(timespec="seconds")))
    saved = [(now - age).strftime("%Y-%m-%dT%H:%M:%SZ") for age in ages]
    with closing(sqlite3.connect(tmp_path / "history.db")) as raw, raw:
        for number, when in enumerate(saved, start=1):
            raw.execute("UPDATE poolsize_documents SET saved_at = ? WHERE id = ?", (when, number))
    assert others_of(store.latest_probe(TARGET)) == (12, saved[1])


def test_a_probe_that_is_not_kept_has_what_earlier_ones_saw(url: str) -> None:
    store = Store(url)
    store.save(facts(31))
    limits = store.with_highest_others(facts(7)).limits
    assert limits is not None
    assert (limits.layers[0].others, limits.available_connections) == (31, 50)
    assert limits.layers[1].others_at == ""


def test_a_long_history_is_read_no_further_than_is_asked(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(url)
    rows = [
        {"kind": "probe", "target": TARGET, "saved_at": "2026-01-01T00:00:00Z", "document": text}
        for text in [msgspec.json.encode(facts(4)).decode()] * 4000 + ['{"limits": "of a newer form"}']
    ]
    answer = msgspec.json.encode(recommendation(5)).decode()
    rows[1:1] = [{**rows[0], "kind": "recommend", "document": answer}] * 4000
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as raw, raw:
        raw.executemany(
            "INSERT INTO poolsize_documents(kind, target, saved_at, document)"
            " VALUES (:kind, :target, :saved_at, :document)",
            rows,
        )
    decoded: list[str] = []
    decode = store_module._decode

    def counted(kind: str, text: str) -> DatabaseFacts | Recommendation | Curve | None:
        decoded.append(kind)
        return decode(kind, text)

    monkeypatch.setattr(store_module, "_decode", counted)
    assert store.latest_probe() is not None
    assert store.latest_recommendation() is not None
    assert len(decoded) <= 3
    assert len(history_entries(store, limit=20)) == 20
    assert len(decoded) <= 3 + 1 + 2 * 20


def test_a_failed_probe_is_listed_and_never_the_latest(url: str) -> None:
    store = Store(url)
    store.save(facts(4))
    store.save(replace(facts(0), error=ErrorReport(code="too_many_connections", message="The server is full.")))
    stored = store.latest_probe(TARGET)
    assert stored is not None
    assert stored.facts.error is None
    store.save(facts(9))
    after, failed, _ = history_entries(store)
    assert (failed.summary, failed.changes) == ("The server is full.", ())
    assert after.changes == ("others 4 → 9",)


def test_history_lists_newest_first_and_says_what_changed(url: str) -> None:
    store = Store(url)
    store.save(facts(4))
    store.save(recommendation(5))
    store.save(facts(4, max_connections=200))
    store.save(recommendation(7))
    entries = history_entries(store, limit=3)
    assert [(entry.kind, entry.changes) for entry in entries] == [
        ("recommend", ("pool_size 5 → 7", "worst case 24 → 32")),
        ("probe", ("max_connections 100 → 200",)),
        ("recommend", ()),
    ]


def test_an_answer_is_listed_with_its_command_and_what_was_asked_otherwise(url: str) -> None:
    def asked(rate: float, connect: float) -> dict[str, Quantity]:
        return {
            "rate_per_s": Quantity(value=rate, origin="stated"),
            "hold_s": Quantity(value=0.02, origin="stated"),
            "connect_cost_s": Quantity(value=connect, origin="measured"),
        }

    store = Store(url)
    store.save(recommendation(3, **asked(80, 0.01)))
    store.save(recommendation(5, **asked(120, 0.011)))
    store.save(recommendation(5, **asked(120, 0.02), threads=Quantity(value=8, origin="stated")))
    entries = history_entries(store)
    assert [entry.changes for entry in entries] == [
        ("connect_cost_s 11 ms → 20 ms", "threads unknown → 8"),
        ("rate_per_s 80/s → 120/s", "pool_size 3 → 5", "worst case 16 → 24"),
        (),
    ]
    assert entries[0].reproduce == "poolsize recommend --workers 5"


def test_a_row_of_a_newer_form_is_left_out_and_the_rest_is_read(url: str, tmp_path: Path) -> None:
    store = Store(url)
    store.save(facts(4))
    with sqlite3.connect(tmp_path / "history.db") as raw:
        raw.execute("insert into poolsize_documents(kind, target, saved_at, document) values ('lab', '', '', '{}')")
        raw.execute("insert into poolsize_documents(kind, target, saved_at, document) values ('probe', '', '', '[1]')")
    raw.close()
    assert [stored.kind for stored in store.documents()] == ["probe"]


def test_a_store_of_a_newer_schema_is_refused(url: str, tmp_path: Path) -> None:
    Store(url)
    with sqlite3.connect(tmp_path / "history.db") as raw:
        raw.execute("insert into poolsize_schema values (99)")
    raw.close()
    with pytest.raises(FileError, match="newer poolsize"):
        Store(url)


def test_many_processes_that_start_and_write_at_once_lose_nothing(url: str) -> None:
    program = (
        "import sys; from poolsize.store import Store; from poolsize.datatypes import DatabaseFacts\n"
        "for n in range(10): Store(sys.argv[1]).save(DatabaseFacts(target=f'{sys.argv[2]}-{n}'))"
    )
    writers = [subprocess.Popen([sys.executable, "-c", program, url, str(number)]) for number in range(6)]
    assert [writer.wait(timeout=60) for writer in writers] == [0] * 6
    assert len({stored.target for stored in Store(url).documents()}) == 60


def test_a_file_that_is_no_database_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    path.write_text("not a database, and long enough that SQLite looks at its header " * 20)
    with pytest.raises(FileError, match="file is not a database"):
        Store(f"sqlite:///{path.as_posix()}")
    assert path.read_text().startswith("not a database")


def test_a_folder_that_is_missing_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="unable to open database file"):
        Store(f"sqlite:///{(tmp_path / 'missing' / 'history.db').as_posix()}")


@pytest.mark.parametrize(
    "url", ["not a url p4ssw0rd", "nosuch://u:p4ssw0rd@h/db", "postgresql+nodriver://u:p4ssw0rd@h/d"]
)
def test_a_url_that_cannot_be_used_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(FileError) as caught:
        Store(url)
    assert "p4ssw0rd" not in str(caught.value)


def test_a_store_that_refuses_the_login_does_not_show_the_password(closed_port: int) -> None:
    with pytest.raises(FileError) as caught:
        Store(f"postgresql+psycopg://app:p4ss%40w0rd@127.0.0.1:{closed_port}/db?connect_timeout=2")
    assert "p4ss" not in str(caught.value)
    assert "could not be opened" in str(caught.value)


def keeps_and_finds(url: str) -> None:
    """Two probes, one of them longer than the 64 KB of MySQL's TEXT."""
    store = Store(url)
    number = store.save(facts(4))
    many = tuple(SessionGroup(application=f"app {n}", user="u" * 60, address=None, count=1) for n in range(1000))
    assert store.save(msgspec.structs.replace(facts(5), sessions=many)) > number
    stored = Store(url).latest_probe(TARGET)
    assert stored is not None
    assert stored.facts.limits is not None
    assert stored.facts.limits.other_connections == 5
    assert stored.facts.sessions == many


def test_postgresql_can_be_the_store(postgres15: PostgresServer) -> None:
    postgres15.create_database("history", "OWNER scram")
    try:
        url = postgres15.dsn("scram", password=postgres15.password, database="history")
        keeps_and_finds(url.replace("postgresql://", "postgresql+psycopg://"))
    finally:
        postgres15.run("DROP DATABASE history WITH (FORCE)")


def test_mariadb_can_be_the_store(mariadb: MariaDbServer) -> None:
    try:
        keeps_and_finds(mariadb.dsn().replace("mysql://", "mysql+pymysql://"))
    finally:
        mariadb.run("DROP TABLE shop.poolsize_documents", "DROP TABLE shop.poolsize_schema")


def test_the_default_store_is_in_the_users_state_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("POOLSIZE_STORE", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("HOME", str(tmp_path))
    store = open_store()
    store.save(facts(1))
    if os.name == "posix" and sys.platform != "darwin":
        assert (tmp_path / "state" / "poolsize" / "history.db").exists()


def test_a_state_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.write_text("")
    monkeypatch.delenv("POOLSIZE_STORE", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(in_the_way))
    monkeypatch.setenv("HOME", str(in_the_way))
    with pytest.raises(FileError, match="cannot be created"):
        open_store()
