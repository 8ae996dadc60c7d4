"""The arguments of SQLAlchemy's create_engine: the pool's, and the driver's behind a PgBouncer.

pool_use_lifo is left alone. It would let a server's idle timeout close the connections that are spare, but the ping
that then finds a closed one makes SQLAlchemy replace the whole pool (2.1, pool/base.py: `_invalidate`), and
pool_size is already the number that is worth keeping open.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from poolsize.datatypes import Settings
from poolsize.export.setup import Setup
from poolsize.export.source import Argument, number

BUSY_TIMEOUT_S: Final = 5
"""How long SQLite waits for another process's lock: the default of Python's sqlite3, written down because a wait
beyond it is the error "database is locked"."""

_SYNC: Final = {"postgresql": "psycopg", "mysql": "pymysql", "mariadb": "pymysql", "sqlite": "pysqlite"}
_ASYNC: Final = {"postgresql": "psycopg", "mysql": "aiomysql", "mariadb": "aiomysql", "sqlite": "aiosqlite"}
_ASYNC_ONLY: Final = frozenset({"asyncpg", "psycopg_async", "aiomysql", "asyncmy", "aiosqlite"})
_ASYNC_TOO: Final = frozenset({"psycopg"})


def driver_of(setup: Setup) -> str | None:
    """The driver that the snippet is written for: the DSN's own where it serves, since others may be missing.

    None leaves it to SQLAlchemy, where nothing in the snippet depends on it.
    """
    named = setup.driver
    if setup.is_async:
        return named if named in _ASYNC_ONLY | _ASYNC_TOO else _ASYNC[setup.dialect]
    if named in _ASYNC_ONLY:
        return _SYNC[setup.dialect]
    depends = setup.front is not None and setup.front.shares_servers
    return named or (_SYNC[setup.dialect] if depends else None)


def url(setup: Setup) -> str:
    """The URL's Python: DATABASE_URL itself, with another driver where it names none that serves."""
    driver = driver_of(setup)
    text = 'os.environ["DATABASE_URL"]'
    if driver == setup.driver:
        return text
    return f'make_url({text}).set(drivername="{setup.dialect}+{driver}")'


def notes(setup: Setup) -> Iterator[str]:
    """What the reader must know of the engines, of the worker, of DATABASE_URL and of the driver."""
    driver, deployment = driver_of(setup), setup.recommendation.deployment
    if deployment and deployment.pools > 1:
        yield f"For each of the {deployment.pools} engines of a process; the sum counts them all."
    if setup.worker:
        # dispose(close=False) of an asynchronous engine is that of the engine below it.
        sync = setup.worker.fork_note.replace("engine.dispose", "engine.sync_engine.dispose")
        yield from filter(None, (setup.worker.pool_advice, sync if setup.is_async else setup.worker.fork_note))
    if setup.is_async:
        yield 'SQLAlchemy 2.1 leaves out greenlet: pip install "sqlalchemy[asyncio]".'
    if setup.pooler:
        yield "DATABASE_URL leads to PgBouncer here, not to the server."
    if driver is None and setup.dialect == "postgresql":
        yield "postgresql:// (SQLAlchemy knows no postgres://) means psycopg2 in SQLAlchemy 2.0, psycopg 3 in 2.1."
    if driver is None and setup.dialect in ("mysql", "mariadb"):
        yield f"{setup.dialect}:// means the driver mysqlclient; PyMySQL is {setup.dialect}+pymysql://."
    if setup.front and setup.front.shares_servers:
        yield from _driver_notes(driver, setup)


def _driver_notes(driver: str | None, setup: Setup) -> Iterator[str]:
    tracks = setup.front is not None and setup.front.tracks_statements
    if driver == "psycopg" and setup.driver is None and not setup.is_async:
        yield "For psycopg2, which prepares nothing: postgresql+psycopg2" + (
            "." if tracks else ", without connect_args."
        )
    if driver == "psycopg" and tracks:
        yield (
            "Prepared statements need psycopg 3.2 with libpq 17, as its binary wheel has; with an older libpq add "
            'connect_args={"prepare_threshold": None}.'
        )
    if driver == "asyncpg" and not tracks:
        yield "asyncpg from 0.31 on; an older one names its statements even without a cache."


def pool_arguments(setup: Setup) -> list[Argument]:
    """The pool's arguments and the driver's, in the order of SQLAlchemy's documentation."""
    front = setup.front
    if front and not front.shares_servers:
        return [Argument("poolclass", "NullPool", f"{front.name}: a connection kept here would keep a server's")]
    connect = _connect(setup)
    return [*_queue(setup.settings), *([connect] if connect else [])]


def _queue(settings: Settings) -> Iterator[Argument]:
    yield Argument("pool_size", str(settings.pool_size))
    yield Argument("max_overflow", str(settings.max_overflow))
    yield Argument("pool_timeout", number(settings.pool_timeout_s), "seconds")
    if settings.pool_recycle_s is not None:
        yield Argument("pool_recycle", str(settings.pool_recycle_s), "seconds")
    if settings.pool_pre_ping:
        yield Argument("pool_pre_ping", "True")


def _connect(setup: Setup) -> Argument | None:
    """The driver's own arguments. Behind a PgBouncer that tracks no statements, what keeps a driver from looking for
    a prepared statement on a server connection that has never seen it.

    psycopg2 prepares nothing. asyncpg needs both caches off: SQLAlchemy's, and its own, without which `prepare`
    gives its statements names. The unique names of SQLAlchemy's documentation would work but stay on the server: a
    test of some seconds left 400 on each connection.
    """
    if setup.dialect == "sqlite":
        return Argument("connect_args", f'{{"timeout": {BUSY_TIMEOUT_S}}}', "seconds to wait for a lock")
    front, uncached = setup.front, _UNCACHED.get(driver_of(setup) or "")
    if front is None or front.tracks_statements or uncached is None:
        return None
    return Argument("connect_args", uncached, f"{front.name} keeps no prepared statements")


_UNCACHED: Final = {
    "psycopg": '{"prepare_threshold": None}',
    "psycopg_async": '{"prepare_threshold": None}',
    "asyncpg": '{"statement_cache_size": 0, "prepared_statement_cache_size": 0}',
}
"""asyncpg from 0.31 on: before, `prepare` gave names even without a cache."""
