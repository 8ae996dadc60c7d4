"""The formula worked by hand, a line each, so that a person can check the answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from poolsize.queueing import Closed
from poolsize.recommend.choice import LATE_SHARE, carries
from poolsize.recommend.decision import Decision
from poolsize.recommend.overload import overload_lines
from poolsize.recommend.pool_load import total_rate_per_s
from poolsize.units import duration, plural

_RARE: Final = 1e-6
"""No model knows the digits of a chance below it."""


def workings_of(decision: Decision) -> tuple[str, ...]:
    """From the load of the service to the settings, one step a line."""
    return (*_load(decision), *_capacity(decision), *_kept(decision), *_sum(decision))


def _load(decision: Decision) -> Iterator[str]:
    situation, pool = decision.situation, decision.pool
    deployment = situation.deployment
    rate = total_rate_per_s(situation.workload, deployment)
    skew = f" × skew {deployment.skew:g}" if deployment.skew != 1 else ""
    pools = f" ÷ {deployment.pools} pools" if deployment.pools != 1 else ""
    each = rate / (deployment.instances * deployment.processes) * deployment.skew / deployment.pools
    yield (
        f"Load of one pool: {rate:.4g}/s ÷ ({plural(deployment.instances, 'instance')} × "
        f"{plural(deployment.processes, 'process')}){skew}{pools} = {each:.4g} checkouts/s"
    )
    hold = pool.hold.mean_s
    yield f"Connections busy on average: {each:.4g}/s × {duration(hold)} = {each * hold:.3g} erlangs"
    if isinstance(pool.load, Closed):
        yield (
            f"Finite source: {plural(pool.load.threads, 'thread')}, each {pool.load.threads} ÷ {each:.4g}/s - "
            f"{duration(hold)} = {duration(pool.load.think_s)} between two checkouts"
        )
    else:
        yield "Open source: requests come whether or not others wait (async)"


def _capacity(decision: Decision) -> Iterator[str]:
    pool, goal = decision.pool, decision.situation.goal.p99_wait_s.value
    first = max(decision.needed - 2, pool.floor)
    steps = [
        f"{capacity}: {_percent(pool.late(pool.solve(capacity), goal))}"
        for capacity in range(first, decision.needed + 1)
    ]
    yield f"P(wait > {duration(goal)}) with so many connections: " + ", ".join(steps) + " (1 % is the goal)"
    yield from _carried(decision, first)
    if decision.situation.deployment.checkouts_per_request > 1:
        yield (
            f"At least {pool.floor} connections, or requests that hold one and want another can block each other "
            "for good: threads × (connections per request - 1) + 1"
        )
    if decision.situation.deployment.release_needs_thread:
        yield f"One connection for each of {pool.ceiling} threads: a finished request needs a thread to give its back"


def _carried(decision: Decision, first: int) -> Iterator[str]:
    """Where one connection less would keep waits short only because it slows the threads down."""
    pool, goal = decision.pool, decision.situation.goal.p99_wait_s.value
    less, more = (pool.solve(max(c, 1)) for c in (decision.needed - 1, decision.needed))
    if decision.needed <= first or pool.late(less, goal) > LATE_SHARE or carries(pool, less):
        return
    shares = [(1.0 - pool.lost(wait)) * 100 for wait in (less, more)]
    yield (
        f"Share of {pool.rate_per_s:.4g}/s that gets through with {decision.needed - 1}: {shares[0]:.1f} %, with "
        f"{decision.needed}: {shares[1]:.1f} % (99 % is the least)"
    )


def _kept(decision: Decision) -> Iterator[str]:
    choice, situation = decision.choice, decision.situation
    if choice is None:
        return
    wait = choice.wait
    yield (
        f"P(timeout after {choice.pool_timeout_s:g} s): {_chance(wait.timeout_probability)} by {wait.method} "
        f"(at most {situation.goal.max_timeouts.value:g})"
    )
    if not situation.assumed_workload:
        yield from overload_lines(situation, decision.pool, choice)
    cost, held = wait.opens_per_s * situation.connect_s.value, wait.utilization * choice.capacity
    yield (
        f"Keeping {choice.pool_size} of {choice.capacity} open: {wait.opens_per_s:.2g} others opened per second × "
        f"{duration(situation.connect_s.value)} = {cost:.2g} erlangs (at most 1 % of {held:.3g})"
    )


def _sum(decision: Decision) -> Iterator[str]:
    deployment = decision.situation.deployment
    yield f"Worst case: {deployment.worst_case_sum(decision.summed)}"
    for check in decision.checks:
        yield (
            f"{check.name}: {check.demand:.4g} of {check.limit:g} - {check.others:g} others = "
            f"{check.limit - check.others:g} {check.unit}, margin {check.margin:.4g} ({check.source})"
        )


def _chance(share: float) -> str:
    return f"{share:.2g}" if share >= _RARE else "less than 1 in a million"


def _percent(share: float) -> str:
    return f"{share * 100:.2g} %"
