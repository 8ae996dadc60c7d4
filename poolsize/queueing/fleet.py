"""Many pools over one database: how their requests fare, and whether the fleet recovers from a burst."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from poolsize.queueing.fleet_field import Field, PoolState, State
from poolsize.queueing.fleet_joint import Joint, solve_jointly
from poolsize.queueing.fleet_pools import Pools, queue_of
from poolsize.queueing.floats import Floats
from poolsize.queueing.full_pool import Queue, mean_over, wait_at
from poolsize.queueing.model import Open, Usl
from poolsize.queueing.wait import Wait

_LARGEST_LOG: Final = 709.0
"""e to this is the largest double."""
_APART: Final = 1e-6
"""Share of all connections by which two solutions differ at least. They are found to within 1e-10."""


@dataclass(frozen=True)
class Settled:
    """A fleet in one of the states that it can stay in."""

    waits: tuple[Wait, ...]
    """How a request fares at a pool of each group, by the law of all pools together; and as its `other`, on the
    hopeful side, by each pool's in the mean effect of the others. Every fleet simulated so far was between the two."""
    active: float
    """Mean number of connections that the database works for."""


@dataclass(frozen=True)
class Fleet:
    """Many pools over one database."""

    from_empty: Settled
    """What the fleet settles to from a quiet start."""
    from_full: Settled
    """What it settles to when all connections have been busy, as after a burst. The same unless `is_bistable`."""
    is_bistable: bool
    """Whether these differ: the fleet then stays collapsed after a burst, because the database is so slowed down by
    all connections that it cannot work off what has piled up."""
    tips_at: int | None
    """The number of active connections that a bistable fleet has least often, between the two states: with more it
    rather collapses than recovers."""
    collapses_after_s: float | None
    """Mean time after which a bistable fleet tips by itself, seconds, without a burst."""
    recovers_after_s: float | None
    """Mean time that it takes to get back over `tips_at` by itself, seconds."""
    largest_safe: tuple[int, ...] | None
    """Of a bistable fleet the capacities, one for each group, with the largest total at which it is not, nor at any
    smaller one; None where there are none."""


def solve_fleet(groups: Sequence[Pools], usl: Usl) -> Fleet:
    """Pools that share one database, in groups of equal ones; each with connections of its own, and slowed down by
    what the database works on for all of them.

    >>> from poolsize.queueing import Hold
    >>> pools = Pools(count=20, load=Open(rate_per_s=0.55), hold=Hold(mean_s=1.0), capacity=10, timeout_s=1.0)
    >>> found = solve_fleet([pools], Usl(alpha=0.02, beta=0.001))
    >>> found.is_bistable, round(found.from_empty.active), round(found.from_full.active), found.largest_safe
    (True, 23, 191, (5,))
    """
    capacities = [group.capacity for group in groups]
    field = Field(groups, usl)
    low, high, differ = _both(field, field.idle(capacities), field.busy(capacities))
    joint = solve_jointly(groups, capacities, usl)
    least, most = round(field.active(low)), round(field.active(high))
    valley = joint.rarest(least, most)
    if not differ or not least < valley < most:
        settled = _settled(field, low, joint, slice(None))
        return Fleet(settled, settled, False, None, None, None, None)
    return Fleet(
        from_empty=_settled(field, low, joint, slice(valley)),
        from_full=_settled(field, high, joint, slice(valley, None)),
        is_bistable=True,
        tips_at=valley,
        collapses_after_s=_time_up(joint, least, valley),
        recovers_after_s=_time_down(joint, most, valley),
        largest_safe=_largest_safe(field, high),
    )


def _both(field: Field, low: State, high: State) -> tuple[State, State, bool]:
    """The least and the greatest fixed point, from below and above, and whether they differ."""
    low, is_low_found = field.settle(low)
    high, is_high_found = field.settle(high)
    most = sum(group.count * group.usable(group.capacity) for group in field.groups)
    # What has not settled after thousands of steps is about to part in two.
    differ = not (is_low_found and is_high_found) or field.held(high) - field.held(low) > _APART * most
    return low, high, differ


def _largest_safe(field: Field, high: State) -> tuple[int, ...] | None:
    """Down from a bistable fleet, all capacities by the same factor. With fewer connections no more of them are held,
    so that the greatest solution, cut off, is still above the next one and leads to it."""
    found: list[tuple[tuple[int, ...], bool]] = []
    for capacities in _smaller([len(pool.law) - 1 for pool in high]):
        _, high, differ = _both(field, field.idle(capacities), _cut_off(high, capacities))
        found.append((capacities, differ))
    safe = None
    for capacities, differ in reversed(found):
        if differ:
            break
        safe = capacities
    return safe


def _smaller(capacities: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """The same capacities with fewer and fewer connections, at least one in each pool."""
    largest = max(capacities)
    for size in range(largest - 1, 0, -1):
        yield tuple(max(capacity * size // largest, 1) for capacity in capacities)


def _cut_off(state: State, capacities: Sequence[int]) -> State:
    """With what is above the capacities at them."""
    return tuple(
        PoolState(np.append(pool.law[:capacity], pool.law[capacity:].sum()), pool.at_work[: capacity + 1])
        for pool, capacity in zip(state, capacities, strict=True)
    )


def _settled(field: Field, state: State, joint: Joint, states: slice) -> Settled:
    others = []
    ever_more = False
    for group, pool, speeds in zip(field.groups, state, field.speeds(state), strict=True):
        queue = queue_of(group, group.capacity, group.capacity * speeds[-1:])
        held = float(np.arange(len(pool.law)) @ pool.law)
        others.append(_wait(group, pool.law[-1:], held, queue, "pools in each other's mean effect"))
        ever_more |= math.isinf(queue.log_weight[0])
    if ever_more:  # the pools wait for ever, whatever the model
        return Settled(tuple(others), field.active(state))
    law = joint.law(states)
    waits = tuple(
        _wait(group, law * given.full, float(law @ given.held), given.queue, "all pools together", other)
        for group, given, other in zip(field.groups, joint.groups, others, strict=True)
    )
    return Settled(waits, float(law @ np.arange(len(law))))


def _wait(group: Pools, full: Floats, held: float, queue: Queue, method: str, other: Wait | None = None) -> Wait:
    """Of the requests at one pool that is `full` with these probabilities, one for each speed of the queue."""
    if isinstance(group.load, Open):
        arrivals = group.load.rate_per_s
    else:
        arrivals = (group.load.threads - held - mean_over(full, queue.waiting)) / group.load.think_s
    return wait_at(
        full,
        queue,
        arrivals,
        utilization=held / group.capacity,
        timeout_s=group.timeout_s,
        method=f"M(n)/M(m)/c+D, {method}",
        other=other,
    )


def _time_up(joint: Joint, start: int, end: int) -> float:
    """Mean time from `start` active connections to `end` > `start`, seconds."""
    below = np.logaddexp.accumulate(joint.log_law)
    return _passage(below[start:end] - _log_down(joint)[start + 1 : end + 1])


def _time_down(joint: Joint, start: int, end: int) -> float:
    """Mean time from `start` active connections to `end` < `start`, seconds; infinite where nothing leads back."""
    above = np.logaddexp.accumulate(joint.log_law[::-1])[::-1]
    if not np.isfinite(joint.log_law[end:]).all():
        return math.inf
    return _passage((above - _log_down(joint))[end + 1 : start + 1])


def _log_down(joint: Joint) -> Floats:
    """ln of the rate of going from m to m - 1, on average over time."""
    with np.errstate(divide="ignore"):
        return joint.log_law + np.log(joint.down_per_s)


def _passage(log_times: Floats) -> float:
    """A birth-death process takes one step after the other: the sum of the mean times for each."""
    if not np.isfinite(log_times).all():
        return math.inf
    total = float(np.logaddexp.reduce(log_times)) if len(log_times) else -math.inf
    return math.exp(total) if total < _LARGEST_LOG else math.inf
