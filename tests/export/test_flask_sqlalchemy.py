"""The configuration that is exported: what it says, and that a Flask application serves with it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import QueuePool, text
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from poolsize.datatypes import Database, Deployment, Recommendation, Settings
from poolsize.export import render
from tests.export.recommendations import EVENT_LOOP, header, recommendation, shared
from tests.servers import PostgresServer, started_pgbouncer


def test_the_whole_snippet() -> None:
    deployment = Deployment(processes=4, instances=2, surge=1, threads=8, worker_type="flask")
    assert (
        render("flask-sqlalchemy", recommendation(deployment=deployment))
        == header()
        + """\
import os

# Every bind key and every application object has an engine, and so a pool, of
#   its own (--pools).
# With --preload, build the engine in each worker or call
#   engine.dispose(close=False) in gunicorn's post_fork hook.
# postgresql:// (SQLAlchemy knows no postgres://) means psycopg2 in SQLAlchemy
#   2.0, psycopg 3 in 2.1.
SQLALCHEMY_DATABASE_URI = os.environ["DATABASE_URL"]
SQLALCHEMY_ENGINE_OPTIONS = {
    "pool_size": 5,
    "max_overflow": 2,
    "pool_timeout": 1,  # seconds
    "pool_recycle": 1800,  # seconds
    "pool_pre_ping": True,
}
# These options do not reach SQLALCHEMY_BINDS: each bind is a pool of its own
#   and takes them as {"name": {"url": ..., **SQLALCHEMY_ENGINE_OPTIONS}}.
"""
    )


def test_the_whole_snippet_in_front_of_a_pgbouncer() -> None:
    assert (
        body(recommendation(deployment=EVENT_LOOP), shared=True, pgbouncer_version="1.18")
        == """\
import os

from sqlalchemy import make_url

# The numbers are for uvicorn: FastAPI, Starlette or another async application;
#   Flask has no event loop: state the worker that runs it.
# DATABASE_URL leads to PgBouncer here, not to the server.
# For psycopg2, which prepares nothing: postgresql+psycopg2, without
#   connect_args.
SQLALCHEMY_DATABASE_URI = make_url(os.environ["DATABASE_URL"]).set(drivername="postgresql+psycopg")
SQLALCHEMY_ENGINE_OPTIONS = {
    "pool_size": 6,
    "max_overflow": 2,
    "pool_timeout": 2.5,  # seconds
    # PgBouncer 1.18 in transaction mode keeps no prepared statements
    "connect_args": {"prepare_threshold": None},
}
# These options do not reach SQLALCHEMY_BINDS: each bind is a pool of its own
#   and takes them as {"name": {"url": ..., **SQLALCHEMY_ENGINE_OPTIONS}}.
"""
    )


def test_sqlite_is_told_how_to_begin_what_writes() -> None:
    text = body(recommendation(database=Database(dialect="sqlite", name="shop.db")))
    assert (
        """\
# SQLite: one connection writes at a time. Set PRAGMA journal_mode=WAL once,
#   and begin what reads before it writes with db.session.execute(text("BEGIN
#   IMMEDIATE")): otherwise it overwrites what another one wrote meanwhile, or
#   fails.
SQLALCHEMY_DATABASE_URI = os.environ["DATABASE_URL"]
"""
        in text
    )
    assert '    "connect_args": {"timeout": 5},  # seconds to wait for a lock\n' in text


def body(answer: Recommendation, **options: Any) -> str:
    return render("flask-sqlalchemy", answer, **options).split("\n\n", 1)[1]


@contextmanager
def application(
    answer: Recommendation, monkeypatch: pytest.MonkeyPatch, url: str, folder: Path, **options: Any
) -> Iterator[tuple[Flask, SQLAlchemy]]:
    """A Flask application that reads the snippet as its configuration file."""
    monkeypatch.setenv("DATABASE_URL", url)
    (folder / "settings.py").write_text(render("flask-sqlalchemy", answer, **options), encoding="utf-8")
    app = Flask("shop", instance_path=str(folder))
    app.config.from_pyfile(str(folder / "settings.py"))
    app.config["SQLALCHEMY_BINDS"] = {"other": {"url": url, **app.config["SQLALCHEMY_ENGINE_OPTIONS"]}}
    db = SQLAlchemy(app)
    try:
        yield app, db
    finally:
        with app.app_context():
            for engine in db.engines.values():
                engine.dispose()


def test_an_application_serves_with_it_and_each_bind_has_such_a_pool(
    postgres15: PostgresServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings = Settings(pool_size=2, max_overflow=1, pool_timeout_s=0.25, pool_recycle_s=600, pool_pre_ping=True)
    url = postgres15.dsn("scram", password=postgres15.password).replace("postgresql:", "postgresql+psycopg:")
    with application(recommendation(settings=settings), monkeypatch, url, tmp_path) as (app, db):

        @app.get("/")
        def who() -> str:
            return str(db.session.execute(text("SELECT current_user")).scalar())

        assert app.test_client().get("/").text == "scram"
        with app.app_context():
            for engine in db.engines.values():
                assert isinstance(engine.pool, QueuePool)
                held = [engine.connect() for _ in range(settings.capacity)]
                with pytest.raises(PoolTimeoutError, match="QueuePool limit of size 2 overflow 1 reached"):
                    engine.connect()
                for connection in held:
                    connection.close()
                assert engine.pool.checkedin() == settings.pool_size
        assert app.test_client().get("/").text == "scram"


@pytest.mark.parametrize("pool_mode", ["transaction", "session"])
def test_an_application_serves_through_pgbouncer(
    pool_mode: str, postgres15: PostgresServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    answer = recommendation(scope=shared(pool_mode=pool_mode))
    with (
        started_pgbouncer(postgres15, pool_mode=pool_mode) as pooler,
        application(answer, monkeypatch, pooler.dsn(), tmp_path, shared=True) as (app, db),
        app.app_context(),
    ):
        for _ in range(8):
            assert db.session.execute(text("SELECT current_user")).scalar() == "scram"
            db.session.commit()


def test_what_begins_as_told_loses_no_update_on_sqlite(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    settings = Settings(pool_size=2, max_overflow=2, pool_timeout_s=10)
    answer = recommendation(settings=settings, database=Database(dialect="sqlite", name="shop.db"))
    with application(answer, monkeypatch, "sqlite:///shop.db", tmp_path) as (app, db):
        with app.app_context():
            db.session.execute(text("PRAGMA journal_mode=WAL"))
            db.session.execute(text("CREATE TABLE counter AS SELECT 0 AS n"))
            db.session.commit()
        start = threading.Barrier(4)

        def count() -> None:
            start.wait()
            for _ in range(25):
                with app.app_context():
                    db.session.execute(text("BEGIN IMMEDIATE"))
                    n = db.session.execute(text("SELECT n FROM counter")).scalar_one()
                    db.session.execute(text("UPDATE counter SET n = :n"), {"n": n + 1})
                    db.session.commit()

        with ThreadPoolExecutor(start.parties) as threads:
            for done in [threads.submit(count) for _ in range(start.parties)]:
                done.result()
        with app.app_context():
            assert db.session.execute(text("SELECT n FROM counter")).scalar() == 100
