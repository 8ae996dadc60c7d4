"""Real pools that can be driven. A new one is one file and one line here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final

from poolsize.choices import not_one_of
from poolsize.live.pools.pool import Order


@dataclass(frozen=True)
class PoolKind:
    """One entry of POOLS. `module` is imported on first use, since libraries are slow to load."""

    name: str
    """That of its rules in SEMANTICS, too."""
    summary: str
    module: str
    opener: str
    """The class in it that opens such a pool."""
    packages: tuple[str, ...]
    """Modules that must be importable, beside the driver."""
    install: str
    """What pip installs for them."""
    dialects: frozenset[str]
    is_async: bool = False
    is_pooler: bool = False
    """The DSN leads to a pooler that has the pool."""

    def open(self, order: Order) -> Any:
        """An OpenPool; of an asynchronous one what gives an AsyncOpenPool when it is awaited."""
        opener = getattr(import_module(f"poolsize.live.pools.{self.module}"), self.opener)
        return opener.opened(order) if self.is_async else opener(order)


_POSTGRESQL: Final = frozenset({"postgresql"})
_ALL: Final = (
    PoolKind(
        "sqlalchemy",
        "SQLAlchemy's QueuePool, with threads",
        "sqlalchemy_threads",
        "ThreadedEngine",
        ("sqlalchemy",),
        "sqlalchemy",
        frozenset({"postgresql", "mysql", "mariadb"}),
    ),
    PoolKind(
        "sqlalchemy-async",
        "SQLAlchemy's pool for asyncio, in one event loop",
        "sqlalchemy_async",
        "AsyncPool",
        ("sqlalchemy", "greenlet"),
        "sqlalchemy[asyncio]",
        _POSTGRESQL,
        is_async=True,
    ),
    PoolKind(
        "psycopg_pool",
        "psycopg_pool's ConnectionPool, with threads",
        "psycopg_threads",
        "PsycopgPool",
        ("psycopg_pool",),
        "psycopg-pool",
        _POSTGRESQL,
    ),
    PoolKind(
        "pgbouncer",
        "a PgBouncer that runs already, in transaction mode, with threads as its clients",
        "pgbouncer",
        "PoolerClients",
        (),
        "",
        _POSTGRESQL,
        is_pooler=True,
    ),
)
POOLS: Final[Mapping[str, PoolKind]] = {kind.name: kind for kind in _ALL}


def kind_of(name: str) -> PoolKind:
    """The entry of that name. Raises UsageError for a name that is not in POOLS."""
    if name not in POOLS:
        raise not_one_of("pool", name, POOLS)
    return POOLS[name]
