"""The ini that is exported: what it says, and that PgBouncer starts with it, serves and keeps to its limits."""

from __future__ import annotations

import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import psycopg
import pytest
from sqlalchemy import text as sql

from poolsize.datatypes import Database, Deployment, Pooler, Recommendation, Settings, Tls
from poolsize.errors import UsageError
from poolsize.export import render
from tests.export.installed_pgbouncer import installed_version
from tests.export.recommendations import THREADS, header, recommendation, shared
from tests.servers import PASSWORD, PostgresServer, started_pgbouncer_with
from tests.servers.process import ServerFailedError

USERS: Final = {"scram": PASSWORD, "hostssl": PASSWORD}


def test_the_whole_file() -> None:
    answer = recommendation(deployment=Deployment(processes=4, threads=8, worker_type="waitress"))
    assert (
        render("pgbouncer", answer, pgbouncer_version="1.24.1")
        == header(marker=";", through_pooler=True)
        + """\
[databases]
; A pool belongs to a pair of user and database, so that each further user may
;   hold default_pool_size more, up to max_db_connections; with user=NAME in
;   the line there is one pool for all users.
shop = host=db.example.com port=5432 dbname=shop

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = 6432
auth_type = scram-sha-256
; A line for each user: "name" "password", or the SCRAM secret from pg_authid
;   instead of it.
auth_file = /etc/pgbouncer/userlist.txt
server_tls_sslmode = prefer

pool_mode = transaction
default_pool_size = 20
min_pool_size = 5
reserve_pool_size = 4
reserve_pool_timeout = 1
max_db_connections = 24
; Open files (ulimit -n, LimitNOFILE): PgBouncer's manual counts 200 clients +
;   20 × 1 database × 1 user = 220. That leaves out the reserve, cancel
;   requests (each pool may double for them) and its own files: 298 is safe for
;   one user.
max_client_conn = 200

query_wait_timeout = 5
server_idle_timeout = 600
server_lifetime = 1800
server_login_retry = 1
max_prepared_statements = 200

; In transaction mode nothing of a session outlives the transaction: no SET,
;   LISTEN, temporary table or advisory lock of the session.
; The application, with SQLAlchemy:
;   import os
;
;   from sqlalchemy import create_engine, make_url
;
;   # DATABASE_URL leads to PgBouncer here, not to the server.
;   # For psycopg2, which prepares nothing: postgresql+psycopg2.
;   # Prepared statements need psycopg 3.2 with libpq 17, as its binary wheel has;
;   #   with an older libpq add connect_args={"prepare_threshold": None}.
;   engine = create_engine(
;       make_url(os.environ["DATABASE_URL"]).set(drivername="postgresql+psycopg"),
;       pool_size=6,
;       max_overflow=2,
;       pool_timeout=2.5,  # seconds
;   )
; The application, with Django:
;   import os
;
;   from psycopg.conninfo import conninfo_to_dict
;
;   # DATABASE_URL leads to PgBouncer here, not to the server.
;   # The pool needs Django 5.1 and pip install "psycopg[binary,pool]": with
;   #   psycopg2 alone Django refuses it, and without a pool each thread holds a
;   #   connection of its own, whatever their number.
;   database = conninfo_to_dict(os.environ["DATABASE_URL"])
;   DATABASES = {
;       "default": {
;           "ENGINE": "django.db.backends.postgresql",
;           "NAME": database.pop("dbname", ""),
;           "USER": database.pop("user", ""),
;           "PASSWORD": database.pop("password", ""),
;           "HOST": database.pop("host", ""),
;           "PORT": database.pop("port", ""),
;           "CONN_MAX_AGE": 0,  # the pool demands it
;           # PgBouncer 1.24 in transaction mode
;           "DISABLE_SERVER_SIDE_CURSORS": True,
;           "CONN_HEALTH_CHECKS": False,
;           "OPTIONS": database | {
;               "pool": {
;                   "min_size": 6,
;                   "max_size": 8,
;                   "timeout": 2.5,  # seconds
;               },
;           },
;       },
;   }
"""
    )


def ini(answer: Recommendation, **options: Any) -> str:
    """Without the header and the application's side."""
    return render("pgbouncer", answer, **options).split("\n\n", 1)[1].partition("\n\n; In transaction")[0]


def test_an_old_version_gets_no_option_that_it_does_not_know_and_an_unknown_one_a_hint() -> None:
    assert "max_prepared_statements" not in ini(recommendation(), pgbouncer_version="1.18.0")
    assert "\nmax_prepared_statements = 200" in ini(recommendation(), pgbouncer_version="1.21.0")
    assert ini(recommendation()).endswith("""\
; The version is not known: this starts on 1.11 and later. On 1.21 and later
;   add
; max_prepared_statements = 200""")


@pytest.mark.parametrize(
    ("tls", "lines"),
    [
        (None, "server_tls_sslmode = prefer\n"),
        (Tls(used=False, requested="disable"), "server_tls_sslmode = disable\n"),
        (Tls(used=False, requested="allow"), "server_tls_sslmode = prefer\n"),
        (Tls(used=True, requested="require"), "server_tls_sslmode = require\n"),
        (
            Tls(used=True, requested="verify-ca", verified=True, root="/etc/ssl/db.pem"),
            "server_tls_sslmode = verify-ca\nserver_tls_ca_file = /etc/ssl/db.pem\n",
        ),
        (
            Tls(used=True, requested="verify-full", verified=True, root="system"),
            "server_tls_sslmode = verify-full\nserver_tls_ca_file = /etc/ssl/certs/ca-certificates.crt\n",
        ),
    ],
)
def test_no_less_tls_is_asked_for_than_the_dsn_did(tls: Tls | None, lines: str) -> None:
    database = Database(dialect="postgresql", host="db", name="shop", tls=tls)
    text = ini(recommendation(database=database))
    assert f"userlist.txt\n{lines}" in text
    assert ("\n; The application does not reach PgBouncer encrypted." in text) is (
        "require" in lines or "verify" in lines
    )


def test_what_other_hosts_connect_to_listens_to_them() -> None:
    assert (
        ini(recommendation(deployment=THREADS))
        .partition("[pgbouncer]\n")[2]
        .startswith("""\
; The application runs on several hosts: let a firewall keep the others out.
listen_addr = *
""")
    )


def test_without_a_server_of_ones_own_the_place_is_to_be_filled_in() -> None:
    found = Database(dialect="postgresql", host="pooler", port=6432, name="shop", pooler=Pooler(kind="pgbouncer"))
    for database, entry in ((None, "\n* = host=127.0.0.1 port=5432\n"), (found, "\nshop = host=127.0.0.1 port=5432 ")):
        text = ini(recommendation(database=database))
        assert "\n; FILL IN host and port: the recommendation " in text
        assert entry in text


def test_a_server_that_ends_idle_connections_sooner_is_not_waited_for() -> None:
    settings = Settings(pool_size=1, max_overflow=0, pool_timeout_s=1, pool_recycle_s=240)
    text = ini(recommendation(settings=settings))
    assert "server_idle_timeout = 240\nserver_lifetime = 240\n" in text
    never = ini(recommendation(settings=Settings(pool_size=1, max_overflow=0, pool_timeout_s=1)))
    assert "server_idle_timeout = 600\nserver_lifetime = 3600\n" in never


def test_without_a_reserve_there_is_no_time_to_wait_for_it() -> None:
    text = ini(recommendation(scope=shared(reserve_pool_size=0, min_pool_size=50)))
    assert "min_pool_size = 20\nreserve_pool_size = 0\nmax_db_connections = 20\n" in text


def test_a_host_or_path_that_breaks_the_line_is_refused() -> None:
    tls = Tls(used=True, requested="verify-ca", root="/etc/ssl\nauth_type = any")
    for broken in (Database(dialect="postgresql", host="db\nauth_type = any"), Database(dialect="postgresql", tls=tls)):
        with pytest.raises(UsageError, match="control character"):
            render("pgbouncer", recommendation(database=broken))


def answer_for(server: PostgresServer, *, name: str = "app", tls: Tls | None = None, **pooler: Any) -> Recommendation:
    database = Database(dialect="postgresql", host=server.host, port=server.port, name=name, tls=tls)
    sizes = {"default_pool_size": 2, "min_pool_size": 0, "reserve_pool_size": 0, "max_client_conn": 20} | pooler
    return recommendation(database=database, scope=shared(**sizes))


def test_pgbouncer_starts_with_it_and_the_next_transaction_waits_for_a_server(postgres15: PostgresServer) -> None:
    text = render("pgbouncer", answer_for(postgres15, query_wait_timeout_s=1.5), pgbouncer_version=installed_version())
    with started_pgbouncer_with(text, users=USERS) as pooler, ThreadPoolExecutor(3) as threads:
        dsn = pooler.dsn("scram")
        holding, release = threading.Barrier(3), threading.Event()

        def hold() -> object:
            with psycopg.connect(dsn) as connection:
                row = connection.execute("SELECT current_database()").fetchone()
                holding.wait()
                release.wait()
                return row

        def one_more() -> float:
            start = time.monotonic()
            with psycopg.connect(dsn) as connection:
                connection.execute("SELECT 1")
            return time.monotonic() - start

        holders = [threads.submit(hold) for _ in range(2)]
        holding.wait(timeout=10)
        with pytest.raises(psycopg.OperationalError, match="query_wait_timeout"):
            one_more()
        waiting = threads.submit(one_more)
        time.sleep(0.3)
        release.set()
        assert waiting.result() >= 0.3
        assert [holder.result() for holder in holders] == [("app",)] * 2
        assert sessions(postgres15) == 2


def sessions(server: PostgresServer) -> int:
    (row,) = server.run("SELECT count(*) FROM pg_stat_activity WHERE usename = 'scram'")
    return int(str(row[0]))


def test_the_reserve_opens_when_a_client_has_waited_and_no_further(postgres15: PostgresServer) -> None:
    wait_s = 0.5
    answer = answer_for(
        postgres15, default_pool_size=1, reserve_pool_size=1, reserve_pool_timeout_s=wait_s, query_wait_timeout_s=1.5
    )
    text = render("pgbouncer", answer, pgbouncer_version=installed_version())
    with started_pgbouncer_with(text, users=USERS) as pooler, psycopg.connect(pooler.dsn("scram")) as first:
        first.execute("SELECT 1")
        start = time.monotonic()
        with psycopg.connect(pooler.dsn("scram")) as second:
            second.execute("SELECT 1")
            assert time.monotonic() - start >= wait_s
            with psycopg.connect(pooler.dsn("scram")) as third, pytest.raises(psycopg.OperationalError):
                third.execute("SELECT 1")


def test_an_option_of_a_later_version_would_keep_it_from_starting(postgres15: PostgresServer) -> None:
    """So that the gate is real: where the installed one is that late, the gate is open."""
    newer = render("pgbouncer", answer_for(postgres15), pgbouncer_version="1.21")
    assert re.search(r"(?m)^max_prepared_statements", newer)
    if installed_version() >= (1, 21):
        with started_pgbouncer_with(newer, users=USERS) as pooler, psycopg.connect(pooler.dsn("scram")):
            return
    with pytest.raises(ServerFailedError, match="max_prepared_statements"), started_pgbouncer_with(newer):
        pass


def test_the_tls_that_was_asked_for_is_used_to_the_server(postgres15: PostgresServer) -> None:
    tls = Tls(used=True, requested="verify-full", verified=True, root=str(postgres15.root_certificate))
    text = render("pgbouncer", answer_for(postgres15, tls=tls))
    with started_pgbouncer_with(text, users=USERS) as pooler:
        query = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
        with psycopg.connect(pooler.dsn("hostssl")) as connection:
            assert connection.execute(query).fetchone() == (True,)


@pytest.mark.parametrize("name", ['the "shop" = x; 1', "the-shop.2", "o'neill's", "größe", "two\nlines"])
def test_a_database_with_an_odd_name_is_found(name: str, postgres15: PostgresServer) -> None:
    postgres15.create_database(name, "OWNER scram")
    try:
        text = render("pgbouncer", answer_for(postgres15, name=name))
        with started_pgbouncer_with(text, users=USERS) as pooler:
            dsn = psycopg.conninfo.make_conninfo(pooler.dsn("scram"), dbname=name)
            with psycopg.connect(dsn) as connection:
                assert connection.execute("SELECT current_database()").fetchone() == (name,)
    finally:
        quoted = '"' + name.replace('"', '""') + '"'
        postgres15.run(f"DROP DATABASE {quoted} WITH (FORCE)")


def test_the_applications_side_in_its_comments_serves_through_it(
    postgres15: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = render("pgbouncer", answer_for(postgres15), pgbouncer_version=installed_version())
    commented = text.partition("; The application, with SQLAlchemy:\n")[2].partition("; The application, with")[0]
    source = "".join(line.removeprefix(";").removeprefix("   ") for line in commented.splitlines(keepends=True))
    names: dict[str, Any] = {}
    with started_pgbouncer_with(text, users=USERS) as pooler:
        monkeypatch.setenv("DATABASE_URL", pooler.dsn("scram"))
        exec(compile(source, "snippet", "exec"), names)  # noqa: S102 - our own text
        with names["engine"].connect() as connection:
            assert connection.execute(sql("SELECT current_user")).scalar() == "scram"
        names["engine"].dispose()
