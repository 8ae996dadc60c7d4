"""The smallest changes that would make it fit, each with its number."""

from __future__ import annotations

from typing import Final

import msgspec

from poolsize.datatypes import Request, ScopeComparison, Way
from poolsize.errors import PoolsizeError
from poolsize.recommend.choice import capacity_for
from poolsize.recommend.decision import Decision, decide
from poolsize.recommend.limits import WRITER_LAYER, counts_clients, most_that_fit
from poolsize.recommend.memory import connection_memory
from poolsize.recommend.pool_load import total_rate_per_s
from poolsize.recommend.situation import changed, with_hold

_SHORTEST: Final = 1e-3
"""No hold is asked for that is a thousandth of the present one."""
_PRECISION: Final = 1.02
_COARSE: Final = 32
"""Above so many processes they are first counted down by a thirty-second of them, then one by one."""


def ways_to_fit(decision: Decision, scope: ScopeComparison | None) -> tuple[Way, ...]:
    """Nothing when it fits already."""
    if decision.verdict == "fits" and decision.capacity == decision.needed:
        return ()
    if any(check.name == WRITER_LAYER and check.margin < 0 for check in decision.fixed_checks):
        return _for_one_writer(decision)
    return (*_unstalled(decision), *_pooler(scope), *_hold(decision), *_processes(decision), *_slots(decision))


def _unstalled(decision: Decision) -> tuple[Way, ...]:
    """Where finished requests may have to wait for a thread: what prevents it lets the pool be as small as the load
    wants."""
    pool = decision.pool.without_stall()
    if pool.floor == decision.pool.floor:
        return ()
    small = capacity_for(pool, decision.situation.goal)
    worst_case = decision.situation.deployment.worst_case(small)
    if any(layer.available < worst_case for layer in decision.layers):
        return ()
    remedy = decision.situation.worker.release_remedy_for(small)
    return (Way(change=f"a pool of {small}, with {remedy}; worst case", number=worst_case, unit="connections"),)


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
    """The longest mean hold at which it fits, judged as a run with that hold would: a goal that follows from the hold
    follows it."""
    present = decision.situation.workload.hold_s.value

    def fits(hold_s: float) -> bool:
        return _fits(decision, with_hold(decision.situation, hold_s))

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
    situation = decision.situation
    request = situation.request
    if request.request_rate_per_s is None:  # also where the rate is a profile's for each process, or follows from think
        rate = total_rate_per_s(situation.workload, situation.deployment)
        request = msgspec.structs.replace(request, rate_per_s=rate, think_s=None)

    def fits(processes: int) -> bool:
        return _fits(decision, msgspec.structs.replace(request, workers=processes))

    each = msgspec.structs.replace(situation.deployment, processes=1)
    room = most_that_fit(decision.layers, each)  # each process needs a connection for each of its pools at least
    most = request.workers - 1 if room is None else min(request.workers - 1, room)
    processes, above = most, most + 1
    while processes >= 1 and not fits(processes):
        above, processes = processes, processes - max(processes // _COARSE, 1)
    if processes < 1:
        return ()
    found = next(count for count in range(above - 1, processes - 1, -1) if count == processes or fits(count))
    return (Way(change="run fewer processes in each instance, at most", number=found),)


def _slots(decision: Decision) -> tuple[Way, ...]:
    """More connections on each layer that has too few, and their memory."""
    broken = [check for check in decision.checks if check.margin < 0]
    if not broken:
        return ()
    more = {check.name: -check.margin for check in broken}
    what = f"limit of the {broken[0].name}"
    if len(broken) > 1:
        what = f"limits ({', '.join(f'{name} by {number:g}' for name, number in more.items())})"
    on_server = max((number for name, number in more.items() if not counts_clients(name)), default=0)
    memory = connection_memory(decision.situation.facts)
    size = on_server * memory.bytes / 2**20 if memory else 0
    cost = f", for about {size:.0f} MB of the server's memory," if size else ""
    return (Way(change=f"raise the {what}{cost} by", number=max(more.values()), unit="connections"),)


def _fits(decision: Decision, request: Request) -> bool:
    try:
        other = decide(changed(decision.situation, request), near=decision.needed)
    except PoolsizeError:
        return False
    return other.verdict == "fits" and other.capacity == other.needed
