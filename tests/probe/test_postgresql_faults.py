"""Everything that can go wrong with PostgreSQL, on real servers: the right error, in time, no password."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest

from poolsize.errors import (
    AuthenticationError,
    DatabaseError,
    DsnError,
    TlsError,
    TooManyConnectionsError,
    UnknownDatabaseError,
    UnreachableError,
)
from poolsize.probe import ProbeOptions, postgresql_libpq, probe
from tests.conftest import Address
from tests.probe.faults import QUICK, assert_no_password, interrupt_often, refused
from tests.servers import PASSWORD, PgBouncerServer, PostgresServer, process, started_pgbouncer, started_postgres


def scram(server: PostgresServer, **options: str) -> str:
    return server.dsn("scram", password=server.password, **options)


def names_of_unread(error: DatabaseError) -> set[str]:
    assert error.facts is not None
    return {entry.name for entry in error.facts.unread}


@pytest.fixture
def quiet() -> Iterator[PostgresServer]:
    with started_postgres(tls=False) as server:
        yield server


def encrypted(server: PostgresServer) -> str:
    """A role that no pooler of the tests uses, so that every session of it is the probe's."""
    return server.dsn("hostssl", password=server.password)


def sessions_of_poolsize(server: PostgresServer) -> int:
    count = (
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'poolsize' AND usename IN ('hostssl', 'trust')"
    )
    return int(str(server.run(count)[0][0]))


def wait_for_none(server: PostgresServer) -> None:
    """A back end needs a moment to notice that its client is gone."""
    end = time.monotonic() + 2
    while sessions_of_poolsize(server) and time.monotonic() < end:
        time.sleep(0.02)
    assert sessions_of_poolsize(server) == 0


def test_a_wrong_password_is_one_sentence(postgres15: PostgresServer, postgres18: PostgresServer) -> None:
    for server in (postgres15, postgres18):
        error = refused(server.dsn("scram", password=PASSWORD + "!"), AuthenticationError)
        assert "28P01" in error.message
        assert 'user "scram"' in error.message


def test_a_password_from_the_environment_shows_as_little(
    postgres15: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPASSWORD", PASSWORD + "!")
    assert "28P01" in refused(postgres15.dsn("scram"), AuthenticationError).message


def test_a_password_that_is_not_encoded_is_refused_or_read_whole(quiet: PostgresServer) -> None:
    """With an `@` in it nobody knows where the host begins; the rest reads as SQLAlchemy has it."""
    place = f"{quiet.host}:{quiet.port}/app"
    with pytest.raises(DsnError) as caught:
        probe(f"postgresql://scram:{PASSWORD}@{place}")
    assert_no_password(str(caught.value))
    quiet.create_role("plain", password="s3cr/e?t#5'6")
    facts = probe(f"postgresql://plain:s3cr/e?t#5'6@{place}", QUICK)
    assert facts.database is not None
    assert facts.database.user == "plain"
    assert_no_password(repr(facts))


def test_a_missing_password_says_where_one_may_stand(postgres15: PostgresServer) -> None:
    assert "PGPASSWORD" in refused(postgres15.dsn("scram"), AuthenticationError).message


def test_an_unknown_database_is_named(postgres15: PostgresServer) -> None:
    error = refused(scram(postgres15, database="nowhere"), UnknownDatabaseError)
    assert 'database "nowhere" does not exist (3D000)' in error.message


def test_a_database_that_the_role_may_not_enter_is_an_authentication_error() -> None:
    with started_postgres(tls=False) as server:
        server.create_database("closed")
        server.run("REVOKE CONNECT ON DATABASE closed FROM PUBLIC")
        assert "42501" in refused(scram(server, database="closed"), AuthenticationError).message


def test_a_closed_port_refuses(closed_port: int) -> None:
    error = refused(f"postgresql://scram:s3cr@127.0.0.1:{closed_port}/app", UnreachableError)
    assert error.message == f"127.0.0.1:{closed_port} refuses connections: no server listens there."
    assert error.facts is not None
    assert error.facts.database is not None
    assert (error.facts.database.host, error.facts.database.port) == ("127.0.0.1", closed_port)
    assert {"limits", "connect", "sessions"} <= names_of_unread(error)


def test_a_socket_that_is_not_there_is_named(tmp_path: Path) -> None:
    error = refused(f"host={tmp_path} user=scram", UnreachableError)
    assert str(tmp_path) in error.message


def test_a_host_that_never_answers_is_given_up_in_time(silent_host: Address, unanswering_host: Address) -> None:
    for host in (silent_host, unanswering_host):
        error = refused(f"postgresql://scram:s3cr@{host.host}:{host.port}/app", UnreachableError)
        assert "gave no answer within 1 s" in error.message


def test_an_unknown_host_name_is_named() -> None:
    assert "'db.invalid'" in refused("postgresql://scram:s3cr@db.invalid/app", UnreachableError).message


def test_what_is_no_postgresql_is_said_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as web:

        def answer() -> None:
            with web.accept()[0] as connection:
                connection.recv(100)
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        error = refused(f"postgresql://scram:s3cr@127.0.0.1:{web.getsockname()[1]}/app", UnreachableError)
        thread.join()
    assert "is not PostgreSQL" in error.message


def test_tls_demanded_of_a_server_without_it(postgres18: PostgresServer) -> None:
    assert "does not support SSL" in refused(scram(postgres18, sslmode="require"), TlsError).message


def test_an_unknown_authority_names_the_option_that_mends_it(
    postgres15: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))  # no root.crt of the person who runs this
    assert "sslrootcert=FILE" in refused(scram(postgres15, sslmode="verify-full"), TlsError).message
    with started_postgres() as other:
        stranger = scram(postgres15, sslmode="verify-ca", sslrootcert=str(other.root_certificate))
        assert "sslrootcert=FILE" in refused(stranger, TlsError).message


def test_a_certificate_of_another_name_is_refused(postgres15: PostgresServer) -> None:
    dsn = f"host=elsewhere.example hostaddr=127.0.0.1 port={postgres15.port} user=trust dbname=app"
    error = refused(f"{dsn} sslmode=verify-full sslrootcert={postgres15.root_certificate}", TlsError)
    assert "in the certificate" in error.message


def test_a_server_that_demands_tls_says_how_to_ask_for_it(postgres15: PostgresServer) -> None:
    dsn = postgres15.dsn("hostssl", password=PASSWORD, sslmode="disable")
    assert "sslmode=require" in refused(dsn, TlsError).message


def test_every_slot_taken_is_an_answer_with_what_is_known() -> None:
    with started_postgres(max_connections=8, tls=False) as server, ExitStack() as held:
        for _ in range(5):
            held.enter_context(psycopg.connect(server.dsn("trust")))
        error = refused(scram(server), TooManyConnectionsError)
        assert "53300" in error.message
        assert "pg_terminate_backend" in error.message
        assert error.facts is not None
        assert error.facts.database is not None
        assert (error.facts.database.user, error.facts.database.name) == ("scram", "app")
        assert error.facts.limits is None
        assert {"limits", "connect", "sessions", "timeouts", "memory", "round_trip_s"} <= names_of_unread(error)


@pytest.mark.skipif(shutil.which("localedef") is None, reason="no localedef to make a locale with")
@pytest.mark.parametrize("has_codes", [True, False])
def test_a_server_that_speaks_another_language_is_understood_by_its_codes(
    has_codes: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the codes (on Windows) a refusal is still the server's and not taken for a lost network."""
    with process.server_folder(process.account("postgres")) as folder:
        folder.chmod(0o755)
        made = subprocess.run(["localedef", "-i", "ru_RU", "-f", "UTF-8", folder / "ru_RU.UTF-8"], check=False)
        if made.returncode > 1:  # 1: with warnings
            pytest.skip("no source of the locale ru_RU (Debian: locales)")
        plain = process._surroundings
        monkeypatch.setattr(
            process,
            "_surroundings",
            lambda *where: (found := plain(*where)) | {"env": {**found["env"], "LOCPATH": str(folder)}},
        )
        if not has_codes:
            monkeypatch.setattr(postgresql_libpq, "_library", lambda: None)
        with started_postgres(tls=False, lc_messages="ru_RU.UTF-8") as server:
            wrong = refused(server.dsn("scram", password="wrong"), AuthenticationError if has_codes else DatabaseError)
            unknown = scram(server, database="nowhere")
            refused(unknown, UnknownDatabaseError if has_codes else DatabaseError)
    assert "authentication failed" not in wrong.message
    assert ("28P01" in wrong.message) == has_codes


@pytest.mark.parametrize("options", ["ROLE few CONNECTION LIMIT 1", "DATABASE narrow CONNECTION LIMIT 1"])
def test_the_limit_of_a_role_or_a_database_says_what_frees_a_slot(options: str) -> None:
    with started_postgres(tls=False) as server:
        server.create_role("few")
        server.create_database("narrow", "OWNER few")
        server.run(f"ALTER {options}")
        dsn = server.dsn("few", password=PASSWORD, database="narrow")
        with psycopg.connect(dsn):
            assert f"ALTER {options.split()[0]} ... CONNECTION LIMIT" in refused(dsn, TooManyConnectionsError).message


def test_the_last_free_slots_are_left_alone() -> None:
    with started_postgres(max_connections=8, tls=False) as server, ExitStack() as held:
        for _ in range(4):  # of the five that are not reserved
            held.enter_context(psycopg.connect(server.dsn("trust")))
        opened = len(connections_in_the_log(server))
        facts = probe(scram(server), QUICK)
        assert len(connections_in_the_log(server)) == opened + 1
        assert facts.limits is not None
        assert facts.limits.free_connections == 1
        assert facts.connect is not None
        assert facts.connect.samples == 1
        assert facts.connect.burst is None
        assert "connect" in {entry.name for entry in facts.unread}


def connections_in_the_log(server: PostgresServer) -> list[str]:
    return [line for line in server.log.read_text().splitlines() if "connection authorized" in line]


def test_a_burst_needs_ten_free_slots() -> None:
    with started_postgres(max_connections=12, tls=False) as server:
        facts = probe(scram(server), QUICK)
    assert facts.connect is not None
    assert facts.connect.samples == 10
    assert facts.connect.burst is None
    assert "connect.burst" in {entry.name for entry in facts.unread}


@pytest.mark.parametrize("end", ["kill", "stop"])
def test_a_server_that_ends_during_the_probe_leaves_the_facts_so_far(end: str) -> None:
    with started_postgres(tls=False) as server:

        def at(what: str, _share: float) -> None:
            if what.startswith("connection 3 "):
                getattr(server, end)()

        with pytest.raises(UnreachableError) as caught:
            probe(scram(server), ProbeOptions(samples=50, connect_timeout_s=1), on_progress=at)
    facts = caught.value.facts
    assert facts is not None
    assert facts.limits is not None
    assert facts.limits.max_connections == 40
    assert facts.connect is not None
    assert facts.connect.samples == 3
    assert_no_password(caught.value.message)


def test_a_server_that_freezes_while_it_is_asked_is_given_up() -> None:
    """The server's own statement timeout cannot help there."""
    with started_postgres(tls=False) as server:

        def at(what: str, _share: float) -> None:
            if what.startswith("reading"):
                for back_end in server.run("SELECT pid FROM pg_stat_activity WHERE application_name = 'poolsize'"):
                    os.kill(int(str(back_end[0])), signal.SIGSTOP)
                    frozen.append(int(str(back_end[0])))

        frozen: list[int] = []
        options = ProbeOptions(statement_timeout_s=0.2)
        try:
            with pytest.raises(UnreachableError, match="no answer to a statement"):
                probe(scram(server), options, on_progress=at)
        finally:
            for pid in frozen:
                os.kill(pid, signal.SIGCONT)


def test_no_time_is_a_partial_document_and_no_error(postgres15: PostgresServer) -> None:
    facts = probe(scram(postgres15), ProbeOptions(budget_s=0.001))
    assert facts.limits is not None
    assert facts.connect is not None
    assert facts.connect.samples == 1
    assert {"connect", "round_trip_s", "transaction_round_trip_s"} <= {entry.name for entry in facts.unread}


def test_the_budget_bounds_the_whole_probe(postgres15: PostgresServer) -> None:
    start = time.monotonic()
    facts = probe(scram(postgres15), ProbeOptions(budget_s=0.5, samples=100_000))
    assert time.monotonic() - start < 20  # of the minutes that all the samples take
    assert facts.connect is not None
    assert facts.connect.samples > 1


def test_nothing_stays_open(postgres15: PostgresServer) -> None:
    probe(encrypted(postgres15), QUICK)
    wait_for_none(postgres15)


@pytest.mark.parametrize("at", ["connecting", "reading", "connection 4 ", "3 connections at once"])
def test_an_interrupt_closes_everything(postgres15: PostgresServer, at: str) -> None:
    def interrupt(what: str, _share: float) -> None:
        if what.startswith(at):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        probe(encrypted(postgres15), QUICK, on_progress=interrupt)
    wait_for_none(postgres15)


def test_an_interrupt_at_any_moment_closes_everything() -> None:
    """In the middle of libpq's polls, of statements and of the burst."""
    with started_postgres(tls=False) as server:
        interrupt_often(lambda: probe(server.dsn("trust"), ProbeOptions(samples=10, burst=5)))
        wait_for_none(server)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_the_process_leaves_no_session(postgres15: PostgresServer, number: signal.Signals) -> None:
    program = (
        "import sys; from poolsize.probe import ProbeOptions, probe\n"
        "probe(sys.stdin.readline().strip(), ProbeOptions(samples=100000),"
        " on_progress=lambda what, share: print(what, flush=True))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as child:  # fmt: skip
        assert child.stdin is not None
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdin.write(encrypted(postgres15) + "\n")
        child.stdin.close()
        next(line for line in child.stdout if line.startswith("connection 5 "))
        child.send_signal(number)
        shown = child.stderr.read()
    assert_no_password(shown)
    wait_for_none(postgres15)


def test_a_misspelt_option_is_named_before_anything_is_opened() -> None:
    with pytest.raises(DsnError, match=r"sslmod.*did you mean sslmode"):
        probe("postgresql://scram:s3cr@127.0.0.1/app?sslmod=require")


def test_pgbouncers_refusals_are_told_apart(postgres15: PostgresServer, pgbouncer: PgBouncerServer) -> None:
    refused(pgbouncer.dsn(password=PASSWORD + "!"), AuthenticationError)
    refused(pgbouncer.dsn(database="nowhere"), UnknownDatabaseError)
    with started_pgbouncer(postgres15, max_client_conn=1) as narrow, psycopg.connect(narrow.dsn()):
        assert "max_client_conn" in refused(narrow.dsn(), TooManyConnectionsError).message
