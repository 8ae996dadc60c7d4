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


OWN_SETTINGS: Final = ("max_waiting", "reserve_size", "reserve_timeout_s", "idle_timeout_s", "python_s")
"""Names in `Scenario` that mean something for some kinds of pools only."""


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
    pool_size: int
    """Connections that it keeps by default."""
    capacity: int
    """The most that it has by default."""
    timeout_s: float
    """How long a request waits by default."""
    settings: frozenset[str] = frozenset()
    """What it has of OWN_SETTINGS."""
    opens_after_waiting: bool = False
    """Whether a request opens its connection itself, and that is no part of its wait."""
    is_overtaken: bool = False
    """Whether who computes meanwhile (`python_s`) may be served before who has waited longer."""


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
        pool_size=5,
        capacity=15,
        timeout_s=30.0,
        settings=frozenset({"python_s"}),
        opens_after_waiting=True,
        is_overtaken=True,
    ),
    Semantics(
        "sqlalchemy-async",
        "the same in an event loop, where whoever has waited the longest gets it",
        "SQLAlchemy 2.1.9, pool/impl.py and util/queue.py",
        QueuePool,
        lambda _scenario: True,
        pool_size=5,
        capacity=15,
        timeout_s=30.0,
        opens_after_waiting=True,
    ),
    Semantics(
        "psycopg_pool",
        "opens one connection at a time in the background while anybody waits, closes one every max_idle",
        "psycopg_pool 3.3.3, pool.py",
        PsycopgPool,
        _is_fixed,
        pool_size=4,
        capacity=4,
        timeout_s=30.0,
        settings=frozenset({"max_waiting", "idle_timeout_s"}),
    ),
    Semantics(
        "pgbouncer",
        "one login at a time while a client waits, a reserve for those who wait long, timeouts every third of a second",
        "PgBouncer at commit 13a344f2, src/janitor.c and src/objects.c",
        PgBouncerPool,
        _is_patient,
        pool_size=0,
        capacity=20,
        timeout_s=120.0,
        settings=frozenset({"reserve_size", "reserve_timeout_s", "idle_timeout_s"}),
    ),
    Semantics(
        "hikaricp",
        "one thread adds connections one at a time and rests 30 ms after each, a housekeeper looks every 30 s",
        "HikariCP 6.0.0, HikariPool.java and ConcurrentBag.java",
        HikariPool,
        _is_fixed,
        pool_size=10,
        capacity=10,
        timeout_s=30.0,
        settings=frozenset({"idle_timeout_s"}),
    ),
    Semantics(
        "asyncpg",
        "the connection used last; a request connects a free place itself while its timeout runs; each release resets",
        "asyncpg 0.32.0, pool.py",
        AsyncpgPool,
        _is_fixed,
        pool_size=10,
        capacity=10,
        timeout_s=math.inf,
        settings=frozenset({"idle_timeout_s"}),
    ),
)
SEMANTICS: Final[Mapping[str, Semantics]] = {semantics.name: semantics for semantics in _ALL}


def semantics_of(name: str) -> Semantics:
    """The entry of that name. Raises UsageError for a name that is not in SEMANTICS."""
    if name not in SEMANTICS:
        raise not_one_of("kind of pool", name, SEMANTICS)
    return SEMANTICS[name]


def kept_by(name: str, capacity: int) -> int:
    """Connections that a pool of this kind keeps open where only its capacity is said: none where that is its default,
    else all."""
    return capacity if semantics_of(name).pool_size else 0
