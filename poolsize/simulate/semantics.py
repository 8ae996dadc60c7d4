"""The kinds of pools, and what each really does: the registry SEMANTICS."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from poolsize.choices import not_one_of
from poolsize.simulate.pools.asyncpg_pool import AsyncpgPool
from poolsize.simulate.pools.hikaricp import HikariPool
from poolsize.simulate.pools.pgbouncer import PgBouncerPool
from poolsize.simulate.pools.pool import Pool
from poolsize.simulate.pools.psycopg_pool import PsycopgPool
from poolsize.simulate.pools.queue_pool import QueuePool, ThreadedQueuePool

if TYPE_CHECKING:
    from poolsize.simulate.scenario import Scenario


@dataclass(frozen=True)
class Semantics:
    """One kind of pool."""

    name: str
    summary: str
    """What it does with a request that finds no idle connection, and with a connection that nobody wants."""
    source: str
    """The release that was read."""
    pool: type[Pool]
    """Event by event."""
    is_fifo: Callable[[Scenario], bool]
    """Whether, with these settings, it hands connections over in the order of the requests and opens none but in a
    request that finds fewer than the capacity: what the recursion over many replications does."""
    opens_after_waiting: bool = False
    """Whether a request that has waited, or need not, opens its connection itself and that is no part of its wait."""
    keeps_all: bool = True
    """Whether it keeps all of its capacity open where `pool_size` is not stated; else it keeps none."""


def _is_fixed(scenario: Scenario) -> bool:
    """All connections are open from the start and stay so."""
    return scenario.pool_size == scenario.capacity


def _is_patient(scenario: Scenario) -> bool:
    """Nothing depends on when PgBouncer's janitor looks."""
    return _is_fixed(scenario) and scenario.timeout_s == math.inf and scenario.reserve_size == 0


_ALL: Final = (
    Semantics(
        "sqlalchemy",
        "a request opens a connection itself; a returned one is closed where pool_size are idle; whichever thread "
        "runs first gets it",
        "SQLAlchemy 2.1.9, pool/impl.py and util/queue.py",
        ThreadedQueuePool,
        lambda scenario: scenario.python_s == 0.0,
        opens_after_waiting=True,
    ),
    Semantics(
        "sqlalchemy-async",
        "the same in an event loop, where whoever has waited the longest gets it",
        "SQLAlchemy 2.1.9, pool/impl.py and util/queue.py",
        QueuePool,
        lambda _scenario: True,
        opens_after_waiting=True,
    ),
    Semantics(
        "psycopg_pool",
        "opens one connection at a time in the background while anybody waits, closes one every max_idle",
        "psycopg_pool 3.3.3, pool.py",
        PsycopgPool,
        _is_fixed,
    ),
    Semantics(
        "pgbouncer",
        "one login at a time while a client waits, a reserve for those who wait long, timeouts every third of a second",
        "PgBouncer at commit 13a344f2, src/janitor.c and src/objects.c",
        PgBouncerPool,
        _is_patient,
        keeps_all=False,
    ),
    Semantics(
        "hikaricp",
        "one thread adds connections one at a time and rests 30 ms after each, a housekeeper looks every 30 s",
        "HikariCP 6.0.0, HikariPool.java and ConcurrentBag.java",
        HikariPool,
        _is_fixed,
    ),
    Semantics(
        "asyncpg",
        "the connection used last; a request connects a free place itself while its timeout runs; each release resets",
        "asyncpg 0.32.0, pool.py",
        AsyncpgPool,
        _is_fixed,
    ),
)
SEMANTICS: Final[Mapping[str, Semantics]] = {semantics.name: semantics for semantics in _ALL}


def kept_by(name: str, capacity: int) -> int:
    """Connections that a pool of this kind keeps open where nothing else is said. Raises UsageError for a name that is
    not in SEMANTICS."""
    if name not in SEMANTICS:
        raise not_one_of("pool", name, SEMANTICS)
    return capacity if SEMANTICS[name].keeps_all else 0
