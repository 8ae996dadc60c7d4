"""Flask-SQLAlchemy 3: the engine's options in the application's configuration."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from poolsize.export.engine import notes, pool_arguments, url
from poolsize.export.setup import Setup
from poolsize.export.source import comments, dictionary

_BINDS: Final = (
    "These options do not reach SQLALCHEMY_BINDS: each bind is a pool of its own and takes them as "
    '{"name": {"url": ..., **SQLALCHEMY_ENGINE_OPTIONS}}.'
)


def body(setup: Setup) -> str:
    """SQLALCHEMY_DATABASE_URI and SQLALCHEMY_ENGINE_OPTIONS. The extension makes synchronous engines only."""
    engine = msgspec.structs.replace(setup, worker=None) if setup.is_async else setup
    address, options = url(engine), dictionary(pool_arguments(engine))
    return (
        f"{_imports(engine)}\n{comments(_remarks(setup, engine))}"
        f"SQLALCHEMY_DATABASE_URI = {address}\n"
        f"SQLALCHEMY_ENGINE_OPTIONS = {options}\n"
        f"{comments([_BINDS])}"
    )


def _imports(setup: Setup) -> str:
    lines = ["from sqlalchemy import make_url"] if url(setup).startswith("make_url") else []
    if setup.front and not setup.front.shares_servers:
        lines.append("from sqlalchemy.pool import NullPool")
    return "\n".join(["import os", *([""] if lines else []), *lines, ""])


def _remarks(setup: Setup, engine: Setup) -> Iterator[str]:
    if setup.is_async and setup.worker:
        yield f"The numbers are for {setup.worker.title}; Flask has no event loop: state the worker that runs it."
    yield from notes(engine)
    if setup.dialect == "sqlite":
        yield (
            "SQLite: one connection writes at a time. Set PRAGMA journal_mode=WAL once, and begin what reads before it "
            'writes with db.session.execute(text("BEGIN IMMEDIATE")): otherwise it overwrites what another one wrote '
            "meanwhile, or fails."
        )
