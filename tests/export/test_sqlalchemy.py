"""The engine that is exported: what it says, and that SQLAlchemy builds it and keeps to it on real databases."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy import Engine, NullPool, QueuePool, text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine

from poolsize.datatypes import Database, Deployment, Recommendation, Settings
from poolsize.export import render
from poolsize.export.setup import PREPARED
from tests.export.installed_pgbouncer import installed_version, tracking
from tests.export.recommendations import EVENT_LOOP, header, recommendation, shared
from tests.servers import MariaDbServer, PostgresServer, started_pgbouncer

SMALL: Final = Settings(pool_size=2, max_overflow=1, pool_timeout_s=0.25, pool_recycle_s=600, pool_pre_ping=True)


def test_the_whole_snippet_for_threads() -> None:
    assert (
        render("sqlalchemy", recommendation())
        == header()
        + """\
import os

from sqlalchemy import create_engine

# With --preload, build the engine in each worker or call
#   engine.dispose(close=False) in gunicorn's post_fork hook.
# postgresql:// (SQLAlchemy knows no postgres://) means psycopg2 in SQLAlchemy
#   2.0, psycopg 3 in 2.1.
engine = create_engine(
    os.environ["DATABASE_URL"],
    pool_size=5,
    max_overflow=2,
    pool_timeout=1,  # seconds
    pool_recycle=1800,  # seconds
    pool_pre_ping=True,
)
"""
    )


def test_the_whole_snippet_for_an_event_loop() -> None:
    settings = Settings(pool_size=5, max_overflow=2, pool_timeout_s=0.5)
    assert (
        body(recommendation(deployment=EVENT_LOOP, settings=settings))
        == """\
import os

from sqlalchemy import make_url
from sqlalchemy.ext.asyncio import create_async_engine

# SQLAlchemy 2.1 leaves out greenlet: pip install "sqlalchemy[asyncio]".
engine = create_async_engine(
    make_url(os.environ["DATABASE_URL"]).set(drivername="postgresql+psycopg"),
    pool_size=5,
    max_overflow=2,
    pool_timeout=0.5,  # seconds
)
"""
    )


def test_the_whole_snippet_in_front_of_an_old_pgbouncer() -> None:
    text = render("sqlalchemy", recommendation(), shared=True, pgbouncer_version="1.18.0")
    assert (
        text
        == header(through_pooler=True)
        + """\
import os

from sqlalchemy import create_engine, make_url

# With --preload, build the engine in each worker or call
#   engine.dispose(close=False) in gunicorn's post_fork hook.
# DATABASE_URL leads to PgBouncer here, not to the server.
# For psycopg2, which prepares nothing: postgresql+psycopg2, without
#   connect_args.
engine = create_engine(
    make_url(os.environ["DATABASE_URL"]).set(drivername="postgresql+psycopg"),
    pool_size=6,
    max_overflow=2,
    pool_timeout=2.5,  # seconds
    # PgBouncer 1.18 in transaction mode keeps no prepared statements
    connect_args={"prepare_threshold": None},
)
"""
    )


def test_the_whole_snippet_for_asyncpg_in_front_of_a_pgbouncer_of_unknown_version() -> None:
    database = Database(dialect="postgresql", driver="asyncpg")
    assert (
        body(recommendation(deployment=EVENT_LOOP, database=database), shared=True)
        == """\
import os

from sqlalchemy.ext.asyncio import create_async_engine

# SQLAlchemy 2.1 leaves out greenlet: pip install "sqlalchemy[asyncio]".
# DATABASE_URL leads to PgBouncer here, not to the server.
# asyncpg from 0.31 on; an older one names its statements even without a cache.
engine = create_async_engine(
    os.environ["DATABASE_URL"],
    pool_size=6,
    max_overflow=2,
    pool_timeout=2.5,  # seconds
    # PgBouncer in transaction mode keeps no prepared statements
    connect_args={"statement_cache_size": 0, "prepared_statement_cache_size": 0},
)
"""
    )


def test_the_whole_snippet_in_front_of_a_pgbouncer_that_tracks_statements() -> None:
    deployment = Deployment(processes=4, threads=4, worker_type="waitress")
    assert (
        body(recommendation(deployment=deployment), shared=True, pgbouncer_version="1.24.0")
        == """\
import os

from sqlalchemy import create_engine, make_url

# DATABASE_URL leads to PgBouncer here, not to the server.
# For psycopg2, which prepares nothing: postgresql+psycopg2.
# Prepared statements need psycopg 3.2 with libpq 17, as its binary wheel has;
#   with an older libpq add connect_args={"prepare_threshold": None}.
engine = create_engine(
    make_url(os.environ["DATABASE_URL"]).set(drivername="postgresql+psycopg"),
    pool_size=6,
    max_overflow=2,
    pool_timeout=2.5,  # seconds
)
"""
    )


def test_the_whole_snippet_in_front_of_a_pgbouncer_in_session_mode() -> None:
    deployment = Deployment(processes=4, threads=4, worker_type="waitress")
    assert (
        body(recommendation(deployment=deployment, scope=shared(pool_mode="session")), shared=True)
        == """\
import os

from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

# DATABASE_URL leads to PgBouncer here, not to the server.
# postgresql:// (SQLAlchemy knows no postgres://) means psycopg2 in SQLAlchemy
#   2.0, psycopg 3 in 2.1.
engine = create_engine(
    os.environ["DATABASE_URL"],
    # PgBouncer in session mode: a connection kept here would keep a server's
    poolclass=NullPool,
)
"""
    )


def test_the_whole_snippet_for_sqlite() -> None:
    deployment = Deployment(processes=2, threads=4, worker_type="waitress")
    database = Database(dialect="sqlite", name="shop.db")
    assert (
        body(recommendation(deployment=deployment, database=database))
        == """\
import os

from sqlalchemy import create_engine, event

# SQLite: one connection writes at a time, so that writers take turns in a pool
#   of one.
writer = create_engine(
    os.environ["DATABASE_URL"],
    pool_size=1,
    max_overflow=0,
    pool_timeout=1,  # seconds to wait for the turn
    connect_args={"timeout": 5},  # seconds to wait for a lock
)
reader = create_engine(
    os.environ["DATABASE_URL"],
    pool_size=5,
    max_overflow=2,
    pool_timeout=1,  # seconds
    pool_recycle=1800,  # seconds
    pool_pre_ping=True,
    connect_args={"timeout": 5},  # seconds to wait for a lock
)


@event.listens_for(writer, "connect")
def prepare_writer(connection, record):
    # The driver begins no transaction of its own: begin_immediate does.
    connection.isolation_level = None
    cursor = connection.cursor()
    # Readers do not wait for the writer; the file remembers it.
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.close()


@event.listens_for(writer, "begin")
def begin_immediate(connection):
    # A transaction that reads before it writes would fail at once when
    # another one has written meanwhile.
    connection.exec_driver_sql("BEGIN IMMEDIATE")


@event.listens_for(reader, "connect")
def forbid_writes(connection, record):
    cursor = connection.cursor()
    cursor.execute("PRAGMA query_only=ON")
    cursor.close()
"""
    )


@pytest.mark.parametrize(
    ("dialect", "driver", "worker_type", "chosen"),
    [
        ("mysql", None, "waitress", None),
        ("mysql", "aiomysql", "waitress", "mysql+pymysql"),
        ("mariadb", None, "uvicorn", "mariadb+aiomysql"),
        ("mariadb", "asyncmy", "uvicorn", None),
        ("postgresql", "psycopg2", "waitress", None),
        ("postgresql", "psycopg2", "uvicorn", "postgresql+psycopg"),
        ("postgresql", "asyncpg", "waitress", "postgresql+psycopg"),
        ("sqlite", None, "uvicorn", "sqlite+aiosqlite"),
    ],
)
def test_the_driver_is_the_dsns_own_where_it_serves_the_worker(
    dialect: str, driver: str | None, worker_type: str, chosen: str | None
) -> None:
    deployment = Deployment(processes=1, threads=None, worker_type=worker_type)
    answer = recommendation(deployment=deployment, database=Database(dialect=dialect, driver=driver))
    url = 'os.environ["DATABASE_URL"]'
    expected = f'make_url({url}).set(drivername="{chosen}")' if chosen else url
    assert f"(\n    {expected},\n" in body(answer)


def body(answer: Recommendation, **options: Any) -> str:
    return render("sqlalchemy", answer, **options).split("\n\n", 1)[1]


@contextmanager
def built(answer: Recommendation, monkeypatch: pytest.MonkeyPatch, url: str, **options: Any) -> Iterator[Engine]:
    """The engine of the snippet, which finds the URL where it says."""
    engine = run(answer, monkeypatch, url, **options)["engine"]
    assert isinstance(engine, Engine)
    try:
        yield engine
    finally:
        engine.dispose()


def run(answer: Recommendation, monkeypatch: pytest.MonkeyPatch, url: str, **options: Any) -> dict[str, Any]:
    monkeypatch.setenv("DATABASE_URL", url)
    names: dict[str, Any] = {}
    exec(compile(render("sqlalchemy", answer, **options), "snippet", "exec"), names)  # noqa: S102 - our own text
    return names


def test_it_serves_a_load_at_capacity_and_the_next_checkout_times_out(
    postgres15: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = postgres15.dsn("scram", password=postgres15.password)
    with built(recommendation(settings=SMALL), monkeypatch, url) as engine:
        pool = engine.pool
        assert isinstance(pool, QueuePool)
        holding = threading.Barrier(SMALL.capacity + 1)
        release = threading.Event()

        def hold() -> object:
            with engine.connect() as connection:
                holding.wait()
                release.wait()
                return connection.execute(text("SELECT current_user")).scalar()

        with ThreadPoolExecutor(SMALL.capacity) as threads:
            holders = [threads.submit(hold) for _ in range(SMALL.capacity)]
            holding.wait(timeout=10)
            assert sessions(postgres15) == SMALL.capacity
            start = time.monotonic()
            with pytest.raises(PoolTimeoutError, match="QueuePool limit of size 2 overflow 1 reached"):
                engine.connect()
            assert time.monotonic() - start == pytest.approx(SMALL.pool_timeout_s, abs=0.2)
            release.set()
            assert [holder.result() for holder in holders] == ["scram"] * SMALL.capacity
        assert pool.checkedin() == SMALL.pool_size


def sessions(server: PostgresServer) -> int:
    (row,) = server.run("SELECT count(*) FROM pg_stat_activity WHERE usename = 'scram'")
    return int(str(row[0]))


def test_recycling_and_the_ping_are_as_stated(postgres15: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> None:
    url = postgres15.dsn("scram", password=postgres15.password)
    settings = Settings(pool_size=1, max_overflow=0, pool_timeout_s=5, pool_recycle_s=1, pool_pre_ping=True)
    with built(recommendation(settings=settings), monkeypatch, url) as engine:

        def backend() -> object:
            with engine.connect() as connection:
                return connection.execute(text("SELECT pg_backend_pid()")).scalar()

        first = backend()
        postgres15.run(f"SELECT pg_terminate_backend({first})")
        second = backend()
        assert second != first
        time.sleep(settings.pool_recycle_s or 0)
        assert backend() != second


@pytest.mark.parametrize("driver", ["psycopg", "asyncpg"])
def test_on_an_event_loop_it_serves_at_capacity_and_the_next_checkout_times_out(
    driver: str, postgres15: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = postgres15.dsn("scram", password=postgres15.password).replace("postgresql:", f"postgresql+{driver}:")
    answer = recommendation(
        settings=SMALL, deployment=EVENT_LOOP, database=Database(dialect="postgresql", driver=driver)
    )
    engine = run(answer, monkeypatch, url)["engine"]
    assert isinstance(engine, AsyncEngine)
    assert engine.driver == driver

    async def load() -> list[object]:
        holding = asyncio.Barrier(SMALL.capacity + 1)
        release = asyncio.Event()

        async def hold() -> object:
            async with engine.connect() as connection:
                await holding.wait()
                await release.wait()
                return (await connection.execute(text("SELECT current_user"))).scalar()

        holders = [asyncio.create_task(hold()) for _ in range(SMALL.capacity)]
        await asyncio.wait_for(holding.wait(), 10)
        with pytest.raises(PoolTimeoutError, match="QueuePool limit of size 2 overflow 1 reached"):
            await engine.connect()
        release.set()
        served = await asyncio.gather(*holders)
        await engine.dispose()
        return served

    assert asyncio.run(load()) == ["scram"] * SMALL.capacity


def test_it_serves_mariadb_through_pymysql(mariadb: MariaDbServer, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = recommendation(settings=SMALL, database=Database(dialect="mariadb", driver="pymysql"))
    url = mariadb.dsn().replace("mysql:", "mariadb+pymysql:")
    with built(answer, monkeypatch, url) as engine, ExitStack() as held:
        for _ in range(SMALL.capacity):
            connection = held.enter_context(engine.connect())
            assert connection.execute(text("SELECT database()")).scalar() == "shop"
        with pytest.raises(PoolTimeoutError):
            engine.connect()


REPEATED: Final = text("SELECT CAST(:n AS int)")
LEFT: Final = text("SELECT count(*) FROM pg_prepared_statements")


def cross_over(engine: Engine) -> None:
    """Repeat a statement beyond psycopg's threshold of five, committed since psycopg forgets with a rollback; then
    once more while another client holds the server connection that it was prepared on."""
    with engine.connect() as first, engine.connect() as second:
        for number in range(8):
            assert first.execute(REPEATED, {"n": number}).scalar() == number
            first.commit()
        second.execute(LEFT)
        assert first.execute(REPEATED, {"n": 8}).scalar() == 8


def test_psycopg_prepares_nothing_behind_an_old_pgbouncer_and_would_fail_if_it_did(
    postgres15: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with started_pgbouncer(postgres15, **tracking(0)) as pooler:
        with built(recommendation(), monkeypatch, pooler.dsn(), shared=True, pgbouncer_version="1.18") as engine:
            cross_over(engine)
        with (
            built(recommendation(), monkeypatch, pooler.dsn(), shared=True, pgbouncer_version="1.24") as engine,
            pytest.raises(DBAPIError, match="prepared statement"),
        ):
            cross_over(engine)


async def cross_over_async(engine: AsyncEngine) -> int:
    """The same on an event loop; how many statements are left on the two server connections."""
    try:
        async with engine.connect() as first, engine.connect() as second:
            for number in range(8):
                await first.execute(REPEATED, {"n": number})
                await first.commit()
            await second.execute(LEFT)
            await first.execute(REPEATED, {"n": 8})
            return sum([(await connection.execute(LEFT)).scalar_one() for connection in (first, second)])
    finally:
        await engine.dispose()


@pytest.mark.parametrize("driver", ["psycopg", "asyncpg"])
def test_on_an_event_loop_nothing_is_prepared_or_left_behind_an_old_pgbouncer_either(
    driver: str, postgres15: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = recommendation(deployment=EVENT_LOOP, database=Database(dialect="postgresql", driver=driver))
    with started_pgbouncer(postgres15, **tracking(0)) as pooler:
        url = pooler.dsn().replace("postgresql:", f"postgresql+{driver}:")
        plain = run(answer, monkeypatch, url, shared=True)["engine"]
        assert asyncio.run(cross_over_async(plain)) == 0
        preparing = run(answer, monkeypatch, url, shared=True, pgbouncer_version="1.24")["engine"]
        with pytest.raises(DBAPIError, match="prepared statement"):
            asyncio.run(cross_over_async(preparing))


def test_what_is_prepared_passes_a_pgbouncer_that_tracks_it(
    postgres15: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An older one gets no such snippet: the exported version is the installed one's."""
    version = installed_version()
    with started_pgbouncer(postgres15, **tracking(200)) as pooler:
        with built(recommendation(), monkeypatch, pooler.dsn(), shared=True, pgbouncer_version=version) as engine:
            cross_over(engine)
        for driver in ("psycopg", "asyncpg"):
            answer = recommendation(deployment=EVENT_LOOP, database=Database(dialect="postgresql", driver=driver))
            url = pooler.dsn().replace("postgresql:", f"postgresql+{driver}:")
            engine = run(answer, monkeypatch, url, shared=True, pgbouncer_version=version)["engine"]
            left = asyncio.run(cross_over_async(engine))
            assert (left > 0) is (version >= PREPARED)


def test_in_session_mode_it_keeps_no_connection(postgres15: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = recommendation(scope=shared(pool_mode="session"))
    with (
        started_pgbouncer(postgres15, pool_mode="session", default_pool_size=1) as pooler,
        built(answer, monkeypatch, pooler.dsn(), shared=True) as engine,
        built(answer, monkeypatch, pooler.dsn(), shared=True) as other,
    ):
        assert isinstance(engine.pool, NullPool)
        for each in (engine, other, engine):
            with each.connect() as connection:
                assert connection.execute(text("SELECT 1")).scalar() == 1


def sqlite_answer(worker_type: str) -> Recommendation:
    deployment = Deployment(processes=2, threads=None, worker_type=worker_type)
    settings = Settings(pool_size=2, max_overflow=2, pool_timeout_s=10)
    return recommendation(deployment=deployment, settings=settings, database=Database(dialect="sqlite", name="shop.db"))


def test_sqlite_writers_of_two_processes_lose_no_update_and_readers_cannot_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{(tmp_path / 'shop.db').as_posix()}"
    # Two sets of pools stand for two processes: only the file is common to them.
    sets = [run(sqlite_answer("waitress"), monkeypatch, url) for _ in range(2)]
    with sets[0]["writer"].begin() as connection:
        connection.execute(text("CREATE TABLE counter AS SELECT 0 AS n"))

    def count(writer: Engine) -> None:
        for _ in range(25):
            with writer.begin() as connection:
                n = connection.execute(text("SELECT n FROM counter")).scalar_one()
                connection.execute(text("UPDATE counter SET n = :n"), {"n": n + 1})

    with ThreadPoolExecutor(4) as threads:
        for done in [threads.submit(count, names["writer"]) for names in sets * 2]:
            done.result()
    with sets[0]["writer"].begin() as writing, sets[1]["reader"].connect() as reading:
        writing.execute(text("UPDATE counter SET n = -1"))
        assert reading.execute(text("SELECT n FROM counter")).scalar() == 100
        with pytest.raises(OperationalError, match="readonly"):
            reading.execute(text("DELETE FROM counter"))
    for names in sets:
        names["writer"].dispose()
        names["reader"].dispose()


def test_sqlite_on_an_event_loop_has_the_same_two_pools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = run(sqlite_answer("uvicorn"), monkeypatch, f"sqlite:///{(tmp_path / 'shop.db').as_posix()}")
    writer, reader = names["writer"], names["reader"]

    async def use() -> object:
        async with writer.begin() as connection:
            await connection.execute(text("CREATE TABLE counter AS SELECT 7 AS n"))
        async with reader.connect() as connection:
            found = (await connection.execute(text("SELECT n FROM counter"))).scalar()
            with pytest.raises(OperationalError, match="readonly"):
                await connection.execute(text("DELETE FROM counter"))
        await writer.dispose()
        await reader.dispose()
        return found

    assert asyncio.run(use()) == 7
