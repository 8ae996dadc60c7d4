"""What a measured curve says of the database itself: how many connections it has work for, and how many it survives."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

from poolsize.datatypes import LimitCheck
from poolsize.recommend.choice import longest_timeout_s
from poolsize.recommend.pool_load import PoolLoad
from poolsize.recommend.situation import Situation

KNEE_LAYER: Final = "database knee"
STABILITY_LAYER: Final = "database stability"
_LOOKED_FOR: Final = 4
"""Times the capacity up to which the end of stability is looked for, where no number of threads ends it."""


def database_checks(situation: Situation, pool: PoolLoad, capacity: int) -> tuple[LimitCheck, ...]:
    """Nothing where no curve was measured. Only pools outside a rollout count: the load is all theirs."""
    if pool.usl is None:
        return ()
    return (*_knee(situation, pool, capacity), *_stability(situation, pool, capacity))


def _knee(situation: Situation, pool: PoolLoad, capacity: int) -> Iterator[LimitCheck]:
    """The connections with which the database gets most done; with more active ones it gets less done."""
    usl = situation.usl
    if usl is None or usl.beta == 0.0 or usl.alpha >= 1.0:
        return
    yield LimitCheck(
        name=KNEE_LAYER,
        limit=math.floor(math.sqrt((1.0 - usl.alpha) / usl.beta)),
        demand=pool.fleet(usl, capacity, longest_timeout_s(situation.goal)).from_empty.active,
        unit="active connections on average",
        source="capacity curve: with more of them it gets less done",
    )


def _stability(situation: Situation, pool: PoolLoad, capacity: int) -> Iterator[LimitCheck]:
    """The most connections of all pools with which the database works off what a burst left behind."""
    usl = situation.usl
    if usl is None:
        return
    far = max(capacity, pool.ceiling or _LOOKED_FOR * capacity)
    fleet = pool.fleet(usl, far, longest_timeout_s(situation.goal))
    if not fleet.is_bistable:
        return
    safe = fleet.largest_safe[0] if fleet.largest_safe else 0
    yield LimitCheck(
        name=STABILITY_LAYER,
        limit=safe * pool.peers,
        demand=capacity * pool.peers,
        source="capacity curve: with more of them a burst leaves it collapsed",
    )
