"""The probe of PostgreSQL 15 with TLS and 18 without, on real servers."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import LiteralString

import psycopg
import pytest

from poolsize.datatypes import DatabaseFacts, Layer, Limits
from poolsize.dsn import parse
from poolsize.probe import ProbeOptions, probe
from poolsize.probe.measuring import planned_logins
from poolsize.probe.postgresql_connect import Connector
from poolsize.probe.postgresql_place import AURORA, ROLES
from poolsize.providers import PROVIDERS
from tests.conftest import Address
from tests.probe.faults import QUICK, assert_no_password
from tests.servers import PASSWORD, PostgresServer, process, started_postgres
from tests.servers.wheel import wheel_programs


def scram(server: PostgresServer, **options: str) -> str:
    return server.dsn("scram", password=server.password, **options)


def limits_of(facts: DatabaseFacts) -> Limits:
    assert facts.limits is not None
    return facts.limits


def layer(facts: DatabaseFacts, name: str) -> Layer:
    return next(found for found in limits_of(facts).layers if found.name == name)


def unread(facts: DatabaseFacts) -> dict[str, str]:
    return {entry.name: entry.remedy for entry in facts.unread}


@contextmanager
def connected(*dsns: str) -> Iterator[list[psycopg.Connection]]:
    with ExitStack() as opened:
        yield [opened.enter_context(psycopg.connect(dsn, autocommit=True)) for dsn in dsns]


@pytest.fixture
def quiet() -> Iterator[PostgresServer]:
    """A server that nobody else uses, so that its sessions can be counted."""
    with started_postgres() as server:
        yield server


def test_a_role_without_privileges_gets_a_right_answer_and_the_list_of_what_it_may_not_see(
    quiet: PostgresServer,
) -> None:
    with connected(quiet.dsn("trust"), quiet.dsn("trust"), scram(quiet)):
        facts = probe(scram(quiet), QUICK)
    assert facts.database is not None
    assert (facts.database.dialect, facts.database.name, facts.database.user) == ("postgresql", "app", "scram")
    assert facts.database.server_version == ".".join(str(part) for part in quiet.version)
    assert facts.database.pooler is None
    limits = limits_of(facts)
    assert (limits.max_connections, limits.reserved_connections, limits.usable_connections) == (40, 3, 37)
    assert (limits.used_connections, limits.other_connections) == (3, 2)
    assert (limits.available_connections, limits.free_connections) == (35, 34)
    masked = next(group for group in facts.sessions if group.user == "trust")
    assert (masked.count, masked.active, masked.idle, masked.idle_in_transaction) == (2, None, None, None)
    assert masked.address is None
    assert unread(facts)["sessions.state"] == 'GRANT pg_read_all_stats TO "scram"'
    assert facts.connect is not None
    assert facts.connect.samples == 10
    assert facts.connect.burst is not None
    assert facts.connect.burst.first_s <= facts.connect.burst.p50_s <= facts.connect.burst.last_s
    assert facts.round_trip_s is not None
    assert facts.transaction_round_trip_s is not None
    assert facts.round_trip_s < facts.transaction_round_trip_s < facts.connect.p50_s
    assert_no_password(repr(facts))


@pytest.mark.parametrize("user", ["scram", "trust"])
def test_postgresql_18_is_probed_with_and_without_a_password(postgres18: PostgresServer, user: str) -> None:
    facts = probe(postgres18.dsn(user, password=PASSWORD if user == "scram" else None), QUICK)
    assert facts.database is not None
    assert facts.database.server_version is not None
    assert facts.database.server_version.startswith("18.")
    assert facts.database.tls is not None
    assert not facts.database.tls.used
    assert facts.connect is not None
    names = [phase.name for phase in facts.connect.phases]
    assert names == ["tcp", "tls (declined)", "authentication + start-up"]


def test_phases_sum_to_the_time_a_connection_takes(postgres15: PostgresServer) -> None:
    connector = Connector(parse(scram(postgres15, host="localhost")), QUICK)
    connector.open().close()
    walls, sums = [], []
    for _ in range(60):
        start = time.perf_counter()
        session = connector.open()
        walls.append(time.perf_counter() - start)
        sums.append(sum(session.phases.values()))
        session.close()
    assert list(session.phases) == ["name resolution", "tcp", "tls", "authentication + start-up"]
    assert sorted(sums)[30] == pytest.approx(sorted(walls)[30], rel=0.02)
    cost = probe(scram(postgres15), QUICK).connect
    assert cost is not None
    assert sum(phase.mean_s for phase in cost.phases) == pytest.approx(cost.mean_s, rel=0.02)


def test_a_socket_has_no_tls_and_no_tcp(postgres15: PostgresServer) -> None:
    facts = probe(f"host={postgres15.folder} port={postgres15.port} user=postgres dbname=app", QUICK)
    assert facts.connect is not None
    assert [phase.name for phase in facts.connect.phases] == ["unix socket", "authentication + start-up"]
    assert facts.database is not None
    assert facts.database.host == str(postgres15.folder)


def test_tls_is_reported_as_it_was_asked_for_and_used(
    postgres15: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    root = str(postgres15.root_certificate)

    def tls(**options: str) -> tuple[object, ...]:
        database = probe(scram(postgres15, **options), QUICK).database
        assert database is not None
        assert database.tls is not None
        found = database.tls
        return found.used, found.requested, found.version, found.verified, found.root

    assert tls() == (True, "prefer", "TLSv1.3", False, None)
    assert tls(sslmode="disable") == (False, "disable", None, False, None)
    assert tls(sslmode="require") == (True, "require", "TLSv1.3", False, None)
    assert tls(sslmode="verify-full", sslrootcert=root) == (True, "verify-full", "TLSv1.3", True, root)
    default = tmp_path / ".postgresql" / "root.crt"
    default.parent.mkdir()
    default.write_text(Path(root).read_text())
    assert tls(sslmode="verify-ca") == (True, "verify-ca", "TLSv1.3", True, str(default))
    assert tls(sslmode="require") == (True, "require", "TLSv1.3", True, str(default))  # libpq verifies then too


def test_each_layer_counts_its_own_users(quiet: PostgresServer) -> None:
    quiet.create_role("few", "CONNECTION LIMIT 12")
    quiet.create_database("narrow", "OWNER few CONNECTION LIMIT 20")
    narrow = {"password": PASSWORD, "database": "narrow"}
    elsewhere = quiet.dsn("few", password=PASSWORD, database="app")
    with connected(quiet.dsn("trust"), quiet.dsn("trust", database="narrow"), elsewhere, quiet.dsn("few", **narrow)):
        facts = probe(quiet.dsn("few", **narrow), QUICK)
    counts = {found.name: (found.limit, found.used, found.others) for found in limits_of(facts).layers}
    assert counts == {"server": (37, 4, 3), "database": (20, 2, 1), "role": (12, 2, 1)}
    assert layer(facts, "role").setting == "CONNECTION LIMIT 12 of role few"
    limits = limits_of(facts)
    assert (limits.usable_connections, limits.available_connections, limits.free_connections) == (12, 11, 10)


def test_reserved_connections_are_subtracted_since_16() -> None:
    with wheel_programs(18) as programs, started_postgres(programs, tls=False, reserved_connections=5) as server:
        limits = limits_of(probe(scram(server), QUICK))
        assert (limits.max_connections, limits.reserved_connections, limits.usable_connections) == (40, 8, 32)
        # A member may use them, but a service should not count on them.
        server.run("GRANT pg_use_reserved_connections TO scram")
        assert limits_of(probe(scram(server), QUICK)).usable_connections == 32


def test_a_parallel_worker_takes_no_slot_and_is_no_client_for_whoever_may_see_it(quiet: PostgresServer) -> None:
    name = "force_parallel_mode" if quiet.version < (16,) else "debug_parallel_query"
    worker = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'parallel worker'"
    with connected(quiet.dsn("trust", options=f"-c {name}=on")) as (connection,):
        thread = threading.Thread(target=lambda: suppressed(connection, "SELECT pg_sleep(30)"))
        thread.start()
        try:
            end = time.monotonic() + 10
            while not quiet.run(worker):
                assert time.monotonic() < end
                time.sleep(0.02)
            assert limits_of(probe(quiet.admin_dsn, QUICK)).used_connections == 1
            masked = probe(scram(quiet), QUICK)
        finally:
            connection.cancel()
            thread.join()
    # Without pg_read_all_stats it cannot be told apart: counted, which errs to the safe side, and said so.
    assert limits_of(masked).used_connections == 2
    assert "workers" in next(entry.reason for entry in masked.unread if entry.name == "sessions.state")


def suppressed(connection: psycopg.Connection, statement: LiteralString) -> None:
    with suppress(psycopg.Error):
        connection.execute(statement)


def test_states_and_ages_show_for_ones_own_sessions(quiet: PostgresServer) -> None:
    with connected(scram(quiet, application_name="web"), scram(quiet, application_name="web")) as (first, _):
        first.execute("BEGIN")
        first.execute("SELECT 'secret of a row'")
        time.sleep(0.3)
        group = probe(scram(quiet), QUICK).sessions[0]
        shown = probe(scram(quiet), ProbeOptions(samples=1, burst=0, show_queries=True)).sessions[0]
    assert (group.application, group.user, group.address) == ("web", "scram", "127.0.0.1")
    assert (group.count, group.active, group.idle, group.idle_in_transaction) == (2, 0, 1, 1)
    assert group.own
    assert group.oldest_idle_in_transaction_s is not None
    assert 0.3 <= group.oldest_idle_in_transaction_s < 10
    assert group.queries == ()
    assert any("secret of a row" in query for query in shown.queries)


def test_a_monitoring_role_sees_every_state(quiet: PostgresServer) -> None:
    quiet.run("GRANT pg_read_all_stats TO scram")
    with connected(quiet.dsn("trust")):
        facts = probe(scram(quiet), QUICK)
    assert (facts.sessions[0].user, facts.sessions[0].idle) == ("trust", 1)
    assert "sessions.state" not in unread(facts)


def test_several_applications_of_one_role_are_listed_and_told_apart_by_own(quiet: PostgresServer) -> None:
    web, jobs = scram(quiet, application_name="web"), scram(quiet, application_name="nightly jobs")
    with connected(web, web, jobs):
        mixed = probe(scram(quiet), QUICK)
        apart = probe(scram(quiet), ProbeOptions(samples=1, burst=0, own=("web",)))
    finding = next(found for found in mixed.findings if found.code == "PS104")
    assert "nightly jobs, web" in finding.message
    assert "--own 'nightly jobs' or --own 'web'" in finding.remedy
    assert limits_of(mixed).other_connections == 0
    assert limits_of(apart).other_connections == 1
    assert not apart.findings
    assert {group.application: group.own for group in apart.sessions} == {"web": True, "nightly jobs": False}
    assert (mixed.own, apart.own) == ((), ("web",))


def test_an_own_that_is_nobodys_name_is_told_with_the_names_that_there_are(quiet: PostgresServer) -> None:
    with connected(scram(quiet, application_name="web"), quiet.dsn("trust", database="postgres")):
        facts = probe(scram(quiet), ProbeOptions(samples=1, burst=0, own=("wbe", "web", "wbe")))
    assert facts.own == ("wbe", "web")
    (finding,) = facts.findings
    assert (finding.code, finding.severity) == ("PS105", "warning")
    assert "name 'wbe' that --own gives; the names are: web." in finding.message


def test_timeouts_are_those_of_this_role_in_this_database(quiet: PostgresServer) -> None:
    quiet.run(
        "ALTER ROLE scram SET statement_timeout = '45s'",
        "ALTER DATABASE app SET idle_in_transaction_session_timeout = '2min'",
        "ALTER ROLE scram IN DATABASE app SET idle_session_timeout = '1h'",
    )
    facts = probe(scram(quiet), QUICK)
    assert facts.timeouts is not None
    assert facts.timeouts.statement_s == 45
    assert facts.timeouts.idle_in_transaction_s == 120
    assert facts.timeouts.idle_session_s == 3600


def test_nothing_is_written_and_every_statement_has_a_timeout() -> None:
    with started_postgres(tls=False, log_statement="all", log_duration="off") as server:
        start = len(server.log.read_text())
        probe(scram(server), ProbeOptions(samples=2, burst=2, statement_timeout_s=2.5))
        lines = server.log.read_text()[start:].splitlines()
    statements = [line.partition("statement: ")[2] for line in lines if "statement: " in line]
    assert statements[0] == "BEGIN READ ONLY; SET LOCAL statement_timeout = 2500"
    assert all(text.startswith(("BEGIN READ ONLY", "SELECT", "ROLLBACK")) or not text for text in statements)


def test_no_more_logins_than_were_announced(quiet: PostgresServer) -> None:
    told: list[str] = []
    start = quiet.log.read_text().count("connection authorized")
    options = ProbeOptions(samples=4, burst=3)
    probe(scram(quiet), options, on_progress=lambda what, _share: told.append(what))
    logins = quiet.log.read_text().count("connection authorized") - start
    assert logins == 4 + 3 + 2  # and the one that asked, and the one whose memory was read
    assert logins <= planned_logins(options)
    assert f"at most {planned_logins(options)} logins" in told[0]
    assert planned_logins(ProbeOptions(), is_local=False) < planned_logins(ProbeOptions(), is_local=True)


def test_a_local_server_shows_its_processors_and_the_memory_of_a_session(postgres15: PostgresServer) -> None:
    facts = probe(scram(postgres15), QUICK)
    assert facts.database is not None
    assert facts.database.is_local
    assert facts.database.processors is not None
    assert 1 <= facts.database.processors <= (os.cpu_count() or 1)
    assert facts.memory is not None
    if facts.memory.origin == "measured":  # where this account may read it: as root, or as the server's own
        assert 200_000 < facts.memory.bytes < 10_000_000
    else:
        assert "memory" in unread(facts)


@pytest.mark.skipif(shutil.which("unshare") is None, reason="no process namespaces on this system")
def test_a_server_in_a_container_is_not_local_even_on_loopback() -> None:
    """Its numbers for its processes are other processes here, or none."""
    with programs_in_a_container() as programs, started_postgres(programs, tls=False) as server:
        facts = probe(scram(server), QUICK)
    assert facts.database is not None
    assert not facts.database.is_local
    assert facts.database.processors is None
    assert unread(facts)["database.processors"] == "--db-cores N"
    assert facts.memory is not None
    assert facts.memory.origin == "assumed"
    assert "memory" in unread(facts)


@contextmanager
def programs_in_a_container() -> Iterator[Path]:
    """PostgreSQL's programs, with a `postgres` that starts in namespaces of its own for processes and memory."""
    real = process.needed("PostgreSQL")
    isolate = "unshare --user --map-current-user --pid --ipc --fork --kill-child"
    with process.server_folder(process.account("postgres")) as folder:
        folder.chmod(0o755)
        for program in real.iterdir():
            (folder / program.name).symlink_to(program)
        (folder / "postgres").unlink()
        (folder / "postgres").write_text(f'#!/bin/sh\nexec {isolate} {real / "postgres"} "$@"\n')
        (folder / "postgres").chmod(0o755)
        if subprocess.run([*isolate.split(), "true"], check=False, capture_output=True).returncode:
            pytest.skip("this system does not let us make process namespaces")
        yield folder


def test_a_silent_host_of_several_is_passed_over_and_said_so(postgres15: PostgresServer, silent_host: Address) -> None:
    dsn = f"postgresql://trust@{silent_host.host}:{silent_host.port},{postgres15.host}:{postgres15.port}/app"
    facts = probe(dsn, QUICK)
    assert facts.database is not None
    assert facts.database.port == postgres15.port
    assert facts.connect is not None
    assert facts.connect.mean_s < QUICK.connect_timeout_s / 2  # it is not waited for each time
    assert str(silent_host.port) in next(found for found in facts.findings if found.code == "PS512").message


def test_a_refusing_host_of_several_is_passed_over_by_libpq(postgres15: PostgresServer, closed_port: int) -> None:
    dsn = f"postgresql://trust@127.0.0.1:{closed_port},127.0.0.1:{postgres15.port}/app?target_session_attrs=read-write"
    facts = probe(dsn, QUICK)
    assert facts.database is not None
    assert facts.database.port == postgres15.port


def test_sqlalchemys_spellings_reach_libpq(postgres15: PostgresServer, closed_port: int) -> None:
    hosts = f"host=127.0.0.1:{closed_port}&host=127.0.0.1:{postgres15.port}"
    facts = probe(f"postgresql+psycopg2://trust@/app?{hosts}", QUICK)
    assert facts.database is not None
    assert (facts.database.driver, facts.database.port) == ("psycopg2", postgres15.port)
    asyncpg = postgres15.dsn("trust").replace("postgresql:", "postgresql+asyncpg:")
    facts = probe(f"{asyncpg}?ssl=require&prepared_statement_cache_size=0", QUICK)
    assert facts.database is not None
    assert facts.database.tls is not None
    assert facts.database.tls.requested == "require"
    assert "prepared_statement_cache_size" in next(f for f in facts.findings if f.code == "PS511").message


def test_services_password_files_and_variables_are_libpqs(
    postgres15: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = tmp_path / "services"
    service.write_text(f"[shop]\nhost=127.0.0.1\nport={postgres15.port}\nuser=scram\n")
    passwords = tmp_path / "passwords"
    escaped = PASSWORD.replace("\\", "\\\\").replace(":", "\\:")
    passwords.write_text(f"127.0.0.1:{postgres15.port}:*:scram:{escaped}\n")
    passwords.chmod(0o600)
    monkeypatch.setenv("PGSERVICEFILE", str(service))
    monkeypatch.setenv("PGPASSFILE", str(passwords))
    monkeypatch.setenv("PGDATABASE", "app")
    facts = probe("service=shop", QUICK)
    assert facts.database is not None
    assert (facts.database.port, facts.database.name, facts.database.user) == (postgres15.port, "app", "scram")
    assert_no_password(repr(facts))


@pytest.mark.parametrize("role", ["rds_superuser", "neon_superuser"])
def test_a_provider_is_known_by_its_roles(role: str) -> None:
    with started_postgres(tls=False) as server:
        server.run(f"CREATE ROLE {role}")
        facts = probe(scram(server), ProbeOptions(samples=1, burst=0))
    assert facts.database is not None
    assert facts.database.provider == ROLES[role]


def test_recognised_providers_are_in_their_registry() -> None:
    assert {AURORA, *ROLES.values()} <= set(PROVIDERS)


def test_postgresql_18_tells_its_own_split_to_whoever_may_read_its_log() -> None:
    logged = {"log_connections": "setup_durations", "logging_collector": "on", "log_filename": "it's a log"}
    with wheel_programs(18) as programs, started_postgres(programs, tls=False, **logged) as server:
        told = probe(server.admin_dsn, QUICK)
        untold = probe(scram(server), QUICK)
        direct = probe(server.admin_dsn + "?sslmode=disable", QUICK)
    assert told.connect is not None
    assert [phase.name for phase in told.connect.phases] == [
        "tcp",
        "server: fork",
        "tls (declined)",
        "server: authentication",
        "server: start-up",
    ]
    assert all(phase.p50_s >= 0 for phase in told.connect.phases)
    assert all(phase.p50_s > 0 for phase in told.connect.phases if phase.name.startswith("server: "))
    assert sum(phase.mean_s for phase in told.connect.phases) == pytest.approx(told.connect.mean_s)
    assert "connect.phases.server" not in unread(told)
    assert "pg_read_file" in unread(untold)["connect.phases.server"]
    assert direct.connect is not None
    assert [phase.name for phase in direct.connect.phases][1:3] == ["server: fork", "server: authentication"]


def test_postgresql_18_says_what_would_allow_its_own_split(postgres18: PostgresServer) -> None:
    assert "setup_durations" in unread(probe(scram(postgres18), QUICK))["connect.phases.server"]


def test_a_psycopg_without_libpq_is_one_sentence_with_the_command() -> None:
    program = "from poolsize.probe import probe; probe('host=127.0.0.1')"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False,
        env={**os.environ, "PSYCOPG_IMPL": "c"},
    )  # fmt: skip
    assert "MissingDriverError: psycopg finds no libpq" in done.stderr
    assert "[postgresql]" in done.stderr


def test_the_library_of_the_system_is_probed_alike(postgres15: PostgresServer) -> None:
    """PSYCOPG_IMPL=python, with the libpq of this machine."""
    program = (
        "import sys; from poolsize.probe import ProbeOptions, probe\n"
        "facts = probe(sys.stdin.readline().strip(), ProbeOptions(samples=10))\n"
        "print(facts.connect.client, facts.database.tls.version, facts.limits.usable_connections)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        input=scram(postgres15), capture_output=True, text=True, check=False,
        env={**os.environ, "PSYCOPG_IMPL": "python"},
    )  # fmt: skip
    if "finds no libpq" in done.stderr:
        pytest.skip("this machine has no libpq of its own")
    assert "python implementation" in done.stdout, done.stderr
    assert done.stdout.rstrip().endswith("TLSv1.3 37")
