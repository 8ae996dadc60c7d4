"""SQLAlchemy's engine, 2.0 and 2.1: create_engine, or create_async_engine for a worker with an event loop."""

from __future__ import annotations

from typing import Final

from poolsize.export.engine import notes, pool_arguments, url
from poolsize.export.setup import Setup
from poolsize.export.source import Argument, call, comments, number


def body(setup: Setup) -> str:
    """The imports and the engine, two of them for SQLite."""
    engines = _sqlite(setup) if setup.dialect == "sqlite" else _engine("engine", setup, pool_arguments(setup))
    return f"{_imports(setup)}\n{comments(notes(setup))}{engines}"


def _engine(name: str, setup: Setup, arguments: list[Argument]) -> str:
    create = "create_async_engine" if setup.is_async else "create_engine"
    return f"{name} = {call(create, url(setup), arguments)}\n"


def _sync(engine: str, setup: Setup) -> str:
    """Events belong to the engine below an asynchronous one."""
    return f"{engine}.sync_engine" if setup.is_async else engine


def _imports(setup: Setup) -> str:
    needed = {
        "create_engine": not setup.is_async,
        "event": setup.dialect == "sqlite",
        "make_url": url(setup).startswith("make_url"),
    }
    names = ", ".join(name for name, is_needed in needed.items() if is_needed)
    lines = [f"from sqlalchemy import {names}"] if names else []
    if setup.is_async:
        lines.append("from sqlalchemy.ext.asyncio import create_async_engine")
    if setup.front and not setup.front.shares_servers:
        lines.append("from sqlalchemy.pool import NullPool")
    return "\n".join(["import os", "", *lines, ""])


def _sqlite(setup: Setup) -> str:
    """Two pools: writers take turns in a pool of one, and the settings are the readers'."""
    readers = pool_arguments(setup)
    turns = [
        Argument("pool_size", "1"),
        Argument("max_overflow", "0"),
        Argument("pool_timeout", number(setup.settings.pool_timeout_s), "seconds to wait for the turn"),
        readers[-1],
    ]
    return (
        comments(["SQLite: one connection writes at a time, so that writers take turns in a pool of one."])
        + _engine("writer", setup, turns)
        + _engine("reader", setup, readers)
        + _SQLITE_EVENTS.format(writer=_sync("writer", setup), reader=_sync("reader", setup))
    )


_SQLITE_EVENTS: Final = """

@event.listens_for({writer}, "connect")
def prepare_writer(connection, record):
    # The driver begins no transaction of its own: begin_immediate does.
    connection.isolation_level = None
    cursor = connection.cursor()
    # Readers do not wait for the writer; the file remembers it.
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.close()


@event.listens_for({writer}, "begin")
def begin_immediate(connection):
    # A transaction that reads before it writes would fail at once when
    # another one has written meanwhile.
    connection.exec_driver_sql("BEGIN IMMEDIATE")


@event.listens_for({reader}, "connect")
def forbid_writes(connection, record):
    cursor = connection.cursor()
    cursor.execute("PRAGMA query_only=ON")
    cursor.close()
"""
