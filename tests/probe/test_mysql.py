"""The probe of MySQL and MariaDB, against a real MariaDB with TLS."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from importlib import metadata
from pathlib import Path
from threading import Thread
from typing import cast

import msgspec
import pymysql
import pytest

from poolsize.datatypes import Tls
from poolsize.dsn import parse
from poolsize.errors import (
    AuthenticationError,
    DsnError,
    TlsError,
    TooManyConnectionsError,
    UnknownDatabaseError,
    UnreachableError,
)
from poolsize.probe import ProbeOptions, probe
from poolsize.probe.hosted import HOSTS
from poolsize.probe.mysql_connect import Connector
from poolsize.probe.mysql_facts import Reader, prepare, version_of
from poolsize.probe.mysql_place import provider
from poolsize.probe.mysql_tls import tls_request
from poolsize.providers import PROVIDERS
from tests.probe.faults import QUICK, interrupt_often, refused
from tests.servers import PASSWORD, MariaDbServer, started_mariadb


@pytest.fixture
def server(mariadb: MariaDbServer) -> MariaDbServer:
    return mariadb


def test_a_user_without_privileges_gets_limits_cost_and_the_list_of_what_it_may_not_see(server: MariaDbServer) -> None:
    facts = probe(server.dsn(), QUICK)
    assert facts.database is not None
    assert facts.database.dialect == "mariadb"
    assert facts.limits is not None
    assert facts.limits.max_connections == facts.limits.usable_connections == 40
    assert facts.limits.other_connections == 0
    assert facts.connect is not None
    assert [phase.name for phase in facts.connect.phases][-1] == "session setup"
    assert facts.connect.client == f"PyMySQL {metadata.version('pymysql')}"
    assert facts.connect.burst is not None
    assert facts.round_trip_s is not None
    assert facts.timeouts is not None
    assert facts.timeouts.idle_session_s == 28800
    assert any("PROCESS" in entry.remedy for entry in facts.unread)


def test_phases_sum_to_the_time_a_connection_takes(server: MariaDbServer) -> None:
    connector = Connector(parse(server.dsn()), QUICK)
    walls, sums = [], []
    for _ in range(60):
        start = time.perf_counter()
        connection = connector.open()
        walls.append(time.perf_counter() - start)
        sums.append(sum(connection.phases.values()))
        connection.close()
    assert sorted(sums)[30] == pytest.approx(sorted(walls)[30], rel=0.02)
    cost = probe(server.dsn(), QUICK).connect
    assert cost is not None
    assert sum(phase.mean_s for phase in cost.phases) == pytest.approx(cost.mean_s, rel=0.02)


def test_own_sessions_are_not_among_the_others(server: MariaDbServer) -> None:
    own = pymysql.connect(host="127.0.0.1", port=server.port, user="app", password=PASSWORD, database="shop")
    with closing(own), closing(server.admin()):
        limits = probe(server.dsn(), QUICK).limits
    assert limits is not None
    assert (limits.used_connections, limits.other_connections, limits.available_connections) == (2, 1, 39)


def test_own_sessions_are_told_apart_by_their_programs_names_where_the_server_knows_them() -> None:
    with started_mariadb(performance_schema="ON") as server:
        server.run("GRANT SELECT ON performance_schema.* TO app@'127.0.0.1'")
        web, jobs = (
            pymysql.connect(host="127.0.0.1", port=server.port, user="app", password=PASSWORD, program_name=name)
            for name in ("web", "jobs")
        )
        with closing(web), closing(jobs):
            facts = probe(server.dsn(), msgspec.structs.replace(QUICK, own=("web",)))
            mistaken = probe(server.dsn(), msgspec.structs.replace(QUICK, own=("wbe",)))
    assert facts.limits is not None
    assert (facts.limits.used_connections, facts.limits.other_connections) == (2, 1)
    assert facts.findings == ()
    (finding,) = mistaken.findings
    assert finding.code == "PS105"
    assert "name 'wbe' that --own gives; the names are: jobs, web." in finding.message


def test_where_no_programs_names_are_known_the_accounts_sessions_are_its_own(server: MariaDbServer) -> None:
    facts = probe(server.dsn(), msgspec.structs.replace(QUICK, own=("web",)))
    assert facts.findings == ()
    assert "sessions.own" in {entry.name for entry in facts.unread}


def test_the_accounts_own_limit_binds(server: MariaDbServer) -> None:
    limits = probe(server.dsn("few"), QUICK).limits
    assert limits is not None
    assert limits.usable_connections == 3
    assert [layer.name for layer in limits.layers] == ["server", "account"]


def test_nothing_stays_open(server: MariaDbServer) -> None:
    probe(server.dsn(), QUICK)
    time.sleep(0.2)
    with closing(server.admin()) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM information_schema.processlist WHERE user = 'app'")
        row = cursor.fetchone()
    assert row == (0,)


def test_an_interrupt_at_any_moment_closes_everything(server: MariaDbServer) -> None:
    """In the middle of a handshake, a statement, or the threads of the burst, which must not wait for each other."""
    interrupt_often(lambda: probe(server.dsn(), ProbeOptions(samples=10, burst=5)))
    time.sleep(0.3)
    with closing(server.admin()) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM information_schema.processlist WHERE user = 'app'")
        assert cursor.fetchone() == (0,)


def test_a_wrong_password_is_an_authentication_error(server: MariaDbServer) -> None:
    assert "1045" in str(refused(server.dsn(password=PASSWORD + "!"), AuthenticationError))


def test_an_unknown_database_is_named(server: MariaDbServer) -> None:
    refused(server.dsn(database="nowhere"), UnknownDatabaseError)


def test_every_slot_taken_is_an_answer(server: MariaDbServer) -> None:
    held: list[pymysql.Connection[pymysql.cursors.Cursor]] = []
    server.run("SET GLOBAL max_connections = 10")
    try:
        with pytest.raises(pymysql.MySQLError):
            _take_all(server, held)
        assert "max_connections" in str(refused(server.dsn(), TooManyConnectionsError))
    finally:
        for connection in held:
            connection.close()
        time.sleep(0.2)
        server.run("SET GLOBAL max_connections = 40")


def _take_all(server: MariaDbServer, held: list[pymysql.Connection[pymysql.cursors.Cursor]]) -> None:
    while True:
        held.append(pymysql.connect(host="127.0.0.1", port=server.port, user="app", password=PASSWORD))


def test_a_closed_port_refuses() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert "refuses" in str(refused(MariaDbServer(Path(), port).dsn(), UnreachableError))


def test_a_silent_host_is_given_up_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        error = refused(MariaDbServer(Path(), silent.getsockname()[1]).dsn(), UnreachableError)
    assert "within 1 s" in str(error)


def test_tls_is_used_where_it_is_asked_for_and_timed(server: MariaDbServer) -> None:
    facts = probe(server.dsn("tls", query=f"?ssl_ca={server.root_certificate}"), QUICK)
    assert facts.database is not None
    assert facts.database.tls is not None
    assert facts.database.tls.used
    assert facts.database.tls.verified
    assert facts.connect is not None
    assert "tls" in {phase.name for phase in facts.connect.phases}


def test_where_tls_is_demanded_and_not_offered_not_a_byte_is_sent() -> None:
    """Nor the name or the password of the account, which the greeting's answer would hold."""
    with started_mariadb(tls=False) as server, recorded(server.port) as (port, sent):
        server.port = port
        for demand in ("?ssl-mode=REQUIRED", f"?ssl_ca={server.root_certificate}", "?ssl=true"):
            assert "does not offer it" in str(refused(server.dsn(query=demand), TlsError))
        assert b"".join(sent) == b""
        facts = probe(server.dsn(), QUICK)
    assert facts.database is not None
    assert facts.database.tls == Tls(used=False, requested="PREFERRED")
    assert b"app" in b"".join(sent)  # so that what is sent is seen


@contextmanager
def recorded(port: int) -> Iterator[tuple[int, list[bytes]]]:
    """A port that leads to another one, and what the clients say there."""
    sent: list[bytes] = []
    with ExitStack() as opened:
        listening = opened.enter_context(socket.create_server(("127.0.0.1", 0)))

        def serve() -> None:
            while True:
                try:
                    client, _ = listening.accept()
                except OSError:  # closed
                    return
                server = socket.create_connection(("127.0.0.1", port))
                opened.callback(client.close)
                opened.callback(server.close)
                Thread(target=carry, args=(server, client, None), daemon=True).start()
                Thread(target=carry, args=(client, server, sent), daemon=True).start()

        Thread(target=serve, daemon=True).start()
        yield listening.getsockname()[1], sent


def carry(source: socket.socket, target: socket.socket, seen: list[bytes] | None) -> None:
    """Until one of them closes."""
    with suppress(OSError):
        while data := source.recv(65536):
            if seen is not None:
                seen.append(data)
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


def test_nothing_can_be_written_and_no_statement_runs_long(server: MariaDbServer) -> None:
    with closing(Connector(parse(server.dsn()), QUICK).open()) as connection, connection.cursor() as cursor:
        prepare(connection, 0.5)
        cursor.execute("SELECT @@SESSION.tx_read_only, @@SESSION.max_statement_time")
        assert cursor.fetchone() == (1, 0.5)
        with pytest.raises(pymysql.MySQLError, match="READ ONLY"):
            cursor.execute("CREATE TABLE written (x int)")
        with pytest.raises(pymysql.MySQLError, match="max_statement_time"):
            cursor.execute("SELECT SLEEP(30)")


def test_a_probe_writes_nothing_and_bounds_the_session_that_asks() -> None:
    with started_mariadb(general_log=1, general_log_file="general.log") as server:
        log = server.folder / "data" / "general.log"
        start = len(log.read_bytes())
        probe(server.dsn(), ProbeOptions(samples=2, burst=2, statement_timeout_s=2.5))
        said = log.read_bytes()[start:].decode().splitlines()
    queries = [line.partition("Query\t")[2] for line in said if "Query\t" in line]
    settings, asked = queries[:4], queries[4:]
    assert settings[-2:] == ["SET SESSION TRANSACTION READ ONLY", "SET SESSION max_statement_time = 2.5"]
    plain = ("SELECT ", "SHOW ", "START TRANSACTION READ ONLY", "ROLLBACK", "SET NAMES ", "SET AUTOCOMMIT")
    assert [text for text in asked if not text.startswith(plain)] == []


def test_a_server_without_a_bound_on_statements_is_probed_all_the_same(server: MariaDbServer) -> None:
    """MySQL before 5.7.8 knows no such variable; to this server MySQL's own is unknown as well."""
    with closing(Connector(parse(server.dsn()), QUICK).open()) as connection:
        connection.server_version = "5.7.1"  # which is taken for MySQL
        prepare(connection, 0.5)
        with connection.cursor() as cursor:
            cursor.execute("SELECT @@SESSION.tx_read_only, @@SESSION.max_statement_time")
            assert cursor.fetchone() == (1, 0.0)


@pytest.mark.parametrize(
    ("variables", "dialect", "host", "expected"),
    [
        ({"basedir": "/usr/"}, "mysql", "db.example.com", None),
        ({"basedir": "/rdsdbbin/mysql-8.0.41.R2/"}, "mysql", "db.example.com", "rds-mysql"),
        ({"basedir": "/rdsdbbin/mariadb-10.11.6.R1/"}, "mariadb", "db.example.com", "rds-mariadb"),
        ({"basedir": "/rdsdbbin/oscar/", "aurora_version": "3.05.2"}, "mysql", "127.0.0.1", "aurora-mysql"),
        ({"basedir": "/usr/"}, "mysql", "shop.mysql.database.azure.com", "azure-mysql"),
    ],
)
def test_a_provider_is_known_by_its_variables_or_the_hosts_name(
    variables: dict[str, str], dialect: str, host: str, expected: str | None, server: MariaDbServer
) -> None:
    with closing(Connector(parse(server.dsn()), QUICK).open()) as connection:
        reader = Reader(connection)
        assert reader.variables["basedir"]
        reader.variables.update(variables)
        assert provider(reader, dialect, host) == expected
    assert expected is None or expected in PROVIDERS


def test_the_provider_is_in_the_facts(server: MariaDbServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(cast("dict[str, object]", HOSTS), "localhost", {"mariadb": "rds-mariadb"})
    facts = probe(server.dsn().replace("@127.0.0.1:", "@localhost:"), QUICK)
    assert facts.database is not None
    assert facts.database.provider == "rds-mariadb"
    here = probe(server.dsn(), QUICK).database
    assert here is not None
    assert here.provider is None


def test_an_unverified_certificate_names_the_option(server: MariaDbServer) -> None:
    assert "ssl_ca" in str(refused(server.dsn(query="?ssl-mode=VERIFY_CA"), TlsError))
    refused(server.dsn(query=f"?ssl-mode=VERIFY_IDENTITY&ssl_ca={server.root_certificate}"), TlsError)


def test_idle_in_transaction_is_counted_for_whoever_may_see_it(server: MariaDbServer) -> None:
    held = pymysql.connect(host="127.0.0.1", port=server.port, user="app", password=PASSWORD, database="shop")
    server.run("GRANT PROCESS ON *.* TO app@'127.0.0.1'")
    try:
        with closing(held), held.cursor() as cursor:
            cursor.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT")
            group = probe(server.dsn(), QUICK).sessions[0]
    finally:
        server.run("REVOKE PROCESS ON *.* FROM app@'127.0.0.1'")
    assert (group.count, group.idle_in_transaction, group.own) == (1, 1, True)


def test_an_unknown_tls_option_is_refused_by_name() -> None:
    with pytest.raises(DsnError, match="ssl_magic"):
        tls_request(parse("mysql://u@h/d?ssl_magic=1"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10.11.6-MariaDB-0+deb12u1", ("mariadb", "10.11.6")),
        ("5.5.5-10.11.6-MariaDB", ("mariadb", "10.11.6")),
        ("8.4.3", ("mysql", "8.4.3")),
        ("26.7.0-log", ("mysql", "26.7.0")),
    ],
)
def test_versions_are_read_from_any_scheme(text: str, expected: tuple[str, str]) -> None:
    assert version_of(text) == expected
