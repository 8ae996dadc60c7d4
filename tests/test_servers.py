"""The tests' own servers are what they claim to be."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import psycopg
import pytest

from tests.conftest import Address
from tests.programs import SERVERS, Server
from tests.servers import PgBouncerServer, PostgresServer, started_postgres
from tests.servers.process import needed

ROOT = Path(__file__).parent.parent


def current_user(dsn: str) -> str:
    with psycopg.connect(dsn, connect_timeout=5) as connection:
        row = connection.execute("SELECT current_user").fetchone()
    assert row is not None
    return str(row[0])


def test_scram_needs_the_password_and_trust_none(postgres15: PostgresServer, postgres18: PostgresServer) -> None:
    for server in (postgres15, postgres18):
        assert current_user(server.dsn("scram", password=server.password)) == "scram"
        assert current_user(server.dsn("trust")) == "trust"
        assert current_user(server.admin_dsn) == "postgres"
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            current_user(server.dsn("scram", password=server.password + "!"))


def test_tls_is_verified_against_the_tests_own_root(postgres15: PostgresServer) -> None:
    for host in ("localhost", "127.0.0.1"):
        verified = {"sslmode": "verify-full", "sslrootcert": str(postgres15.root_certificate)}
        assert current_user(postgres15.dsn("hostssl", password=postgres15.password, host=host, **verified)) == "hostssl"


def test_a_role_without_the_encryption_it_needs_finds_no_entry(postgres15: PostgresServer) -> None:
    for user, sslmode in (("hostssl", "disable"), ("hostnossl", "require")):
        with pytest.raises(psycopg.OperationalError, match=r"no pg_hba\.conf entry"):
            current_user(postgres15.dsn(user, password=postgres15.password, sslmode=sslmode))


def test_the_wheels_postgres_has_no_tls(postgres18: PostgresServer) -> None:
    with pytest.raises(psycopg.OperationalError, match="server does not support SSL"):
        current_user(postgres18.dsn("trust", sslmode="require"))


def test_pgbouncer_leads_to_the_server_and_to_its_console(pgbouncer: PgBouncerServer) -> None:
    assert current_user(pgbouncer.dsn()) == "scram"
    for dsn in (pgbouncer.admin_dsn, pgbouncer.stats_dsn):
        with psycopg.connect(dsn, autocommit=True) as console:
            assert console.execute("SHOW VERSION", prepare=False).fetchone() is not None


def test_a_server_of_ones_own_takes_settings_and_comes_back_after_a_stop_and_a_kill() -> None:
    with started_postgres(max_connections=8, tls=False) as server:
        server.create_role("few", "CONNECTION LIMIT 3")
        server.create_database("other", "OWNER few CONNECTION LIMIT 2")
        assert server.run("SHOW max_connections") == [("8",)]
        for end in (server.stop, server.kill):
            end()
            with pytest.raises(psycopg.OperationalError):
                current_user(server.dsn("trust"))
            server.start()
            assert current_user(server.dsn("few", password=server.password, database="other")) == "few"


KILLED = """
import os, signal
from tests.servers import started_pgbouncer, started_postgres
with started_postgres(tls=False) as server, started_pgbouncer(server) as pooler:
    print(server.folder, pooler.folder, sep="\\n", flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_servers_end_with_tests_that_are_killed() -> None:
    killed = subprocess.run([sys.executable, "-c", KILLED], cwd=ROOT, capture_output=True, text=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    folders = [Path(line) for line in killed.stdout.splitlines()]
    assert len(folders) == 2
    end = time.monotonic() + 20
    while any(folder.exists() for folder in folders) and time.monotonic() < end:
        time.sleep(0.05)
    commands = [" ".join(process.info["cmdline"] or ()) for process in psutil.process_iter(["cmdline"])]
    for folder in folders:
        assert not folder.exists()
        assert not [command for command in commands if f"{folder}/" in command]


def test_a_missing_server_skips_with_the_command_and_fails_on_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    absent = Server("Absent", lambda: None, "absent", "absent", "absent")
    monkeypatch.setitem(SERVERS, "Absent", absent)
    for ci, outcome in (("", pytest.skip.Exception), ("1", pytest.fail.Exception)):
        monkeypatch.setenv("POOLSIZE_CI", ci)
        with pytest.raises(outcome, match=r"^Absent is not installed: .*install"):
            needed("Absent")


def test_a_closed_port_refuses(closed_port: int) -> None:
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", closed_port), 1)


def test_a_silent_host_accepts_and_an_unanswering_one_does_not(silent_host: Address, unanswering_host: Address) -> None:
    with socket.create_connection(silent_host, 0.2) as connection, pytest.raises(TimeoutError):
        connection.recv(1)
    start = time.monotonic()
    with pytest.raises(TimeoutError):
        socket.create_connection(unanswering_host, 0.2)
    assert time.monotonic() - start >= 0.2
