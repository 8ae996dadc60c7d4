"""Other settings beside the answer: its neighbours, other worker types, the present ones."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import msgspec

from poolsize.datatypes import Candidate, Predicted, Settings, Verdict
from poolsize.errors import WorkloadError
from poolsize.recommend.choice import LATE_SHARE, Choice, carries, fewest
from poolsize.recommend.decision import Decision, decide, predicted_of, settings_of
from poolsize.recommend.pool_load import UNCORRECTED, PoolLoad
from poolsize.recommend.situation import changed
from poolsize.workers import WORKER_TYPES

if TYPE_CHECKING:
    from poolsize.simulate.simulated import Simulated

SIDE_BY_SIDE: Final = ("gunicorn-sync", "gunicorn-gthread", "uvicorn")
"""One connection a process, a few, or no bound: which of them it is matters more than any other number."""
SQLALCHEMY_TIMEOUT_S: Final = 30.0
"""SQLAlchemy's default pool_timeout (2.0 and 2.1, create_engine), assumed for present settings."""
_NEVER: Final = 1e-12
"""A wait that one checkout in a trillion has is none."""
_UNBOUNDED: Final[Verdict] = "does_not_fit"
"""No limit holds what has no bound."""


def neighbours(decision: Decision) -> tuple[Candidate, ...]:
    """c - 1, c and c + 1, as far as there are such, and what meets the goal where that is another."""
    c = decision.capacity
    if c is None:
        return ()
    capacities = [(f"c {sign} 1", c + step) for sign, step in (("-", -1), ("+", 1))]
    capacities.insert(1, ("c", c))
    if decision.needed not in (c - 1, c, c + 1):
        capacities.append(("goal", decision.needed))
    pool = decision.pool
    return tuple(
        _at(decision, label, capacity)
        for label, capacity in capacities
        if capacity >= 1 and (pool.ceiling is None or capacity <= pool.ceiling)
    )


def _at(decision: Decision, label: str, capacity: int) -> Candidate:
    """With the timeout of the answer, so that only the size differs."""
    choice = decision.choice
    if choice is None or capacity != choice.capacity:
        choice = decision.at(capacity, timeout_s=choice.pool_timeout_s if choice else None)
    return _candidate(decision, label, choice, simulated=decision.simulated.get(capacity))


def _candidate(
    decision: Decision, label: str, choice: Choice, note: str = "", simulated: Simulated | None = None
) -> Candidate:
    situation = decision.situation
    worst_case = situation.deployment.worst_case(choice.capacity)
    verdict = decision.verdict_at(choice.capacity, worst_case)
    return Candidate(
        label=label,
        settings=settings_of(choice, situation),
        predicted=predicted_of(choice, decision.pool, situation, simulated=simulated),
        worst_case=worst_case,
        verdict=verdict,
        obstacle=_obstacle(decision, choice.capacity, verdict),
        note=note,
    )


def _obstacle(decision: Decision, capacity: int, verdict: Verdict) -> str:
    pool, goal = decision.pool, decision.situation.goal
    if verdict != "misses_goal":
        return "too many" if verdict == "does_not_fit" else ""
    if capacity < pool.nested_floor:
        return "can block"
    if capacity < pool.stalls_below:
        return "can stall"
    wait = pool.solve(capacity)
    if pool.late(wait, goal.p99_wait_s.value) > LATE_SHARE:
        return "too slow"
    return "loses rate" if not carries(pool, wait) else "times out"


def alternatives(decision: Decision) -> tuple[Candidate, ...]:
    """The other worker types, where the user named none: same processes, same load."""
    request = decision.situation.request
    if request.worker_type is not None or request.threads is not None or request.think_s is not None:
        return ()
    chosen = decision.situation.worker.name
    return tuple(_as_worker(decision, name) for name in SIDE_BY_SIDE if name != chosen)


def _as_worker(decision: Decision, name: str) -> Candidate:
    situation = decision.situation
    request = msgspec.structs.replace(situation.request, worker_type=name)
    worker = WORKER_TYPES[name]
    try:
        # Another worker type makes another pool, of which the simulation of this one says nothing.
        other = decide(replace(changed(situation, request), correction=UNCORRECTED))
    except WorkloadError as error:
        sources = (worker.threads or 1) * request.checkouts_per_request
        settings = Settings(pool_size=sources, max_overflow=0, pool_timeout_s=SQLALCHEMY_TIMEOUT_S)
        most = sources / situation.workload.hold_s.value * situation.deployment.steady_pools / request.skew
        return Candidate(
            label=name,
            settings=settings,
            predicted=Predicted(holds_up_to_per_s=most, limited_by="threads"),
            worst_case=situation.deployment.worst_case(sources),
            verdict="misses_goal",
            obstacle="threads full",
            note=error.message,
        )
    # What it needs, also where that does not fit: what is left of it then would say nothing of the worker type.
    return _candidate(other, name, other.at(other.needed), note=worker.title)


def current(decision: Decision) -> Candidate | None:
    """The settings that the user has now, and what changes."""
    present = decision.situation.request.current
    if present is None:
        return None
    pool_size, overflow = present
    pool, situation = decision.pool, decision.situation
    capacity = _capacity(pool, pool_size, overflow)
    kept = min(pool_size or capacity, capacity)
    simulated = decision.simulated.get(capacity)  # with the answer's timeout, which its waits seldom reach
    choice = decision.kept_at(capacity, SQLALCHEMY_TIMEOUT_S, kept)
    predicted = predicted_of(choice, pool, situation, simulated=simulated)
    settings = Settings(pool_size=pool_size, max_overflow=overflow, pool_timeout_s=SQLALCHEMY_TIMEOUT_S)
    if is_unlimited(present) and pool.ceiling is None:
        worst, verdict, obstacle = None, _UNBOUNDED, "no bound"
        predicted = msgspec.structs.replace(predicted, utilization=None, holds_up_to_per_s=None)
    else:  # unused capacity still counts in the worst case as it is written down
        worst = situation.deployment.worst_case(capacity if is_unlimited(present) else pool_size + overflow)
        verdict = decision.verdict_at(capacity, worst)
        obstacle = _obstacle(decision, capacity, verdict)
    return Candidate(
        label="current",
        settings=settings,
        predicted=predicted,
        worst_case=worst,
        verdict=verdict,
        obstacle=obstacle,
        note=_change(decision, settings),
    )


def is_unlimited(present: tuple[int, int]) -> bool:
    """pool_size 0 or max_overflow -1: SQLAlchemy then opens as many as are asked for."""
    return present[0] == 0 or present[1] == -1


def _capacity(pool: PoolLoad, pool_size: int, overflow: int) -> int:
    """What the pool can really hold at once, at most one per thread; without any bound, so many that nobody waits."""
    if is_unlimited((pool_size, overflow)):
        return pool.ceiling or fewest(pool, lambda c: pool.solve(c).wait_probability <= _NEVER)
    return min(pool_size + overflow, pool.ceiling or pool_size + overflow)


def _change(decision: Decision, settings: Settings) -> str:
    new = decision.settings
    if new is None:
        return ""
    pairs = (
        ("pool_size", settings.pool_size, new.pool_size),
        ("max_overflow", settings.max_overflow, new.max_overflow),
        ("pool_timeout", f"{settings.pool_timeout_s:g} s", f"{new.pool_timeout_s:g} s"),
    )
    return ", ".join(f"{name} {old} -> {now}" for name, old, now in pairs if old != now) or "nothing changes"
