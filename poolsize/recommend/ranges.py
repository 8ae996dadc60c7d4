"""Over which values of one input the answer stays the same, and which input breaks it first."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import msgspec

from poolsize.datatypes import Request, StableRange
from poolsize.errors import PoolsizeError
from poolsize.recommend.decision import Decision, decide
from poolsize.recommend.pool_load import total_rate_per_s
from poolsize.recommend.situation import Situation, changed, with_hold, with_rate

_PRECISION: Final = 1.01
"""A bound to 1 %: finer than any of these inputs is known."""
_FARTHEST: Final = math.log(16.0, _PRECISION)
"""In such steps. No bound is looked for beyond sixteen times an input: a load that grew so far is another service."""

_WITHIN: Final = (0.25, 0.5, 0.75)
"""Where a range is looked at again, as shares of it."""


@dataclass(frozen=True)
class _Input:
    """One number of the request, in the user's words."""

    name: str
    unit: str
    value: float
    worse: int
    """Which way the load grows: 1 with the number, -1 against it, 0 where it is the user's own choice."""
    stated: Callable[[float], Request]
    """The request with this number stated as another."""


def ranges(decision: Decision) -> tuple[StableRange, ...]:
    """For the load and the goal: from where to where the settings and the verdict stay as they are."""
    return tuple(
        StableRange(
            name=one.name,
            low=_bound(decision, one, -1),
            high=_bound(decision, one, 1),
            unit=one.unit,
        )
        for one in _inputs(decision.situation)
    )


def breaks_first(decision: Decision, found: tuple[StableRange, ...]) -> str | None:
    """The part of the load with the least room to grow; None when none of them has a bound."""
    rooms = {}
    for one, bounds in zip(_inputs(decision.situation), found, strict=True):
        bound = {1: bounds.high, -1: bounds.low, 0: None}[one.worse]
        if bound is not None:
            rooms[one.name] = max(bound / one.value, one.value / bound)
    return min(rooms, key=rooms.__getitem__, default=None)


def _inputs(situation: Situation) -> tuple[_Input, ...]:
    request, goal = situation.request, situation.goal.p99_wait_s.value
    name = "hold" if request.request_time_s is None else "request-time"
    hold = _Input(name, "s", situation.workload.hold_s.value, 1, lambda value: with_hold(situation, value))
    return (_rate(situation), hold, _Input("p99-wait", "s", goal, 0, _field(request, "p99_wait_s")))


def _rate(situation: Situation) -> _Input:
    request = situation.request
    if request.request_rate_per_s is not None:
        return _Input(
            "request-rate", "requests/s", request.request_rate_per_s, 1, _field(request, "request_rate_per_s")
        )
    if request.think_s is not None:
        return _Input("think", "s", request.think_s, -1, _field(request, "think_s"))
    rate = total_rate_per_s(situation.workload, situation.deployment)
    return _Input("rate", "checkouts/s", rate, 1, lambda value: with_rate(situation, value))


def _field(request: Request, name: str) -> Callable[[float], Request]:
    return lambda value: msgspec.structs.replace(request, **{name: value})


def _is_same(one: Decision, other: Decision) -> bool:
    """The same settings and verdict. What takes longest to find is compared last."""
    if (one.verdict, one.capacity) != (other.verdict, other.capacity):
        return False
    return one.settings == other.settings


def _bound(decision: Decision, one: _Input, way: int) -> float | None:
    """The last value above (`way` 1) or below (-1) the input at which the answer is still the same.

    Found in growing steps from the input: seen from far away, the same answer may come back by another rule.
    """

    def same(step: float) -> bool:
        try:
            other = changed(decision.situation, one.stated(one.value * _PRECISION ** (way * step)))
            return _is_same(decision, decide(other, near=decision.needed))
        except PoolsizeError:
            return False

    near, far = 0.0, 1.0
    while far < _FARTHEST and same(far):
        near, far = far, min(2 * far, _FARTHEST)
    end = _FARTHEST if same(_FARTHEST) else _last(same, near, far)
    # The steps grow, so that another answer between two of them may have been passed over.
    gap = next((share * end for share in _WITHIN if not same(share * end)), None)
    if gap is not None:
        end = _last(same, 0.0, gap)
    return None if end == _FARTHEST else float(one.value * _PRECISION ** (way * end))


def _last(same: Callable[[float], bool], near: float, far: float) -> float:
    """The last step of which it holds, between `near`, of which it does, and `far`, of which it does not."""
    while far - near > 1.0:
        middle = (near + far) / 2
        near, far = (middle, far) if same(middle) else (near, middle)
    return near
