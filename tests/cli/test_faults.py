"""Every way in which a database cannot be used: one sentence, the documented exit code, in time, and the document."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import psycopg
import pytest

from tests.cli.program import Done, Program
from tests.servers import PASSWORD, PostgresServer, started_postgres

START_S = 2.0
"""What the interpreter and a busy machine may take beside the probe."""
CONNECT_TIMEOUT_S = 5.0
"""The default, which `recommend` has no option for."""


@pytest.fixture(scope="module")
def full() -> Iterator[PostgresServer]:
    """Without TLS, and without a slot for anybody but a superuser."""
    with started_postgres(max_connections=8, tls=False) as server, ExitStack() as held:
        for _ in range(5):
            held.enter_context(psycopg.connect(server.dsn("trust")))
        yield server


class Fault(NamedTuple):
    dsn: Callable[[pytest.FixtureRequest], str]
    code: str
    says: str
    exit_code: int = 1
    has_facts: bool = True


def _closed(request: pytest.FixtureRequest, scheme: str) -> str:
    return f"{scheme}://app:s3cret@127.0.0.1:{request.getfixturevalue('closed_port')}/app"


def _silent(request: pytest.FixtureRequest) -> str:
    host = request.getfixturevalue("silent_host")
    return f"postgresql://app@{host.host}:{host.port}/app"


def _postgres(request: pytest.FixtureRequest, **changed: str) -> str:
    server: PostgresServer = request.getfixturevalue("postgres15")
    return server.dsn("scram", **({"password": PASSWORD} | changed))


def _full(request: pytest.FixtureRequest, **options: str) -> str:
    server: PostgresServer = request.getfixturevalue("full")
    return server.dsn("scram", password=PASSWORD, **options)


def _file(request: pytest.FixtureRequest, name: str) -> str:
    folder: Path = request.getfixturevalue("tmp_path")
    (folder / "text").write_text("this is a text and no database")
    return f"sqlite:///{(folder / name).as_posix()}"


FAULTS = {
    "a closed port": Fault(lambda request: _closed(request, "postgresql"), "unreachable", "refuses connections"),
    "MySQL's closed port": Fault(lambda request: _closed(request, "mysql"), "unreachable", "refuses connections"),
    "a wrong password": Fault(lambda request: _postgres(request, password="x" + PASSWORD), "authentication", "28P01"),
    "MySQL's wrong password": Fault(
        lambda request: request.getfixturevalue("mariadb").dsn(password="x" + PASSWORD), "authentication", "denied"
    ),
    "an unknown database": Fault(
        lambda request: _postgres(request, database="nowhere"), "unknown_database", '"nowhere" does not exist'
    ),
    "TLS demanded of a server without it": Fault(
        lambda request: _full(request, sslmode="require"), "tls", "does not support SSL"
    ),
    "every slot taken": Fault(_full, "too_many_connections", "53300"),
    "PgBouncer's console": Fault(
        lambda request: request.getfixturevalue("pgbouncer").admin_dsn, "database", "is the console of PgBouncer"
    ),
    "a missing file": Fault(lambda request: _file(request, "none.db"), "unreachable", "does not exist"),
    "a folder": Fault(lambda request: _file(request, ""), "unreachable", "is a folder"),
    "a file of another kind": Fault(lambda request: _file(request, "text"), "database", "is not a SQLite database"),
    "a text that is no DSN": Fault(lambda _: "nonsense", "dsn", "This is not a DSN", 2, has_facts=False),
    "a scheme that is not known": Fault(lambda _: "oracle://h/d", "dsn", "is not one of", 2, has_facts=False),
    "a misspelt option": Fault(lambda _: "postgresql://h/d?sslmod=require", "dsn", "sslmode", 2, has_facts=False),
    "a missing file of a DSN": Fault(lambda _: "@no-such-file", "file", "cannot be read", has_facts=False),
    "no DSN on stdin": Fault(lambda _: "-", "dsn", "stdin holds no DSN", 2, has_facts=False),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_database_that_cannot_be_used_is_one_sentence(
    name: str, request: pytest.FixtureRequest, poolsize: Program
) -> None:
    fault = FAULTS[name]
    dsn = fault.dsn(request)
    for arguments in (("probe", dsn), ("recommend", dsn, "--workers", "4")):
        start = time.monotonic()
        done = poolsize(*arguments, "--json")
        assert time.monotonic() - start < CONNECT_TIMEOUT_S + 1 + START_S
        assert done.code == fault.exit_code
        assert done.sentence.endswith(".")
        assert fault.says in done.sentence
        _check_document(done, fault, arguments[0])


def _check_document(done: Done, fault: Fault, command: str) -> None:
    document = done.document
    assert document["command"] == command
    assert document["error"]["code"] == fault.code
    assert document["error"]["message"] == done.sentence
    assert document["error"]["next"] == done.next
    if command == "recommend":
        assert document["verdict"] is None
        assert document["settings"] is None
    if not fault.has_facts:
        return
    assert document["target"]
    assert document["database"]["dialect"]
    if command == "probe":
        sections = ("limits", "connect", "round_trip_s", "transaction_round_trip_s", "timeouts", "memory")
        missing = {name for name in sections if document[name] is None}
        assert missing <= {entry["name"] for entry in document["unread"] if entry["reason"]}
        assert "connect" in missing


def test_the_connect_timeout_bounds_a_host_that_never_answers(
    request: pytest.FixtureRequest, poolsize: Program
) -> None:
    dsn = _silent(request)
    for arguments, timeout_s in (
        (("probe", dsn, "--connect-timeout", "500ms"), 0.5),
        (("recommend", dsn, "--workers", "4"), CONNECT_TIMEOUT_S),
    ):
        start = time.monotonic()
        done = poolsize(*arguments, "--json")
        assert time.monotonic() - start < timeout_s + 1 + START_S
        assert done.code == 1
        assert f"no answer within {timeout_s:g} s" in done.sentence
        assert done.document["error"]["code"] == "unreachable"


def test_no_dsn_at_all_says_where_one_may_stand(poolsize: Program) -> None:
    done = poolsize("probe", "--json")
    assert done.code == 2
    assert done.sentence == "No DSN was given and DATABASE_URL is not set."
    assert done.document["error"]["code"] == "dsn"


@pytest.mark.parametrize(
    ("module", "dsn", "extra"), [("psycopg", "postgresql://h/d", "postgresql"), ("pymysql", "mysql://h/d", "mysql")]
)
def test_a_missing_driver_is_named_by_the_command_that_installs_it(
    module: str, dsn: str, extra: str, poolsize: Program
) -> None:
    program = f"import sys; sys.modules[{module!r}] = None\nfrom poolsize.cli import main; main()"
    done = poolsize.python(program, "probe", dsn, "--json")
    assert done.code == 1
    assert done.document["error"]["code"] == "missing_driver"
    assert f'[{extra}]"' in done.sentence
    assert done.sentence.startswith("To probe ")
    assert done.err == f"{done.sentence}\n", "nothing is said of connections that are never opened"


def test_a_failed_probe_is_kept_with_its_error_and_serves_no_recommendation(
    request: pytest.FixtureRequest, poolsize: Program
) -> None:
    dsn = _closed(request, "postgresql")
    assert poolsize("probe", dsn).code == 1
    entries = poolsize("history", "--json").document["entries"]
    assert [entry["summary"] for entry in entries] == [
        f"{dsn.partition('@')[2][:-4]} refuses connections: no server listens there."
    ]
    answer = poolsize("recommend", "--workers", "4", "--json", variables={"DATABASE_URL": dsn}).document
    assert answer["limits_source"] == "PostgreSQL's default, assumed"
    assert poolsize("probe", dsn, "--no-save").code == 1
    assert len(poolsize("history", "--json").document["entries"]) == 2
