"""The probe through PgBouncer, with and without rights on its console, and of the console itself."""

from __future__ import annotations

import psycopg
import pytest

from poolsize.datatypes import DatabaseFacts, Layer
from poolsize.errors import AuthenticationError, DatabaseError, TooManyConnectionsError
from poolsize.probe import ProbeOptions, probe
from poolsize.probe.pgbouncer import pooler
from poolsize.probe.pgbouncer_limits import Console, Pair, layers
from tests.probe.faults import QUICK, assert_no_password, refused
from tests.servers import (
    PASSWORD,
    PgBouncerServer,
    PostgresServer,
    started_pgbouncer,
    started_pgbouncer_with,
    started_postgres,
)

USERS = {"scram": PASSWORD, "postgres": PASSWORD}


def ini(server: PostgresServer, databases: str, *settings: str) -> str:
    section = ["[databases]", databases, "[pgbouncer]", "auth_type = scram-sha-256", "stats_users = scram", *settings]
    return "\n".join(section).replace("SERVER", f"host={server.host} port={server.port}") + "\n"


def layers_of(facts: DatabaseFacts) -> dict[str, Layer]:
    assert facts.limits is not None
    return {layer.name: layer for layer in facts.limits.layers}


def unread(facts: DatabaseFacts) -> set[str]:
    return {entry.name for entry in facts.unread}


def test_without_rights_on_the_console_it_is_recognised_by_more_than_one_sign(pgbouncer: PgBouncerServer) -> None:
    facts = probe(pgbouncer.dsn(), QUICK)
    assert facts.database is not None
    found = facts.database.pooler
    assert found is not None
    assert found.kind == "pgbouncer"
    assert len(found.signs) >= 2
    assert "limits.layers.pooler" in unread(facts)
    assert "stats_users = scram" in next(entry.remedy for entry in facts.unread if "pooler" in entry.name)
    assert list(layers_of(facts)) == ["server"]
    assert "the pooler's" in next(finding.message for finding in facts.findings if finding.code == "PS510")
    assert facts.connect is not None
    assert facts.memory is not None
    assert facts.memory.origin == "assumed"
    assert_no_password(repr(facts))


def test_a_server_without_a_pooler_is_not_taken_for_one(postgres15: PostgresServer) -> None:
    facts = probe(postgres15.dsn("trust"), QUICK)
    assert facts.database is not None
    assert facts.database.pooler is None


def test_with_rights_on_the_console_its_limits_are_layers(postgres15: PostgresServer) -> None:
    text = ini(
        postgres15,
        "app = SERVER pool_size=7 reserve_pool=2 max_db_connections=9\nother = SERVER dbname=app",
        "pool_mode = transaction",
        "default_pool_size = 4",
        "max_user_connections = 11",
        "max_client_conn = 60",
    )
    with (
        started_pgbouncer_with(text, users=USERS) as pooler_server,
        psycopg.connect(pooler_server.dsn(), autocommit=True) as own,
        psycopg.connect(pooler_server.dsn(database="other"), autocommit=True) as busy,
        psycopg.connect(pooler_server.dsn("postgres"), autocommit=True) as another,
    ):
        own.execute("SELECT 1")
        for holding in (busy, another):
            holding.execute("BEGIN")
            holding.execute("SELECT 1")
        facts = probe(pooler_server.dsn(), QUICK)
        of_other = layers_of(probe(pooler_server.dsn(database="other"), QUICK))
    assert facts.database is not None
    found = facts.database.pooler
    assert found is not None
    assert found.version is not None
    assert found.version.startswith("1.")
    assert found.pool_mode == "transaction"
    assert found.settings["max_client_conn"] == "60"
    assert found.settings["pool_size of database app"] == "7"
    counts = {name: (layer.limit, layer.used, layer.others) for name, layer in layers_of(facts).items()}
    assert counts["pooler"] == (7, 0, 0)
    assert counts["pooler database"] == (9, 1, 1)  # of the user postgres
    assert counts["pooler user"] == (11, 1, 1)  # of the database other
    assert counts["pooler client side"] == (60, 3, 2)
    assert "2 more" in layers_of(facts)["pooler"].setting
    assert facts.limits is not None
    assert facts.limits.usable_connections == 7
    assert facts.connect is not None
    assert facts.connect.burst is None  # fewer than ten slots in one layer
    assert (of_other["pooler"].limit, of_other["pooler"].used) == (4, 1)
    assert "limits.layers.pooler" not in unread(facts)


def test_the_pool_mode_of_a_database_comes_before_the_general_one(postgres15: PostgresServer) -> None:
    text = ini(postgres15, "app = SERVER pool_mode=session", "pool_mode = transaction")
    with started_pgbouncer_with(text, users=USERS) as pooler_server:
        database = probe(pooler_server.dsn(), QUICK).database
    assert database is not None
    assert database.pooler is not None
    assert database.pooler.pool_mode == "session"


def test_a_pooler_that_allows_no_transaction_is_asked_without(postgres15: PostgresServer) -> None:
    with started_pgbouncer(postgres15, pool_mode="statement") as pooler_server:
        facts = probe(pooler_server.dsn(), QUICK)
    assert facts.limits is not None
    assert facts.limits.max_connections == 40
    assert facts.round_trip_s is not None
    assert facts.transaction_round_trip_s is None
    assert "transaction_round_trip_s" in unread(facts)


def test_no_setting_stays_with_a_shared_server_connection(postgres15: PostgresServer) -> None:
    with started_pgbouncer(postgres15, default_pool_size=1) as pooler_server:
        probe(pooler_server.dsn(), ProbeOptions(samples=3, burst=0, statement_timeout_s=2.5))
        with psycopg.connect(pooler_server.dsn(), autocommit=True) as client:  # on the very same server connection
            row = client.execute(
                "SELECT current_setting('statement_timeout'), current_setting('transaction_read_only')"
            ).fetchone()
    assert row == ("0", "off")


def test_a_full_server_behind_the_pooler_is_an_answer() -> None:
    with started_postgres(max_connections=5, superuser_reserved_connections=3, tls=False) as server:
        held = [psycopg.connect(server.dsn("trust")) for _ in range(2)]
        with started_pgbouncer(server) as pooler_server:
            error = refused(pooler_server.dsn(), TooManyConnectionsError)
        for connection in held:
            connection.close()
    assert "reserved" in error.message


def test_the_console_is_answered_with_its_limits(pgbouncer: PgBouncerServer) -> None:
    error = refused(pgbouncer.stats_dsn, DatabaseError)
    assert "console of PgBouncer 1." in error.message
    assert error.facts is not None
    assert error.facts.database is not None
    assert error.facts.database.pooler is not None
    assert error.facts.database.pooler.kind == "pgbouncer"
    assert layers_of(error.facts)["pooler client side"].limit == 100
    assert {"connect", "round_trip_s", "timeouts"} <= unread(error.facts)


def test_a_console_that_this_user_may_not_use_is_said_so(pgbouncer: PgBouncerServer) -> None:
    error = refused(pgbouncer.dsn(database="pgbouncer"), AuthenticationError)
    assert "may not use its console" in error.message


@pytest.mark.parametrize("pool_size", [" 3", None])
def test_columns_of_newer_versions_are_read_by_name(pool_size: str | None) -> None:
    """SHOW of 1.24 and later, which no package of this machine has: src/admin.c writes these columns."""
    console = Console(
        version="1.26.1",
        config={"max_client_conn": "50", "max_user_connections": "0", "pool_mode": "session"},
        databases=[
            {"name": "app", "force_user": None, "pool_size": "20", "reserve_pool_size": "0", "pool_mode": None,
             "max_connections": "0", "max_client_connections": "30"},
        ],
        users=[
            {"name": "web", "pool_size": pool_size, "pool_mode": "transaction", "max_user_connections": "8",
             "max_user_client_connections": "25"},
        ],
        pools=[
            {"database": "app", "user": "web", "cl_active": "4", "cl_waiting": "1", "sv_active": "2", "sv_idle": "1",
             "sv_used": "0", "sv_tested": "0", "sv_login": "0", "sv_active_cancel": "0", "sv_being_canceled": "0"},
        ],
    )  # fmt: skip
    pair = Pair("app", "web")
    found = {layer.name: (layer.limit, layer.used, layer.others) for layer in layers(console, pair)}
    assert found == {
        "pooler": (3 if pool_size else 20, 2, 0),
        "pooler user": (8, 2, 0),
        "pooler client side": (25, 5, 0),
    }
    assert pooler((), {}, console, "", pair).pool_mode == "transaction"


def test_a_pooler_that_is_not_pgbouncer_is_not_called_so() -> None:
    found = pooler(("another process answers",), {}, None, 'database "pgbouncer" does not exist', Pair("app", "web"))
    assert found.kind == "unknown"
