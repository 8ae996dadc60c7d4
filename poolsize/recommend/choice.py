"""The decision for one pool: capacity, then pool_timeout, then how much of it is worth keeping open.

1. capacity: the fewest connections with P(wait > goal) <= 1 %.
2. pool_timeout: the smallest round value, at least 1 s and ten times the goal, at which few enough requests time
   out. Only if no such value is within the request timeout is the capacity raised.
3. pool_size: the fewest kept connections at which opening the others costs next to nothing, by SQLAlchemy's rule: a
   returned connection is closed only when pool_size idle ones are there.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from poolsize.datatypes import ServiceLevel
from poolsize.queueing import Wait, solve
from poolsize.recommend.pool_load import PoolLoad

_LATE_SHARE: Final = 0.01
"""What a 99th percentile leaves out."""
LEAST_TIMEOUT_S: Final = 1.0
GOALS_PER_TIMEOUT: Final = 10.0
"""A timeout nearer to the goal than ten times would cut waits that the goal allows for, and one under a second turns
the pause of a garbage collector or a failover into errors."""
_MANTISSAS: Final = (1, 2, 3, 5)
_ROUND_TIMEOUTS_S: Final = tuple(
    sorted({float(m * 10**e) for m in _MANTISSAS for e in range(5)} | {15.0, 45.0, 60.0, 90.0, 120.0})
)
_OPENING_SHARE: Final = 0.01
"""Opening may take up 1 % of the time in which connections are held: below what the hold itself is known to."""
_SLOW_OPENINGS: Final = 0.001
"""Where opening takes longer than the goal allows a wait, one checkout in a thousand may have to: a tenth of what the
99th percentile leaves out."""


@dataclass(frozen=True)
class Choice:
    """One pool's capacity, timeout and kept connections, and what the model predicts for it."""

    capacity: int
    pool_timeout_s: float
    pool_size: int
    wait: Wait


def choose(pool: PoolLoad, goal: ServiceLevel, connect_s: float, *, at_most: int | None = None) -> Choice:
    """The best of at most `at_most` (>= 1, None: any number of) connections; `connect_s` is what opening one costs."""
    needed = fewest(pool, lambda capacity: _is_quick(pool, goal, capacity))
    timeouts = _timeouts(goal)
    if _timeout(pool, goal, needed, timeouts) is None:
        needed = fewest(pool, lambda capacity: _timeout(pool, goal, capacity, timeouts[-1:]) is not None, start=needed)
    capacity = needed if at_most is None else min(needed, at_most)
    return settle(pool, goal, connect_s, capacity)


def settle(pool: PoolLoad, goal: ServiceLevel, connect_s: float, capacity: int) -> Choice:
    """Timeout and kept connections for a capacity. Where too many time out whatever the timeout, it is the shortest:
    in overload a longer one only adds waiting to the same errors."""
    timeouts = _timeouts(goal)
    timeout_s = _timeout(pool, goal, capacity, timeouts) or timeouts[0]
    pool_size = _worth_keeping(pool, goal, connect_s, capacity, timeout_s)
    wait = solve(pool.load, pool.hold, capacity, timeout_s=timeout_s, pool_size=pool_size)
    return Choice(capacity, timeout_s, pool_size, wait)


def fewest(pool: PoolLoad, suffices: Callable[[int], bool], *, start: int | None = None) -> int:
    """The smallest capacity within the pool's bounds that suffices; the ceiling when none below it does.

    More connections never make a wait longer without a database that slows down, so halving finds it.
    """
    low = max(start or pool.floor, 1)
    high = pool.ceiling or low
    if pool.ceiling is None:
        while not suffices(high):
            low, high = high + 1, high * 2
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if suffices(middle) else (middle + 1, high)
    return low


def meets(pool: PoolLoad, goal: ServiceLevel, capacity: int) -> bool:
    """Both goals are within reach of this capacity: the wait, and the timeouts within the request timeout."""
    is_enough = capacity >= pool.floor
    return is_enough and _is_quick(pool, goal, capacity) and _timeout(pool, goal, capacity, _timeouts(goal)) is not None


def _is_quick(pool: PoolLoad, goal: ServiceLevel, capacity: int) -> bool:
    return solve(pool.load, pool.hold, capacity).exceeds(goal.p99_wait_s.value) <= _LATE_SHARE


def _timeouts(goal: ServiceLevel) -> tuple[float, ...]:
    """Those that may be chosen, seconds, ascending; the request timeout itself when no round one is short enough."""
    least = max(LEAST_TIMEOUT_S, GOALS_PER_TIMEOUT * goal.p99_wait_s.value)
    most = goal.request_timeout_s.value
    return tuple(t for t in _ROUND_TIMEOUTS_S if least <= t <= most) or (min(least, most),)


def _timeout(pool: PoolLoad, goal: ServiceLevel, capacity: int, timeouts: tuple[float, ...]) -> float | None:
    """The shortest of them at which few enough requests time out."""
    for timeout_s in timeouts:
        wait = solve(pool.load, pool.hold, capacity, timeout_s=timeout_s)
        if wait.timeout_probability <= goal.max_timeouts.value:
            return timeout_s
    return None


def _worth_keeping(pool: PoolLoad, goal: ServiceLevel, connect_s: float, capacity: int, timeout_s: float) -> int:
    def is_cheap(pool_size: int) -> bool:
        wait = solve(pool.load, pool.hold, capacity, timeout_s=timeout_s, pool_size=pool_size)
        allowed = _OPENING_SHARE * wait.utilization * capacity
        if connect_s > goal.p99_wait_s.value and wait.opens_per_s > _SLOW_OPENINGS * wait.throughput_per_s:
            return False
        return wait.opens_per_s * connect_s <= allowed

    low, high = 1, capacity
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if is_cheap(middle) else (middle + 1, high)
    return low


def holds_up_to(pool: PoolLoad, goal: ServiceLevel, capacity: int) -> float:
    """The rate of one pool, checkouts per second, up to which this capacity still meets the goal; 0 when it meets it
    at no rate. Threads that have a connection each never wait: their bound is the rate at which they never rest."""
    if pool.ceiling is not None and capacity >= pool.ceiling:
        return pool.ceiling / pool.hold.mean_s
    low, high = 0.0, capacity / pool.hold.mean_s
    for _ in range(math.ceil(math.log2(1e4))):
        middle = (low + high) / 2
        low, high = (middle, high) if meets(pool.at_rate(middle), goal, capacity) else (low, middle)
    return low
