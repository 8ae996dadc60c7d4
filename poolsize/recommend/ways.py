"""The smallest changes that would make it fit, each with its number."""

from __future__ import annotations

from typing import Final

import msgspec

from poolsize.datatypes import Request, ScopeComparison, Way
from poolsize.errors import PoolsizeError
from poolsize.recommend.decision import Decision, decide
from poolsize.recommend.limits import WRITER_LAYER
from poolsize.recommend.memory import connection_memory
from poolsize.recommend.situation import changed, with_hold

_SHORTEST: Final = 1e-3
"""No hold is asked for that is a thousandth of the present one."""
_PRECISION: Final = 1.02


def ways_to_fit(decision: Decision, scope: ScopeComparison | None) -> tuple[Way, ...]:
    """Nothing when it fits already."""
    if decision.verdict == "fits" and decision.capacity == decision.needed:
        return ()
    if any(check.name == WRITER_LAYER and check.margin < 0 for check in decision.fixed_checks):
        return _for_one_writer(decision)
    return (*_pooler(scope), *_hold(decision), *_processes(decision), *_slots(decision))


def _for_one_writer(decision: Decision) -> tuple[Way, ...]:
    busy = next(check.demand for check in decision.fixed_checks if check.name == WRITER_LAYER)
    return (
        Way(change="let at most this share of the transactions write, and state --rate for those", number=1 / busy),
        Way(change="move to a database server, which lets many connections write"),
    )


def _pooler(scope: ScopeComparison | None) -> tuple[Way, ...]:
    if scope is None or scope.recommended == "per process":
        return ()
    return (Way(change="put one PgBouncer in front of all", number=scope.shared_connections, unit="connections"),)


def _hold(decision: Decision) -> tuple[Way, ...]:
    """The longest mean hold at which it fits."""
    present = decision.situation.workload.hold_s.value
    # The goal stays as it is, or a shorter hold would be held to a stricter one.
    goal = decision.situation.goal.p99_wait_s.value

    def fits(hold_s: float) -> bool:
        return _fits(decision, msgspec.structs.replace(with_hold(decision.situation, hold_s), p99_wait_s=goal))

    if not fits(present * _SHORTEST):
        return ()
    low, high = present * _SHORTEST, present
    while high / low > _PRECISION:
        middle = (low * high) ** 0.5
        low, high = (middle, high) if fits(middle) else (low, middle)
    what = "a mean hold" if decision.situation.request.request_time_s is None else "requests"
    return (Way(change=f"shorten {what} to at most", number=low, unit="s"),)


def _processes(decision: Decision) -> tuple[Way, ...]:
    """The most processes per instance with which the same load fits."""
    request = decision.situation.request
    rate = decision.situation.workload.rate_per_s
    if rate is not None and request.request_rate_per_s is None:  # also where a profile gave it, for each process
        request = msgspec.structs.replace(request, rate_per_s=rate.value)
    for processes in range(request.workers - 1, 0, -1):
        fewer = msgspec.structs.replace(request, workers=processes)
        if _fits(decision, fewer):
            return (Way(change="run fewer processes in each instance, at most", number=processes),)
    return ()


def _slots(decision: Decision) -> tuple[Way, ...]:
    """More connections on the layer that binds, and their memory."""
    binding = decision.binding
    if binding is None or binding.margin >= 0:
        return ()
    more = -binding.margin
    memory = connection_memory(decision.situation.facts)
    size = more * memory.bytes / 2**20
    return (
        Way(
            change=f"raise the limit of the {binding.name}, for about {size:.0f} MB of the server's memory, by",
            number=more,
            unit="connections",
        ),
    )


def _fits(decision: Decision, request: Request) -> bool:
    try:
        other = decide(changed(decision.situation, request), near=decision.needed)
    except PoolsizeError:
        return False
    return other.verdict == "fits" and other.capacity == other.needed
