"""One pool, whatever its load: `solve`."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

from poolsize.queueing.chain import solve_closed
from poolsize.queueing.churn import opens_keeping, resistances
from poolsize.queueing.erlang import solve_open
from poolsize.queueing.model import Closed, Hold, Load, Open
from poolsize.queueing.wait import Wait


def solve(load: Load, hold: Hold, capacity: int, *, timeout_s: float = math.inf, pool_size: int | None = None) -> Wait:
    """How requests fare at a pool of `capacity` >= 1 connections that are waited for at most `timeout_s` >= 0.

    With `pool_size` (1..capacity) also the connections that SQLAlchemy opens beyond those it keeps.

    Exact for exponential holds (scv 1). Other holds, open load: the wait is that of exponential holds stretched by
    (1 + scv) / 2 (Allen & Cunneen; Whitt, Prod. Oper. Manag. 2, 1993), within some 40 % for scv up to 10. Other
    holds, finite source: as exponential, which is within 10 % in the mean for a timeout about the mean hold.
    The order of service is FIFO, as in asyncio pools; a threaded SQLAlchemy pool is fair only approximately.

    >>> wait = solve(Open(rate_per_s=8.0), Hold(mean_s=1.0), capacity=10)
    >>> round(wait.wait_probability, 4)
    0.4092
    """
    if capacity < 1 or timeout_s < 0 or hold.mean_s <= 0 or hold.scv < 0:
        raise ValueError("capacity >= 1, timeout >= 0, mean hold > 0 and scv >= 0 are needed")
    if isinstance(load, Open):
        wait = _stretched(load, hold, capacity, timeout_s)
    else:
        wait = solve_closed(load, hold, capacity, timeout_s)
    if pool_size is None or pool_size >= capacity:
        return wait
    return replace(wait, opens_per_s=openings(load, hold, capacity, wait)(pool_size))


def _stretched(load: Open, hold: Hold, capacity: int, timeout_s: float) -> Wait:
    stretch = (1.0 + hold.scv) / 2.0
    wait = solve_open(load, hold, capacity, timeout_s / stretch)
    if stretch == 1.0:
        return wait
    return replace(
        wait,
        mean_wait_s=wait.mean_wait_s * stretch,
        timeout_s=timeout_s,
        method=f"{wait.method}, wait stretched by {stretch:.3g} for holds of scv {hold.scv:.3g}",
        tail=lambda t: wait.tail(t / stretch),
    )


def openings(load: Load, hold: Hold, capacity: int, wait: Wait) -> Callable[[int], float]:
    """Connections opened per second as a function of `pool_size` (1..capacity), for a pool solved as `wait`."""
    if isinstance(load, Closed):
        capacity = min(capacity, load.threads)  # nobody asks for more
        births = [(load.threads - b) / load.think_s for b in range(capacity)]
    elif load.rate_per_s > 0:
        births = [load.rate_per_s] * capacity
    else:
        return lambda _pool_size: 0.0
    found = resistances(births, [b / hold.mean_s for b in range(capacity)], wait.log_empty)
    return lambda pool_size: opens_keeping(found, pool_size)
