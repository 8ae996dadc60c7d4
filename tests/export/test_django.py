"""The settings that are exported: what they say, and that Django checks them, connects and keeps to them."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest

from poolsize.datatypes import Database, Deployment, Recommendation, Settings, Tls
from poolsize.export import render
from tests.export.recommendations import EVENT_LOOP, header, recommendation, shared
from tests.servers import MariaDbServer, PostgresServer, started_pgbouncer

SMALL: Final = Settings(pool_size=1, max_overflow=2, pool_timeout_s=0.25, pool_recycle_s=600, pool_pre_ping=True)
PLAIN: Final = Deployment(processes=2, threads=3, worker_type="waitress")


def test_the_whole_snippet_for_postgresql() -> None:
    assert (
        render("django", recommendation())
        == header()
        + """\
import os

from psycopg.conninfo import conninfo_to_dict

# The pool needs Django 5.1 and pip install "psycopg[binary,pool]": with
#   psycopg2 alone Django refuses it, and without a pool each thread holds a
#   connection of its own, whatever their number.
database = conninfo_to_dict(os.environ["DATABASE_URL"])
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": database.pop("dbname", ""),
        "USER": database.pop("user", ""),
        "PASSWORD": database.pop("password", ""),
        "HOST": database.pop("host", ""),
        "PORT": database.pop("port", ""),
        "CONN_MAX_AGE": 0,  # the pool demands it
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": database | {
            "pool": {
                "min_size": 5,
                "max_size": 7,
                "timeout": 1,  # seconds
                "max_lifetime": 1800,  # seconds
            },
        },
    },
}
"""
    )


def test_a_dsn_that_names_psycopg2_is_told_so_and_read_without_the_name() -> None:
    text = body(recommendation(database=Database(dialect="postgresql", driver="psycopg2")))
    assert text.startswith("""\
import os

from psycopg.conninfo import conninfo_to_dict

# The DSN names psycopg2. The pool needs Django 5.1 and pip install
#   "psycopg[binary,pool]": with psycopg2 alone Django refuses it, and without
#   a pool each thread holds a connection of its own, whatever their number.
database = conninfo_to_dict(os.environ["DATABASE_URL"].replace("+psycopg2:", ":", 1))
""")


def test_the_whole_snippet_in_front_of_a_pgbouncer() -> None:
    text = render("django", recommendation(), shared=True, pgbouncer_version="1.18")
    assert (
        text
        == header(through_pooler=True)
        + """\
import os

from psycopg.conninfo import conninfo_to_dict

# DATABASE_URL leads to PgBouncer here, not to the server.
# The pool needs Django 5.1 and pip install "psycopg[binary,pool]": with
#   psycopg2 alone Django refuses it, and without a pool each thread holds a
#   connection of its own, whatever their number.
database = conninfo_to_dict(os.environ["DATABASE_URL"])
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": database.pop("dbname", ""),
        "USER": database.pop("user", ""),
        "PASSWORD": database.pop("password", ""),
        "HOST": database.pop("host", ""),
        "PORT": database.pop("port", ""),
        "CONN_MAX_AGE": 0,  # the pool demands it
        # PgBouncer 1.18 in transaction mode
        "DISABLE_SERVER_SIDE_CURSORS": True,
        "CONN_HEALTH_CHECKS": False,
        "OPTIONS": database | {
            "pool": {
                "min_size": 6,
                "max_size": 8,
                "timeout": 2.5,  # seconds
            },
        },
    },
}
"""
    )


def test_in_front_of_a_pgbouncer_in_session_mode_nothing_is_kept() -> None:
    text = body(recommendation(scope=shared(pool_mode="session")), shared=True)
    assert text.endswith("""\
        "CONN_MAX_AGE": 0,  # a kept connection keeps a server's
        "OPTIONS": database,
    },
}
""")
    assert "DISABLE_SERVER_SIDE_CURSORS" not in text


def test_the_whole_snippet_for_mysql() -> None:
    tls = Tls(used=True, requested="VERIFY_IDENTITY", verified=True, root="/etc/ssl/db's root.pem")
    assert (
        body(recommendation(database=Database(dialect="mysql", tls=tls)))
        == """\
import os
from urllib.parse import unquote, urlsplit

# Needs mysqlclient. What follows a ? in DATABASE_URL is not read: options of
#   the driver belong into OPTIONS.
# Django has no pool for mysql: each thread holds a connection of its own, 8 in
#   a process and not 7: at most (2 + 1) instances × 4 processes × 1 pool × 8 =
#   96. With 7 threads it is the sum above.
database = urlsplit(os.environ["DATABASE_URL"])
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.mysql",
        "NAME": unquote(database.path[1:]),
        "USER": unquote(database.username or ""),
        "PASSWORD": unquote(database.password or ""),
        "HOST": database.hostname or "",
        "PORT": str(database.port or ""),
        "CONN_MAX_AGE": 1800,  # seconds
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {
            "ssl_mode": "VERIFY_IDENTITY",
            "ssl": {"ca": "/etc/ssl/db's root.pem"},
        },
    },
}
"""
    )


@pytest.mark.parametrize(
    ("requested", "root", "options"),
    [
        ("DISABLED", None, ""),
        ("PREFERRED", None, ""),
        ("REQUIRED", None, '"ssl_mode": "REQUIRED",'),
        ("VERIFY_CA", "system", '"ssl_mode": "VERIFY_CA",'),
    ],
)
def test_no_less_tls_is_asked_for_than_the_dsn_did(requested: str, root: str | None, options: str) -> None:
    tls = Tls(used=True, requested=requested, root=root)
    text = body(recommendation(database=Database(dialect="mariadb", tls=tls)))
    assert text.partition('"OPTIONS": {')[2].partition("}")[0].strip() == options


def test_without_a_pool_the_threads_are_the_limit() -> None:
    database, settings = Database(dialect="mariadb"), Settings(pool_size=3, max_overflow=0, pool_timeout_s=1)
    enough = body(recommendation(database=database, deployment=PLAIN, settings=settings))
    assert "each thread holds a connection of its own, so that the threads of a process limit its" in unwrapped(enough)
    assert '"CONN_MAX_AGE": None,  # kept open\n' in enough
    endless = body(recommendation(database=database, deployment=EVENT_LOOP, settings=settings))
    assert "Nothing keeps a process to 3 but a limit on the requests that it takes at once." in unwrapped(endless)
    assert '"CONN_MAX_AGE": 0,  # ASGI: a kept connection would never be used again\n    },' in endless


def test_celery_opens_no_pool_of_idle_connections_for_every_task() -> None:
    deployment = Deployment(processes=4, threads=1, worker_type="celery-prefork")
    settings = Settings(pool_size=1, max_overflow=0, pool_timeout_s=1)
    text = body(recommendation(deployment=deployment, settings=settings))
    assert text.partition('"pool": {')[2].startswith("""
                # Celery closes the pool after each task, and opens min_size
                #   for the next
                "min_size": 0,
                "max_size": 1,
""")


def test_the_whole_snippet_for_sqlite() -> None:
    assert (
        body(recommendation(database=Database(dialect="sqlite", name="shop.db")))
        == """\
import os
from urllib.parse import unquote, urlsplit

# SQLite: one connection writes at a time, and Django has no pool for it. Needs
#   Django 5.1.
database = urlsplit(os.environ["DATABASE_URL"])
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": unquote(database.path[1:]),
        "CONN_MAX_AGE": 1800,  # seconds
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {
            # so that none fails between reading and writing
            "transaction_mode": "IMMEDIATE",
            "timeout": 5,  # seconds to wait for a lock
            # readers do not wait for the writer
            "init_command": "PRAGMA journal_mode=WAL",
        },
    },
}
"""
    )


def test_a_drivers_name_cannot_end_its_quotes() -> None:
    odd = Database(dialect="postgresql", driver='x")\nraise SystemExit("')
    strings = [
        node.value for node in ast.walk(ast.parse(body(recommendation(database=odd)))) if isinstance(node, ast.Constant)
    ]
    assert '+x")\nraise SystemExit(":' in strings


def body(answer: Recommendation, **options: Any) -> str:
    return render("django", answer, **options).split("\n\n", 1)[1]


def unwrapped(text: str) -> str:
    return text.replace("\n#   ", " ")


PROGRAM: Final = """
import json, sys, threading
try:
    import django
    from django.core.management import call_command
    django.setup()
    call_command("check", databases=["default"], fail_level="WARNING")
    from django.db import connection
    with connection.cursor() as cursor:
        {body}
    print(json.dumps(found))
except Exception as error:
    print(json.dumps({{"error": type(error).__name__, "message": str(error)}}))
"""


def django(text: str, folder: Path, url: str, program: str, *, more: str = "", before: str = "") -> Any:
    """What `program` finds, run with a cursor in a Django of its own with these settings: Django reads its settings
    once in a process."""
    settings = f"{text}\n{more}\nSECRET_KEY = 'x'\nUSE_TZ = True\nINSTALLED_APPS = []\n"
    (folder / "exported.py").write_text(settings, encoding="utf-8")
    indented = program.strip().replace("\n", "\n        ")
    done = subprocess.run(
        [sys.executable, "-c", before + PROGRAM.format(body=indented)],
        capture_output=True,
        text=True,
        check=True,
        cwd=folder,
        env={**os.environ, "DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "exported", "PYTHONPATH": str(folder)},
    )
    return json.loads(done.stdout.splitlines()[-1])


POOLED: Final = """
cursor.execute("SELECT current_user")
pool = connection.pool
found = {"user": cursor.fetchone()[0], "min": pool.min_size, "max": pool.max_size, "timeout": pool.timeout,
         "max_lifetime": pool.max_lifetime, "checks": pool._check is not None}
def hold():
    from django.db import connection
    connection.ensure_connection()
    holding.wait()
    release.wait()
    connection.close()
holding, release = threading.Barrier(pool.max_size), threading.Event()
threads = [threading.Thread(target=hold) for _ in range(pool.max_size - 1)]
for thread in threads:
    thread.start()
holding.wait()
cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE usename = current_user")
found["held"] = cursor.fetchone()[0]
def one_more():
    from django.db import connection
    try:
        connection.ensure_connection()
    except Exception as error:
        found["refused"] = type(error.__cause__).__name__
thread = threading.Thread(target=one_more)
thread.start()
thread.join()
release.set()
for thread in threads:
    thread.join()
connection.close()
connection.close_pool()
"""


def test_django_holds_the_pool_to_its_sizes_and_its_timeout(postgres15: PostgresServer, tmp_path: Path) -> None:
    text = render("django", recommendation(settings=SMALL, deployment=PLAIN))
    url = postgres15.dsn("scram", password=postgres15.password)
    assert django(text, tmp_path, url, POOLED) == {
        "user": "scram",
        "min": 1,
        "max": 3,
        "timeout": 0.25,
        "max_lifetime": 600,
        "checks": True,
        "held": 3,
        "refused": "PoolTimeout",
    }


WHO: Final = """
cursor.execute("SELECT current_user")
found = cursor.fetchone()[0]
connection.close()
getattr(connection, "close_pool", lambda: None)()
"""


def test_the_rules_that_it_keeps_are_djangos(postgres15: PostgresServer, tmp_path: Path) -> None:
    text = render("django", recommendation(settings=SMALL))
    url = postgres15.dsn("scram", password=postgres15.password)
    assert django(text, tmp_path, url, WHO) == "scram"
    for age in ("60", "None"):
        refused = django(text, tmp_path, url, WHO, more=f'DATABASES["default"]["CONN_MAX_AGE"] = {age}')
        assert refused == {
            "error": "ImproperlyConfigured",
            "message": "Pooling doesn't support persistent connections.",
        }


def test_whatever_libpq_understands_reaches_the_server(postgres15: PostgresServer, tmp_path: Path) -> None:
    text = render("django", recommendation(settings=SMALL))
    root = str(postgres15.root_certificate)
    password = postgres15.password.replace("\\", "\\\\").replace("'", "\\'")
    conninfo = f"host=localhost port={postgres15.port} dbname=app user=hostssl password='{password}'"
    for dsn in (
        postgres15.dsn("hostssl", password=postgres15.password, sslmode="verify-full", sslrootcert=root),
        f"{conninfo} sslmode=verify-full sslrootcert='{root}'",
    ):
        assert django(text, tmp_path, dsn, WHO) == "hostssl"
    named = render("django", recommendation(settings=SMALL, database=Database(dialect="postgresql", driver="psycopg")))
    dsn = postgres15.dsn("scram", password=postgres15.password).replace("postgresql:", "postgresql+psycopg:")
    assert django(named, tmp_path, dsn, WHO) == "scram"


CURSORS: Final = """
from django.db import models
class Role(models.Model):
    rolname = models.TextField(primary_key=True)
    class Meta:
        app_label, managed, db_table = "shop", False, "pg_roles"
taken, release = threading.Event(), threading.Event()
def take_the_server_connection():
    from django.db import connection, transaction
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        taken.set()
        release.wait()
    connection.close()
thread = threading.Thread(target=take_the_server_connection)
try:
    found = 0
    for role in Role.objects.iterator(chunk_size=3):
        found += 1
        if found == 1:
            thread.start()
            taken.wait()
finally:
    release.set()
    thread.join()
    connection.close()
    getattr(connection, "close_pool", lambda: None)()
"""


@pytest.mark.parametrize("pool_mode", ["transaction", "session"])
def test_it_reads_in_chunks_through_a_pgbouncer(pool_mode: str, postgres15: PostgresServer, tmp_path: Path) -> None:
    text = render("django", recommendation(scope=shared(pool_mode=pool_mode)), shared=True, pgbouncer_version="1.18")
    with started_pgbouncer(postgres15, pool_mode=pool_mode) as pooler:
        assert django(text, tmp_path, pooler.dsn(), CURSORS) > 3
        if pool_mode == "transaction":
            kept = 'DATABASES["default"]["DISABLE_SERVER_SIDE_CURSORS"] = False'
            failed = django(text, tmp_path, pooler.dsn(), CURSORS, more=kept)
            assert "does not exist" in failed["message"]


PERSISTENT: Final = """
from django.core.signals import request_finished, request_started
def session():
    with connection.cursor() as cursor:
        cursor.execute("SELECT connection_id()")
        return cursor.fetchone()[0]
first = session()
request_started.send(None)
request_finished.send(None)
request_started.send(None)
kept = session() == first
with connection.cursor() as cursor:
    try:
        cursor.execute(f"KILL {first}")
    except Exception:
        pass
request_finished.send(None)
request_started.send(None)
found = {"kept": kept, "replaced": session() != first, "age": connection.settings_dict["CONN_MAX_AGE"]}
connection.close()
"""

PYMYSQL: Final = "import pymysql\npymysql.install_as_MySQLdb()\n"
"""Stands in for mysqlclient, which needs a compiler to install."""


def test_on_mariadb_django_keeps_a_connection_and_replaces_a_dead_one(mariadb: MariaDbServer, tmp_path: Path) -> None:
    answer = recommendation(settings=SMALL, deployment=PLAIN, database=Database(dialect="mariadb"))
    found = django(render("django", answer), tmp_path, mariadb.dsn(), PERSISTENT, before=PYMYSQL)
    assert found == {"kept": True, "replaced": True, "age": 600}


IMMEDIATE: Final = """
from concurrent.futures import ThreadPoolExecutor
from django.db import transaction
cursor.execute("CREATE TABLE counter AS SELECT 0 AS n")
def count():
    from django.db import connection
    for _ in range(25):
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT n FROM counter")
            n = cursor.fetchone()[0]
            cursor.execute("UPDATE counter SET n = %s", [n + 1])
    connection.close()
with ThreadPoolExecutor(4) as threads:
    for done in [threads.submit(count) for _ in range(4)]:
        done.result()
cursor.execute("SELECT n FROM counter")
found = [cursor.fetchone()[0]]
cursor.execute("PRAGMA journal_mode")
found.append(cursor.fetchone()[0])
"""


def test_on_sqlite_no_update_is_lost(tmp_path: Path) -> None:
    text = render("django", recommendation(database=Database(dialect="sqlite", name="shop.db")))
    url = f"sqlite:///{(tmp_path / 'the shop.db').as_posix()}"
    assert django(text, tmp_path, url, IMMEDIATE) == [100, "wal"]
    assert (tmp_path / "the shop.db").exists()
    (tmp_path / "the shop.db").unlink()
    deferred = 'DATABASES["default"]["OPTIONS"]["transaction_mode"] = "DEFERRED"'
    assert django(text, tmp_path, url, IMMEDIATE, more=deferred)["message"] == "database is locked"
