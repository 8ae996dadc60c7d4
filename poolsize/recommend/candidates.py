"""Other settings beside the answer: its neighbours, other worker types, the present ones."""

from __future__ import annotations

import math
from typing import Final

import msgspec

from poolsize.datatypes import Candidate, Predicted, Settings, Verdict
from poolsize.errors import WorkloadError
from poolsize.queueing import solve
from poolsize.recommend.choice import Choice, meets
from poolsize.recommend.decision import Decision, decide, predicted_of, settings_of
from poolsize.recommend.limits import held_against
from poolsize.recommend.pool_load import PoolLoad
from poolsize.recommend.situation import changed
from poolsize.workers import WORKER_TYPES

SIDE_BY_SIDE: Final = ("gunicorn-sync", "gunicorn-gthread", "uvicorn")
"""One connection a process, a few, or no bound: which of them it is matters more than any other number."""
SQLALCHEMY_TIMEOUT_S: Final = 30.0
"""SQLAlchemy's default pool_timeout (2.0 and 2.1, create_engine), assumed for present settings."""


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
    choice = decision.choice if capacity == decision.capacity else None
    return _candidate(decision, label, choice or decision.at(capacity))


def _candidate(decision: Decision, label: str, choice: Choice, note: str = "") -> Candidate:
    situation = decision.situation
    return Candidate(
        label=label,
        settings=settings_of(choice, situation),
        predicted=predicted_of(choice, decision.pool, situation),
        worst_case=situation.deployment.worst_case(choice.capacity),
        verdict=_verdict(decision, choice.capacity),
        note=note,
    )


def _verdict(decision: Decision, capacity: int) -> Verdict:
    if not meets(decision.pool, decision.situation.goal, capacity):
        return "misses_goal"
    checks = held_against(decision.layers, decision.situation.deployment, capacity)
    return "fits" if all(check.margin >= 0 for check in checks) else "does_not_fit"


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
        other = decide(changed(situation, request))
    except WorkloadError as error:
        settings = Settings(pool_size=1, max_overflow=0, pool_timeout_s=SQLALCHEMY_TIMEOUT_S)
        each = (worker.threads or 1) / situation.workload.hold_s.value
        most = each * request.workers * request.instances / request.skew
        return Candidate(
            label=name,
            settings=settings,
            predicted=Predicted(holds_up_to_per_s=most),
            worst_case=situation.deployment.worst_case(1),
            verdict="misses_goal",
            note=error.message,
        )
    candidate = _candidate(other, name, other.choice or other.at(other.needed), note=worker.title)
    return msgspec.structs.replace(candidate, verdict=other.verdict)


def current(decision: Decision) -> Candidate | None:
    """The settings that the user has now, and what changes."""
    present = decision.situation.request.current
    if present is None:
        return None
    pool_size, overflow = present
    pool, situation = decision.pool, decision.situation
    capacity = _capacity(pool, pool_size, overflow)
    wait = solve(
        pool.load, pool.hold, capacity, timeout_s=SQLALCHEMY_TIMEOUT_S, pool_size=min(pool_size or capacity, capacity)
    )
    choice = Choice(capacity, SQLALCHEMY_TIMEOUT_S, min(pool_size, capacity), wait)
    settings = Settings(pool_size=pool_size, max_overflow=overflow, pool_timeout_s=SQLALCHEMY_TIMEOUT_S)
    worst = None if is_unlimited(present) and pool.ceiling is None else situation.deployment.worst_case(capacity)
    if not is_unlimited(present):  # unused capacity still counts in the worst case as it is written down
        worst = situation.deployment.worst_case(pool_size + overflow)
    return Candidate(
        label="current",
        settings=settings,
        predicted=predicted_of(choice, pool, situation),
        worst_case=worst,
        verdict="does_not_fit" if worst is None else _verdict_of(decision, capacity, worst),
        note=_change(decision, settings),
    )


def _verdict_of(decision: Decision, capacity: int, worst_case: int) -> Verdict:
    if not meets(decision.pool, decision.situation.goal, capacity):
        return "misses_goal"
    return "fits" if all(layer.available >= worst_case for layer in decision.layers) else "does_not_fit"


def is_unlimited(present: tuple[int, int]) -> bool:
    """pool_size 0 or max_overflow -1: SQLAlchemy then opens as many as are asked for."""
    return present[0] == 0 or present[1] == -1


def _capacity(pool: PoolLoad, pool_size: int, overflow: int) -> int:
    """What the pool can really hold at once, at most one per thread."""
    if is_unlimited((pool_size, overflow)):
        return pool.ceiling or max(pool_size, 2 * math.ceil(pool.erlangs + 1))
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
