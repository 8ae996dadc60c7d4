"""What is simulated: `Scenario`, one pool (or several alike on one database) under one load."""

from __future__ import annotations

import math
from typing import Literal

from msgspec import Struct

from poolsize.datatypes import Trace
from poolsize.queueing import Closed, Hold, Open, Usl


class Scenario(Struct, frozen=True, kw_only=True):
    """Everything that a run depends on but its seed and its length. Pickled to other processes and machines."""

    load: Open | Closed | Trace
    """Of one pool. Where a trace has only arrivals, holds are drawn from the law of `hold`."""
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
