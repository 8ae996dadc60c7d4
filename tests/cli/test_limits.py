"""Where `recommend` has its limits from: the order of the sources, what is said of them, and what contradicts."""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from tests.cli.program import Done, Program
from tests.servers import PASSWORD, MariaDbServer, PostgresServer

FEW = ("--samples", "10", "--burst", "0")
LOAD = ("--workers", "4", "--rate", "80", "--hold", "20ms")


def source_of(done: Done) -> str:
    source: str = done.document["limits_source"]
    return source


def place(dsn: str) -> str:
    """`127.0.0.1:5432/app`"""
    return dsn.rpartition("@")[2].partition("?")[0]


def head(done: Done) -> str:
    """The first lines of an answer, up to the table."""
    return " ".join(done.out.partition("\n\n")[0].split())


@pytest.fixture
def dsn(postgres15: PostgresServer) -> str:
    return postgres15.dsn("scram", password=PASSWORD, sslmode="disable")


def test_nothing_known_is_postgresqls_default_and_said_to_be_assumed(poolsize: Program) -> None:
    done = poolsize("recommend", "--workers", "4")
    assert done.code == 0
    assert "Limits: PostgreSQL's default, assumed." in head(done)
    assert "of 94 (server 97 - 3 others)" in head(done)


def test_a_dsn_is_probed_first_and_the_probe_is_kept(dsn: str, poolsize: Program) -> None:
    done = poolsize("recommend", dsn, *LOAD, "--json")
    assert done.code == 0
    assert source_of(done) == f"probe of {place(dsn)}, just now"
    assert done.document["inputs"]["connect_cost_s"]["origin"] == "measured"
    kinds = [entry["kind"] for entry in poolsize("history", "--json").document["entries"]]
    assert kinds == ["recommend", "probe"]


def test_the_order_of_the_sources(
    dsn: str, postgres15: PostgresServer, mariadb: MariaDbServer, poolsize: Program
) -> None:
    """What is stated, the stored probe of DATABASE_URL, the last probe."""
    other = mariadb.dsn()
    assert poolsize("probe", dsn, *FEW).code == 0
    assert poolsize("probe", other, *FEW).code == 0
    environment = {"DATABASE_URL": dsn}
    stated = poolsize("recommend", *LOAD, "--max-connections", "60", "--json", variables=environment)
    assert source_of(stated) == "--max-connections 60"
    provider = ("--provider", "rds-postgresql", "--db-memory", "8GB")
    assert "RDS" in source_of(poolsize("recommend", *LOAD, *provider, "--json", variables=environment))
    matching = poolsize("recommend", *LOAD, "--json", variables=environment).document
    assert matching["database"]["dialect"] == "postgresql"
    assert matching["limits_source"] == f"probe of {place(dsn)}, just now"
    last = poolsize("recommend", *LOAD, "--json", variables={"DATABASE_URL": "postgresql://elsewhere/x"}).document
    assert last["database"]["dialect"] == "mariadb"
    assert poolsize("recommend", *LOAD, "--json").document["database"]["dialect"] == "mariadb"
    # Another password or none is the same database.
    renewed = {"DATABASE_URL": postgres15.dsn("scram", password="renewed", sslmode="disable")}
    assert poolsize("recommend", *LOAD, "--json", variables=renewed).document["database"]["dialect"] == "postgresql"


def test_the_last_probe_is_never_used_on_ci(dsn: str, poolsize: Program) -> None:
    assert poolsize("probe", dsn, *FEW).code == 0
    ci = poolsize("recommend", *LOAD, "--json", variables={"CI": "true"})
    assert source_of(ci) == "PostgreSQL's default, assumed"
    matching = poolsize("recommend", *LOAD, "--json", variables={"CI": "true", "DATABASE_URL": dsn})
    assert source_of(matching) == f"probe of {place(dsn)}, just now"


def test_an_old_probe_is_told_with_its_host_and_age_and_warned_of(dsn: str, poolsize: Program) -> None:
    assert poolsize("probe", dsn, *FEW).code == 0
    for age, said, warns in (
        (timedelta(hours=3), "3 hours ago", False),
        (timedelta(days=6, hours=23), "7 days ago", False),
        (timedelta(days=8), "8 days ago", True),
    ):
        age_history(poolsize, age)
        done = poolsize("recommend", *LOAD)
        assert f"Limits: probe of {place(dsn)}, {said}." in head(done)
        assert ("PS102" in done.out) == warns
        codes = {finding["code"] for finding in poolsize("recommend", *LOAD, "--json").document["findings"]}
        assert ("PS102" in codes) == warns


def age_history(poolsize: Program, age: timedelta) -> None:
    """As if every probe in the history were that old."""
    then = datetime.now(UTC) - age
    with closing(sqlite3.connect(poolsize.history)) as connection, connection:
        for number, text in connection.execute("SELECT id, document FROM poolsize_documents WHERE kind = 'probe'"):
            document: dict[str, Any] = json.loads(text) | {"measured_at": then.isoformat(timespec="seconds")}
            connection.execute(
                "UPDATE poolsize_documents SET document = ?, saved_at = ? WHERE id = ?",
                (json.dumps(document), then.strftime("%Y-%m-%dT%H:%M:%SZ"), number),
            )


def test_the_highest_others_of_the_stored_probes_count(postgres15: PostgresServer, dsn: str, poolsize: Program) -> None:
    with ExitStack() as held:
        for _ in range(7):
            held.enter_context(psycopg.connect(postgres15.dsn("trust")))
        assert poolsize("probe", dsn, *FEW).code == 0
    end_of_sessions(postgres15)
    assert poolsize("probe", dsn, *FEW).code == 0
    (server,) = [
        check for check in poolsize("recommend", *LOAD, "--json").document["limits"] if check["name"] == "server"
    ]
    assert server["others"] == 7
    stated = poolsize("recommend", *LOAD, "--others", "11", "--json").document["limits"]
    assert stated[0]["others"] == 11
    anew = poolsize("recommend", dsn, *LOAD, "--json").document
    assert anew["limits"][0]["others"] == 7
    others = anew["inputs"]["others"]
    assert (others["value"], others["origin"]) == (7, "measured")
    assert re.fullmatch(
        rf"probe of {re.escape(place(dsn))}, just now; the most were seen at 20\d\d-[\d-]+T[\d:]+Z", others["source"]
    )
    # Of what is not kept, nothing is remembered either.
    assert poolsize("recommend", dsn, *LOAD, "--json", "--no-save").document["limits"][0]["others"] == 3
    # A name that nobody has makes every session another's, and says nothing of the probes without it.
    assert poolsize("probe", dsn, *FEW, "--own", "nobody").code == 0
    assert poolsize("recommend", dsn, *LOAD, "--json").document["limits"][0]["others"] == 7


def end_of_sessions(server: PostgresServer) -> None:
    """A back end needs a moment to notice that its client is gone."""
    while int(str(server.run("SELECT count(*) FROM pg_stat_activity WHERE usename = 'trust'")[0][0])):
        pass


def test_what_is_stated_wins_over_what_was_measured(dsn: str, poolsize: Program) -> None:
    assert poolsize("probe", dsn, *FEW).code == 0
    inputs = poolsize("recommend", *LOAD, "--connect-cost", "123ms", "--db-cores", "7", "--json").document["inputs"]
    assert inputs["connect_cost_s"] == {"value": 0.123, "origin": "stated", "source": "--connect-cost"}
    assert poolsize("recommend", *LOAD, "--max-connections", "60", "--json").document["limits"][0]["limit"] == 57


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("sqlite://", "--max-connections", "9"), "a DSN and --max-connections both say"),
        (("--max-connections", "9", "--provider", "neon"), "--max-connections and --provider both say"),
        (("sqlite://", "--provider", "neon"), "a DSN and --provider both say"),
        (("--reserved", "3"), "--reserved goes with --max-connections or --provider."),
        (("--db-memory", "8GB"), "--db-memory goes with --provider."),
        (("--max-connections", "9", "--db-memory", "8GB"), "--db-memory goes with --provider."),
        (("--dialect", "mysql"), "--dialect goes with --max-connections."),
        (("--max-connections", "9", "--dialect", "oracle"), "oracle"),
        (("--provider", "rds-postgresql", "--db-memory", "8"), "8"),
    ],
)
def test_what_contradicts_is_refused(options: tuple[str, ...], says: str, poolsize: Program) -> None:
    done = poolsize("recommend", "--workers", "4", *options)
    assert done.code == 2
    assert says in done.sentence
    assert done.out == ""


def test_a_variable_that_poolsize_cannot_read_is_a_note(poolsize: Program) -> None:
    done = poolsize("recommend", "--workers", "4", variables={"DATABASE_URL": "oracle://app:s3cret@h/d"})
    assert done.code == 0
    assert done.sentence.startswith("DATABASE_URL is not used: The DSN's scheme 'oracle' is not one of ")
    assert "Limits: PostgreSQL's default, assumed." in head(done)
