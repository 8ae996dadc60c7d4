"""What a person sees of a probe: whole sentences, and a table that fits 80 columns whatever was not known."""

from __future__ import annotations

import io

from rich.console import Console, RenderableType

from poolsize.datatypes import (
    ConnectCost,
    Database,
    DatabaseFacts,
    Finding,
    HistoryDocument,
    HistoryEntry,
    Layer,
    Phase,
    Pooler,
    ServerTimeouts,
    SessionGroup,
    Tls,
    Unread,
    limits_of,
)
from poolsize.report.history import history_report
from poolsize.report.probe import probe_report

LAYERS = (
    Layer(name="server", limit=97, used=12, others=4, setting="max_connections 100 - 3 reserved for superusers"),
    Layer(name="role", limit=20, used=None, others=None, setting="CONNECTION LIMIT 20 of role application_web"),
)
FACTS = DatabaseFacts(
    database=Database(
        dialect="postgresql", host="db.example.com", port=5432, name="shop", user="app", server_version="16.4",
        tls=Tls(used=True, requested="verify-full", version="TLSv1.3", verified=True, root="system"),
        pooler=Pooler(kind="pgbouncer", version="1.23.1", pool_mode="transaction", signs=("SHOW VERSION answers",)),
    ),
    limits=limits_of(LAYERS, max_connections=100, reserved_connections=3),
    connect=ConnectCost(
        samples=20, mean_s=0.0123, p50_s=0.012, p95_s=0.02, p99_s=0.03, p50_interval_s=(0.011, 0.013),
        phases=(Phase(name="tcp", mean_s=0.001, p50_s=0.001), Phase(name="tls", mean_s=0.0113, p50_s=0.011)),
        measured_from="web-1", client="libpq 17.2",
    ),
    round_trip_s=0.0005,
    transaction_round_trip_s=0.0015,
    sessions=(
        SessionGroup(application="shop", user="app", address="10.0.0.4", count=8, active=1, idle=5,
                     idle_in_transaction=2, oldest_idle_in_transaction_s=75.0, own=True, queries=("SELECT 1",)),
        SessionGroup(application=None, user=None, address=None, count=4),
    ),
    timeouts=ServerTimeouts(idle_session_s=28_800.0),
    findings=(Finding(code="PS104", severity="warning", message="Two applications.", remedy="Name one by --own."),),
    unread=(Unread(name="memory", reason="The server is not on this machine.", remedy="--connect-cost"),),
    next=("poolsize recommend --workers 4", "poolsize history"),
)  # fmt: skip


def shown(renderable: RenderableType) -> list[str]:
    out = io.StringIO()
    Console(file=out, width=80, highlight=False).print(renderable)
    return [line.rstrip() for line in out.getvalue().splitlines()]


def test_every_part_of_a_probe_is_told() -> None:
    lines = shown(probe_report(FACTS))
    for line in (
        "PostgreSQL 16.4 at db.example.com:5432/shop as app",
        "not on this machine, TLSv1.3, certificate verified by system (verify-full)",
        "through pgbouncer 1.23.1, pool mode transaction: SHOW VERSION answers",
        "  tls  11 ms  92 %",
        "  20 samples from web-1 with libpq 17.2",
        "  round trip of a statement 500 µs, of an empty transaction 1.5 ms",
        "20 connections are available to this service",
        "  layer   limit  others  available   used   free",
        "  server     97       4         93     12     85",
        "          max_connections 100 - 3 reserved for superusers",
        "  role       20       ?         20      ?      ?",
        "The server ends idle sessions after 8 h.",
        "PS104 Two applications.",
        "      Name one by --own.",
        "      memory: The server is not on this machine. (--connect-cost)",
        "Next: poolsize recommend --workers 4, or poolsize history",
    ):
        assert line in lines, "\n".join(lines)
    assert any("shop *" in line and "2 (oldest 75 s)" in line for line in lines)


def test_a_query_is_told_across_the_whole_width_and_obeyed_by_no_terminal() -> None:
    query = "SELECT name\n  FROM customers\n WHERE city = 'Utrecht' AND name <> '\x1b[2J' AND paid_at IS NULL"
    group = SessionGroup(application="shop", user="app", address="10.0.0.4", count=2, queries=(query, "SELECT 1"))
    lines = shown(probe_report(DatabaseFacts(sessions=(group, SessionGroup(application="a", user="b", address=None,
                                                                            count=1)))))  # fmt: skip
    start = lines.index("  Queries of shop as app from 10.0.0.4")
    assert lines[start + 1 :] == [
        "    SELECT name FROM customers WHERE city = 'Utrecht' AND name <> '?[2J' AND",
        "    paid_at IS NULL",
        "    SELECT 1",
    ]


def test_what_is_not_known_is_left_out() -> None:
    lines = shown(probe_report(DatabaseFacts(database=Database(dialect="mysql", host="db"))))
    assert lines == ["MySQL at db", "not on this machine"]


def test_one_connection_is_not_several() -> None:
    facts = DatabaseFacts(limits=limits_of((Layer(name="role", limit=1, used=1, others=0),)))
    assert "1 connection is available to this service, 0 free now" in shown(probe_report(facts))


def test_sqlite_has_a_writer_and_no_count_of_connections() -> None:
    writer = Layer(name="writer", limit=1, setting="SQLite lets one connection write at a time")
    facts = DatabaseFacts(database=Database(dialect="sqlite", name="a.db", is_local=True), limits=limits_of((writer,)))
    lines = shown(probe_report(facts))
    assert lines[-1] == "SQLite lets one connection write at a time, and any number read."
    assert not any("available" in line for line in lines)


def test_the_history_has_a_head_a_finding_and_what_changed_for_each_entry() -> None:
    probe = HistoryEntry(
        id=10, kind="probe", target="postgresql://application_web:***@database.internal.example.com:5432/shop",
        saved_at="2026-11-24T22:16:26Z", summary="37 of 37 connections available",
        changes=("usable 50 → 37", "others 3 → 9"),
    )  # fmt: skip
    answer = HistoryEntry(id=9, kind="recommend", target="", saved_at="2026-11-24T22:15:00Z", summary="fits: 3 + 0",
                          reproduce="poolsize recommend --workers 4")  # fmt: skip
    lines = shown(history_report(HistoryDocument(store="sqlite:///h.db", entries=(probe, answer))))
    assert lines == [
        "10  2026-11-24 22:16 UTC  probe  postgresql://application_web:***@database.inte…",
        "    37 of 37 connections available",
        "    changed: usable 50 → 37, others 3 → 9",
        " 9  2026-11-24 22:15 UTC  recommend",
        "    fits: 3 + 0",
        "    poolsize recommend --workers 4",
    ]
    assert shown(history_report(HistoryDocument(store="sqlite:///h.db"))) == [
        "Nothing is stored yet in sqlite:///h.db."
    ]
