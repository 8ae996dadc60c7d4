"""A password appears nowhere: in no output, document, file, history or traceback, of no command and no fault."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest

from tests.cli.program import Done, Program
from tests.servers import PASSWORD, MariaDbServer, PgBouncerServer, PostgresServer

FRAGMENT = "s3cr"
"""Of PASSWORD, which has `@ : / ? # % '` behind it: what is left of it must not show either."""
SPELLINGS = (PASSWORD, quote(PASSWORD, safe=""), quote_plus(PASSWORD), json.dumps(PASSWORD)[1:-1], FRAGMENT, "%27x")
FEW = ("--samples", "10", "--burst", "0")
CONNINFO = f"host=127.0.0.1 port=1 user=app dbname=shop password='{PASSWORD.replace(chr(39), chr(92) + chr(39))}'"
UNREACHABLE = {
    "a URL": f"postgresql://app:{quote(PASSWORD, safe='')}@127.0.0.1:1/shop",
    "a URL of SQLAlchemy": f"postgresql+psycopg2://app:{quote(PASSWORD, safe='')}@127.0.0.1:1/shop",
    "a URL with the password in its query": f"postgresql://app@127.0.0.1:1/shop?password={quote(PASSWORD, safe='')}",
    "a raw URL": f"postgresql://app:{PASSWORD}@127.0.0.1:1/shop",
    "a conninfo string": CONNINFO,
    "a raw conninfo string": f"host=127.0.0.1 port=1 user=app password={PASSWORD}",
    "MySQL's URL": f"mysql://app:{quote(PASSWORD, safe='')}@127.0.0.1:1/shop",
    "MySQL's raw URL": f"mysql://app:{PASSWORD}@127.0.0.1:1/shop",
    "a misspelt option": f"postgresql://app:{quote(PASSWORD, safe='')}@127.0.0.1/shop?sslmod=require",
    "a scheme that is not known": f"oracle://app:{quote(PASSWORD, safe='')}@127.0.0.1/shop",
    "a raw scheme that is not known": f"oracle://app:{PASSWORD}@127.0.0.1/shop",
    "a port that is none": f"postgresql://app:{quote(PASSWORD, safe='')}@127.0.0.1:99999/shop",
    "no scheme": f"app:{PASSWORD}@127.0.0.1/shop",
}


def assert_secret(*shown: str | bytes) -> None:
    for text in shown:
        data = text if isinstance(text, bytes) else text.encode()
        for spelling in SPELLINGS:
            assert spelling.encode() not in data, (spelling, text)


def assert_nothing_tells(poolsize: Program, runs: Iterable[Done]) -> None:
    """Neither what was printed nor a byte of a file that was written."""
    for done in runs:
        assert_secret(done.out, done.err)
    for file in poolsize.folder.rglob("*"):
        if file.is_file():
            assert_secret(file.read_bytes())


@pytest.mark.parametrize("name", UNREACHABLE)
def test_a_dsn_that_leads_nowhere_tells_no_password(name: str, poolsize: Program) -> None:
    dsn = UNREACHABLE[name]
    runs = [
        poolsize("probe", dsn, "--json", "--debug"),
        poolsize("recommend", "-", "--workers", "4", "--debug", stdin=dsn + "\n"),
    ]
    assert [done.code for done in runs] in ([1, 1], [2, 2])
    assert_nothing_tells(poolsize, runs)


def test_a_dsn_in_the_wrong_place_tells_no_password(poolsize: Program) -> None:
    dsn, raw = UNREACHABLE["a URL"], UNREACHABLE["a raw URL"]
    words = (
        [dsn],
        ["probe", "service=shop", dsn],
        ["probe", "service=shop", raw],
        ["probe", f"--dsn={dsn}"],
        ["probe", "--samples", dsn],
        ["probe", "--budget", CONNINFO],
        ["recommend", "--workers", dsn],
        ["recommend", "--workers", "4", "--hold", raw],
        ["recommend", "--workers", "4", "--rate", UNREACHABLE["no scheme"]],
        ["recommend", "--workers", "4", "--current", dsn],
        ["recommend", "--workers", "4", "--profile", dsn],
        ["recommend", "--workers", "4", "--worker-type", raw],
        ["recommend", "--workers", "4", "--format", UNREACHABLE["a raw scheme that is not known"]],
        ["export", dsn],
        ["export", "django", "--from", dsn],
        ["schema", dsn],
    )
    runs = [poolsize(*arguments, "--json") for arguments in words]
    assert {done.code for done in runs} == {1, 2}
    assert_nothing_tells(poolsize, runs)


def test_the_main_path_tells_no_password(postgres15: PostgresServer, poolsize: Program) -> None:
    dsn = postgres15.dsn("scram", password=PASSWORD, sslmode="disable")
    runs = [
        poolsize("probe", dsn, *FEW, "--show-queries"),
        poolsize("probe", dsn, *FEW, "--json"),
        poolsize("recommend", dsn, "--workers", "4", "--rate", "80", "--hold", "20ms", "--format", "markdown"),
        poolsize("recommend", "--workers", "4", "--json", "--explain"),
        *(poolsize("export", target, "-o", target) for target in ("sqlalchemy", "flask-sqlalchemy", "django")),
        poolsize("history"),
        poolsize("history", "--json"),
    ]
    assert {done.code for done in runs} == {0}, [done.err for done in runs]
    assert_nothing_tells(poolsize, runs)


@pytest.mark.parametrize("fixture", ["pgbouncer", "mariadb"])
def test_other_databases_tell_no_password(fixture: str, request: pytest.FixtureRequest, poolsize: Program) -> None:
    server: PgBouncerServer | MariaDbServer = request.getfixturevalue(fixture)
    runs = [
        poolsize("probe", server.dsn(), *FEW, "--json", "--show-queries"),
        poolsize("probe", server.dsn(password=PASSWORD + "!"), "--debug"),
        poolsize("recommend", "--workers", "4"),
        poolsize("export", "sqlalchemy"),
        poolsize("history", "--json"),
    ]
    assert [done.code for done in runs] == [0, 1, 0, 0, 0], [done.err for done in runs]
    assert_nothing_tells(poolsize, runs)


def test_what_a_bug_says_holds_no_password_of_a_variable(poolsize: Program) -> None:
    """As a driver might quote what it was given, with a DSN or without."""
    bug = """
import os
from poolsize.cli import run
from poolsize.cli.masking import read_dsn
def broken(*arguments, **options):
    if "with" in arguments[0]:
        read_dsn("postgresql://app@h/d")
    raise ValueError(f"app gave {os.environ['PGPASSWORD']} to h")
run.app = broken
run.run()
"""
    for arguments in (("history", "--json"), ("history", "with", "--json")):
        done = poolsize.python(bug, *arguments, "--debug", variables={"PGPASSWORD": PASSWORD})
        assert done.code == 70
        assert "app gave *** to h" in done.err
        assert_secret(done.out, done.err)
    everyday = poolsize.python(bug, "history", "with", "--debug", variables={"PGPASSWORD": "app"})
    assert "app gave app to h" in everyday.err  # masked, the sentence would tell it


def test_a_password_in_a_variable_or_a_file_of_libpq_is_not_told(
    postgres15: PostgresServer, poolsize: Program, tmp_path: Path
) -> None:
    dsn = postgres15.dsn("scram", sslmode="disable")
    passwords = tmp_path / "passwords"
    escaped = PASSWORD.replace("\\", "\\\\").replace(":", "\\:")
    passwords.write_text(f"127.0.0.1:{postgres15.port}:*:scram:{escaped}\n")
    passwords.chmod(0o600)
    runs = [
        poolsize("probe", dsn, *FEW, "--json", variables={"PGPASSWORD": PASSWORD}),
        poolsize("probe", dsn, *FEW, "--json", variables={"PGPASSFILE": str(passwords)}),
        poolsize("probe", dsn, "--debug", variables={"PGPASSWORD": PASSWORD + "!"}),
    ]
    passwords.unlink()
    assert [done.code for done in runs] == [0, 0, 1], [done.err for done in runs]
    assert_nothing_tells(poolsize, runs)


def test_a_history_in_a_database_tells_no_password(postgres15: PostgresServer, poolsize: Program) -> None:
    postgres15.create_database("history", "OWNER scram")
    try:
        store = postgres15.dsn("scram", password=PASSWORD, database="history").replace("ql://", "ql+psycopg://")
        elsewhere = {"POOLSIZE_STORE": store}
        runs = [
            poolsize("probe", "sqlite://", variables=elsewhere),
            poolsize("recommend", "--workers", "4", "--json", variables=elsewhere),
            poolsize("history", "--json", variables=elsewhere),
            poolsize("history", "--debug", variables={"POOLSIZE_STORE": store.replace("%27x", "%27y")}),
            poolsize("history", variables={"POOLSIZE_STORE": f"nosuch://app:{quote(PASSWORD, safe='')}@h/d"}),
            poolsize("history", variables={"POOLSIZE_STORE": f"nosuch://app:{PASSWORD}@h/d"}),
        ]
        assert [done.code for done in runs] == [0, 0, 0, 1, 1, 1], [done.err for done in runs]
        assert len(runs[2].document["entries"]) == 2
        assert_nothing_tells(poolsize, runs)
        stored = postgres15.run("SELECT document FROM poolsize_documents", database="history")
        assert len(stored) == 2
        assert_secret(*(str(row[0]) for row in stored))
    finally:
        postgres15.run("DROP DATABASE history WITH (FORCE)")


BUG = """
import poolsize.cli.run
from poolsize.probe import dialects
def broken(dsn, options, on_progress):
    try:
        raise ValueError("cannot connect to " + dsn.reveal())
    except ValueError as error:
        raise RuntimeError(repr({"dsn": dsn.reveal(), "password": dsn.password.reveal()})) from error
dialects.ask = broken
poolsize.cli.run.run()
"""


def test_the_traceback_of_a_bug_tells_no_password(poolsize: Program) -> None:
    for name in ("a URL", "a conninfo string", "a URL with the password in its query"):
        runs = [
            poolsize.python(BUG, "probe", UNREACHABLE[name], "--debug", "--json"),
            poolsize.python(BUG, "probe", UNREACHABLE[name]),
        ]
        assert [done.code for done in runs] == [70, 70]
        assert runs[0].document["error"]["code"] == "bug"
        assert "Traceback" in runs[0].err
        assert "cannot connect to" in runs[0].err
        assert "RuntimeError" in runs[1].sentence
        assert "Traceback" not in runs[1].err
        assert_nothing_tells(poolsize, runs)


def test_the_command_that_gives_the_answer_again_holds_no_password(
    postgres15: PostgresServer, poolsize: Program
) -> None:
    dsn = postgres15.dsn("scram", password=PASSWORD, sslmode="disable")
    answer = poolsize("recommend", dsn, "--workers", "4", "--json").document
    assert answer["reproduce"] == 'poolsize recommend "$DATABASE_URL" --workers 4 --json'
    assert_secret(poolsize("export", "sqlalchemy").out)
    (poolsize.folder / "passwords.txt").write_text("sqlite://")
    answer = poolsize("recommend", "@passwords.txt", "--workers", "4", "--json").document
    assert answer["reproduce"] == "poolsize recommend @passwords.txt --workers 4 --json"
    plain = f"sqlite:///{(poolsize.folder / 'history.db').as_posix()}"
    answer = poolsize("recommend", plain, "--workers", "4", "--json").document
    assert answer["reproduce"] == f"poolsize recommend {plain} --workers 4 --json"
