"""One operation on a real server: read-only, bounded in time, named, and explained without a password."""

from __future__ import annotations

import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from poolsize.dsn import parse
from poolsize.errors import AuthenticationError, DatabaseError, UnreachableError, UsageError
from poolsize.live.target import Reach, Target, target_of
from tests.live.conftest import Make
from tests.servers import PASSWORD, MariaDbServer, PgBouncerServer, PostgresServer

SLEEP = {"postgresql": "SELECT pg_sleep({})", "mysql": "SELECT SLEEP({})"}


def write_refused(target: Target, *statements: str) -> None:
    connection = target.connect()
    try:
        for statement in statements[:-1]:
            target.run(connection, statement)
        with pytest.raises(DatabaseError, match=r"(?i)read.only.*--allow-writes") as caught:
            target.run(connection, statements[-1])
        assert PASSWORD not in str(caught.value)
        target.run(connection, "SELECT 1")  # the session goes on
    finally:
        target.close(connection)


def test_the_server_refuses_a_write(make: Make) -> None:
    write_refused(make(Reach()), "CREATE TABLE written_by_load (id int)")


def test_a_statement_that_turns_read_only_off_does_not_let_the_next_one_write(make: Make) -> None:
    target = make(Reach())
    is_postgres = target.dsn.dialect == "postgresql"
    for text in (
        ("SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE", "SET default_transaction_read_only = off")
        if is_postgres
        else ("SET SESSION TRANSACTION READ WRITE",)
    ):
        write_refused(target, text, "CREATE TABLE written_by_load (id int)")


def test_a_text_of_two_statements_is_refused(make: Make) -> None:
    target = make(Reach())
    connection = target.connect()
    try:
        with pytest.raises(DatabaseError):
            target.run(connection, "COMMIT; CREATE TABLE written_by_load (id int)")
        target.run(connection, "SELECT 1")
    finally:
        target.close(connection)


def test_a_write_that_is_allowed_is_kept(make: Make) -> None:
    target = make(Reach(allow_writes=True))
    connection = target.connect()
    try:
        target.run(connection, "CREATE TABLE allowed_by_load (id int)")
        target.run(connection, "INSERT INTO allowed_by_load VALUES (1)")
        target.run(connection, "SELECT 1 / count(*) FROM allowed_by_load")
    finally:
        target.run(connection, "DROP TABLE allowed_by_load")
        target.close(connection)


def test_parameters_are_bound(make: Make) -> None:
    """A wrong number of them, or a wrong value, would be a division by zero or a refusal."""
    target = make(Reach())
    connection = target.connect()
    try:
        first, second = target.placeholder(1), target.placeholder(2)
        statement = f"SELECT * FROM no_such_table WHERE {first} = {second}"
        with pytest.raises(DatabaseError, match="no_such_table"):
            target.run(connection, statement, (1, 2))
        target.run(
            connection,
            f"SELECT 1 WHERE {first} < {second} AND 'a' LIKE {target.literal(chr(39) + '%' + chr(39))}",
            (1, 2),
        )
    finally:
        target.close(connection)


def test_a_statement_ends_at_its_bound(make: Make) -> None:
    target = make(Reach(statement_timeout_s=0.3))
    connection = target.connect()
    try:
        start = time.monotonic()
        with pytest.raises(DatabaseError, match=r"is given 0\.3 s") as caught:
            target.run(connection, SLEEP[target.dsn.dialect].format(5))
        assert not isinstance(caught.value, UnreachableError)
        assert time.monotonic() - start < 2.0
        target.run(connection, "SELECT 1")
    finally:
        target.close(connection)


def test_what_waits_is_ended_by_an_abort(make: Make) -> None:
    target = make(Reach())
    connection = target.connect()
    sleep = SLEEP[target.dsn.dialect].format(2)
    threading.Timer(0.2, target.abort, (connection,)).start()
    start = time.monotonic()
    with pytest.raises(UnreachableError):
        target.run(connection, sleep)
    assert time.monotonic() - start < 1.5
    target.close(connection)
    target.close(connection)  # again does no harm


def test_operations_on_several_connections_overlap(make: Make) -> None:
    """Or Python's lock would be held while the server works."""
    target = make(Reach())
    connections = [target.connect() for _ in range(4)]
    sleep = SLEEP[target.dsn.dialect].format(0.4)
    threads = [threading.Thread(target=target.run, args=(one, sleep)) for one in connections]
    start = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert time.monotonic() - start < 1.2
    for one in connections:
        target.close(one)


def test_a_wrong_password_is_one_sentence_without_it(postgres15: PostgresServer, mariadb: MariaDbServer) -> None:
    for dsn in (postgres15.dsn("scram", password=PASSWORD + "!"), mariadb.dsn(password=PASSWORD + "!")):
        with pytest.raises(AuthenticationError) as caught:
            target_of(parse(dsn)).connect()
        assert "s3cr" not in str(caught.value)


def test_a_postgresql_session_is_named_and_bounded(postgres15: PostgresServer) -> None:
    target = target_of(parse(postgres15.dsn("scram", password=PASSWORD)))
    connection = target.connect()
    try:
        shown = {
            name: connection.execute(f"SHOW {name}").fetchone()[0]
            for name in ("application_name", "statement_timeout", "client_connection_check_interval",
                         "default_transaction_read_only")
        }  # fmt: skip
    finally:
        target.close(connection)
    assert shown == {
        "application_name": "poolsize",
        "statement_timeout": "3s",
        "client_connection_check_interval": "1s",
        "default_transaction_read_only": "on",
    }


def test_behind_a_pooler_nothing_stays_with_the_server_connection(pgbouncer: PgBouncerServer) -> None:
    target = target_of(parse(pgbouncer.dsn()), Reach(is_pooled=True, statement_timeout_s=0.3))
    write_refused(target, "CREATE TABLE written_by_load (id int)")
    connection = target.connect()
    try:
        with pytest.raises(DatabaseError, match=r"is given 0\.3 s"):
            target.run(connection, "SELECT pg_sleep(5)")
        shown = [connection.execute(f"SHOW {name}").fetchone()[0] for name in
                 ("statement_timeout", "default_transaction_read_only")]  # fmt: skip
    finally:
        target.close(connection)
    assert shown == ["0", "off"]


def test_a_sqlite_file_is_read_by_many_and_written_by_leave_only(tmp_path: Path) -> None:
    path = tmp_path / "shop.db"
    with closing(sqlite3.connect(path)) as made:
        made.execute("CREATE TABLE t (id int)")
    dsn = parse(f"sqlite:///{path.as_posix()}")
    write_refused(target_of(dsn), "INSERT INTO t VALUES (1)")
    writing = target_of(dsn, Reach(allow_writes=True))
    connection = writing.connect()
    writing.run(connection, "INSERT INTO t VALUES (?1)", (7,))
    writing.close(connection)
    with closing(sqlite3.connect(path)) as read:
        assert read.execute("SELECT id FROM t").fetchall() == [(7,)]


def test_a_sqlite_database_that_no_second_connection_sees_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="memory"):
        target_of(parse("sqlite://"))
    with pytest.raises(UnreachableError, match="cannot be read"):
        target_of(parse(f"sqlite:///{(tmp_path / 'none.db').as_posix()}")).connect()
