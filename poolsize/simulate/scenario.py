"""What is simulated: `Scenario`, one pool (or several alike on one database) under one load."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import Literal

from msgspec import Struct

from poolsize.queueing import Closed, Hold, Open, Usl


class Trace(Struct, frozen=True):
    """Requests as they were recorded: the times at which they came, seconds, not falling; and how long each held its
    connection, seconds, or None where only the arrivals are known and holds are drawn from the law."""

    arrivals_s: tuple[float, ...]
    holds_s: tuple[float, ...] | None = None


class Scenario(Struct, frozen=True, kw_only=True):
    """Everything that a run depends on but its seed and its length. Pickled to other processes and machines."""

    load: Open | Closed | Trace
    """Of one pool."""
    hold: Hold
    capacity: int
    """The most connections that one pool holds, >= 1; for PgBouncer without its reserve."""
    timeout_s: float = math.inf
    """The longest wait, as this kind of pool counts it, >= 0."""
    pool_size: int
    """Connections that the pool keeps, 0..capacity: SQLAlchemy's pool_size, the others' minimum."""
    semantics: str = "sqlalchemy"
    """A name in SEMANTICS."""
    setup_s: float = 0.0
    """Time to open one connection."""
    reset_s: float = 0.0
    """What a release adds to each hold: asyncpg's reset query, SQLAlchemy's rollback."""
    pools: int = 1
    """Pools alike, each with this load, on one database."""
    usl: Usl | None = None
    """How the database slows down with the connections that are busy, over all pools."""
    max_waiting: int | None = None
    """Requests beyond so many waiting are refused at once (psycopg_pool's max_waiting)."""
    reserve_size: int = 0
    """PgBouncer's reserve_pool_size."""
    reserve_timeout_s: float = 5.0
    """PgBouncer's reserve_pool_timeout: how long a request waits before the reserve is used; 0 disables it."""
    idle_timeout_s: float | None = None
    """After so long a connection beyond `pool_size` that nobody needed is closed; None: the default of that pool."""
    python_s: float = 0.0
    """Time for which a request needs the interpreter's lock outside its hold (threaded SQLAlchemy)."""
    retries: int = 0
    """How often a request that timed out, or was refused, is made again."""
    retry_delay_s: float = 0.0
    """Mean time before it is, exponential; 0: at once."""
    start: Literal["empty", "full"] = "empty"
    """Full: with every connection busy and as many requests waiting as there can be, as after a burst."""


def check(scenario: Scenario) -> None:
    """Raise ValueError for what no pool can be, or what would never come to an end."""
    for sentence, is_wrong in _objections(scenario):
        if is_wrong:
            raise ValueError(sentence)


def _objections(scenario: Scenario) -> Iterator[tuple[str, bool]]:
    load, hold = scenario.load, scenario.hold
    times = (scenario.timeout_s, scenario.setup_s, scenario.reset_s, scenario.python_s, scenario.retry_delay_s)
    yield (
        "capacity, pools >= 1 and 0 <= pool_size <= capacity are needed",
        (scenario.capacity < 1 or scenario.pools < 1 or not 0 <= scenario.pool_size <= scenario.capacity),
    )
    yield (
        "SQLAlchemy's pool_size is at least 1: 0 means no limit there",
        (scenario.pool_size == 0 and scenario.semantics.startswith("sqlalchemy")),
    )
    yield "times are at least 0", any(not time >= 0.0 for time in times)
    if isinstance(load, Trace):
        yield from _objections_to_trace(load, scenario.pools)
    elif isinstance(load, Open):
        yield "without a request there is nothing to simulate", load.rate_per_s == 0.0
        yield (
            "without a timeout the queue of a pool that gets more than it can serve grows for ever",
            scenario.timeout_s == math.inf
            and scenario.max_waiting is None
            and load.rate_per_s * (hold.mean_s + scenario.reset_s) >= scenario.capacity + scenario.reserve_size,
        )


def _objections_to_trace(trace: Trace, pools: int) -> Iterator[tuple[str, bool]]:
    arrivals, holds = trace.arrivals_s, trace.holds_s
    yield "a trace is that of one pool", pools != 1
    yield "a trace has at least two requests, at different times", len(arrivals) < 2 or arrivals[0] == arrivals[-1]
    yield "the arrivals of a trace do not fall", any(after < before for before, after in pairwise(arrivals))
    yield (
        "a trace has as many holds as arrivals, of at least 0",
        holds is not None and (len(holds) != len(arrivals) or any(not hold >= 0.0 for hold in holds)),
    )
