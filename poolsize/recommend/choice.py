"""The decision for one pool: capacity, then pool_timeout, then how much of it is worth keeping open.

1. capacity: the fewest connections that carry the load with P(wait > goal) <= 1 %.
2. pool_timeout: the smallest round value, at least 1 s and ten times the goal, at which few enough requests time
   out. Only if no such value is within the request timeout is the capacity raised.
3. pool_size: the fewest kept connections at which opening the others costs next to nothing, by SQLAlchemy's rule: a
   returned connection is closed only when pool_size idle ones are there.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from poolsize.datatypes import ServiceLevel
from poolsize.queueing import Wait, openings, solve
from poolsize.recommend.pool_load import LOST_SHARE, PoolLoad

LATE_SHARE: Final = 0.01
"""What a 99th percentile leaves out."""
_NEVER: Final = 1e-6
"""A wait that one checkout in a million has is none."""
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


def capacity_for(pool: PoolLoad, goal: ServiceLevel, *, near: int | None = None) -> int:
    """The fewest connections that meet the goal, whatever the limits; `near` is looked at first."""
    return fewest(pool, lambda capacity: meets(pool, goal, capacity), near=near)


def settle(
    pool: PoolLoad, goal: ServiceLevel, connect_s: float, capacity: int, *, timeout_s: float | None = None
) -> Choice:
    """Timeout (as given, or found) and kept connections for a capacity; `connect_s` is what opening one costs."""
    wait = _with_timeout(pool, goal, capacity) if timeout_s is None else pool.solve(capacity, timeout_s)
    # What a slower database adds to the holds is left out here: how often connections are opened hardly feels it.
    idle = wait if pool.usl is None else solve(pool.load, pool.hold, capacity, timeout_s=wait.timeout_s)
    opens_per_s = openings(pool.load, pool.hold, capacity, idle)
    pool_size = capacity
    if not pool.correction.keeps_all:
        pool_size = _worth_keeping(goal, connect_s, capacity, wait, opens_per_s)
    return Choice(capacity, wait.timeout_s, pool_size, replace(wait, opens_per_s=opens_per_s(pool_size)))


def fewest(pool: PoolLoad, suffices: Callable[[int], bool], *, near: int | None = None) -> int:
    """The smallest capacity within the pool's bounds that suffices; the ceiling when none below it does. `near` is
    looked at first.

    More connections never make a wait longer without a database that slows down, so doubled steps and then halving
    find it; with one, they are looked at one by one. It is never looked for where the connections are too few for the
    load, however long requests wait.
    """
    low, most = pool.least, pool.ceiling or math.inf
    if pool.usl is not None:
        last = int(min(most, _hopeless(pool, low)))
        return next((capacity for capacity in range(low, last + 1) if suffices(capacity)), last)
    if near is not None and low < near <= most and suffices(near) and not suffices(near - 1):
        return near
    high, step = low, 1
    while high < most and not suffices(high):
        low, high, step = high + 1, int(min(high + step, most)), step * 2
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if suffices(middle) else (middle + 1, high)
    return low


def nearest(pool: PoolLoad, goal: ServiceLevel, most: int) -> int:
    """Up to `most` connections, the number that comes nearest to the goal where none meets it."""
    return min(range(pool.least, most + 1), key=lambda capacity: pool.late(pool.solve(capacity), goal.p99_wait_s.value))


def _hopeless(pool: PoolLoad, low: int) -> int:
    """A capacity beyond which further connections only make the database slower: nobody would wait for one any more,
    were it not for that. Threads end it at their number."""
    if pool.ceiling is not None:
        return pool.ceiling
    without = replace(pool, usl=None)
    return max(low, fewest(without, lambda capacity: without.solve(capacity).wait_probability <= _NEVER))


def meets(pool: PoolLoad, goal: ServiceLevel, capacity: int) -> bool:
    """Everything is within reach of this capacity: the load, the wait, and the timeouts within the request timeout."""
    wait = pool.solve(capacity)
    is_quick = pool.late(wait, goal.p99_wait_s.value) <= LATE_SHARE
    return is_quick and carries(pool, wait) and could_meet(pool, goal, capacity)


def could_meet(pool: PoolLoad, goal: ServiceLevel, capacity: int) -> bool:
    """All but the waits and the rate that gets through, which a simulation may know better."""
    return (
        capacity >= pool.floor
        and _is_patient(pool, goal, capacity)
        and pool.is_stable(capacity, longest_timeout_s(goal))
    )


def carries(pool: PoolLoad, wait: Wait) -> bool:
    """The stated rate gets through."""
    return pool.lost(wait) <= LOST_SHARE


def _is_patient(pool: PoolLoad, goal: ServiceLevel, capacity: int) -> bool:
    """Few enough requests time out with the longest timeout that may be chosen."""
    wait = pool.solve(capacity, longest_timeout_s(goal))
    return wait.timeout_probability <= goal.max_timeouts.value


def _with_timeout(pool: PoolLoad, goal: ServiceLevel, capacity: int) -> Wait:
    """With the shortest timeout at which few enough requests time out. Where too many do whatever the timeout, with
    the shortest of all: in overload a longer one only adds waiting to the same errors."""
    timeouts = _timeouts(goal)
    for timeout_s in timeouts:
        wait = pool.solve(capacity, timeout_s)
        if wait.timeout_probability <= goal.max_timeouts.value:
            return wait
    return pool.solve(capacity, timeouts[0])


def longest_timeout_s(goal: ServiceLevel) -> float:
    """The longest that may be chosen."""
    return _timeouts(goal)[-1]


def _timeouts(goal: ServiceLevel) -> tuple[float, ...]:
    """Those that may be chosen, seconds, ascending; the request timeout itself when no round one is short enough."""
    least = max(LEAST_TIMEOUT_S, GOALS_PER_TIMEOUT * goal.p99_wait_s.value)
    most = goal.request_timeout_s.value
    return tuple(t for t in _ROUND_TIMEOUTS_S if least <= t <= most) or (min(least, most),)


def _worth_keeping(
    goal: ServiceLevel, connect_s: float, capacity: int, wait: Wait, opens_per_s: Callable[[int], float]
) -> int:
    most = _OPENING_SHARE * wait.utilization * capacity / connect_s
    if connect_s > goal.p99_wait_s.value:
        most = min(most, _SLOW_OPENINGS * wait.throughput_per_s)
    low, high = 1, capacity
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if opens_per_s(middle) <= most else (middle + 1, high)
    return low


def holds_up_to(pool: PoolLoad, goal: ServiceLevel, capacity: int) -> float:
    """The rate of one pool, checkouts per second, up to which this capacity still meets the goal; 0 when it meets it
    at no rate. Threads that have a connection each never wait: their bound is the rate at which they never rest."""
    if pool.ceiling is not None and pool.is_unwaited(capacity) and pool.usl is None:
        return pool.ceiling / pool.hold.mean_s
    is_met, most = meets(pool, goal, capacity), capacity / pool.hold.mean_s
    low, high = (pool.rate_per_s, max(pool.rate_per_s, most)) if is_met else (0.0, min(pool.rate_per_s, most))
    for _ in range(math.ceil(math.log2(1e4))):
        middle = (low + high) / 2
        low, high = (middle, high) if meets(pool.at_rate(middle), goal, capacity) else (low, middle)
    return low
