"""What is worth knowing beside the size, and what no size would mend. Each with a stable code."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from poolsize.datatypes import Certificate, Finding, SessionGroup, Severity
from poolsize.queueing import Closed
from poolsize.recommend.candidates import is_unlimited
from poolsize.recommend.choice import capacity_for
from poolsize.recommend.decision import Decision
from poolsize.recommend.limits import shares_server_connections
from poolsize.recommend.pool_load import nested_floor
from poolsize.recommend.shared import shared_pool
from poolsize.units import duration, plural

_LONG_IDLE_S: Final = 60.0
"""A transaction that is idle for a minute is no round trip of an application: somebody forgot it."""
_SCV_RANGE: Final = (0.5, 2.0)
"""Where the exponential law's percentiles are within some 40 % of the true ones (docs/theory/accuracy.md)."""
_BUSY_PER_PROCESSOR: Final = 3.0
"""Queries that wait for a disk or a lock leave a processor to others, but seldom to more than a few."""


def findings_of(decision: Decision, certificate: Certificate | None) -> tuple[Finding, ...]:
    """The gravest first; the facts' own findings after the decision's."""
    found = [
        *_no_bound(decision),
        *_idle_in_transaction(decision),
        *_needs_thread(decision),
        *_unread_limits(decision),
        *_present_settings(decision),
        *_assumed_need(decision),
        *_nested(decision),
        *_upper_bound(decision),
        *_variation(decision, certificate),
        *_contradiction(certificate),
        *_too_slow_database(decision),
        *_processors(decision),
        *_worker(decision),
        *decision.situation.facts.findings,
    ]
    order = {"blocking": 0, "warning": 1, "note": 2}
    return tuple(sorted(found, key=lambda finding: order[finding.severity]))


def _no_bound(decision: Decision) -> Iterator[Finding]:
    held = decision.situation.deployment.checkouts_per_request
    if held > 1 and decision.pool.ceiling is None:
        yield Finding(
            code="PS203",
            severity="blocking",
            message=f"Requests hold {held} connections at once and nothing bounds how many requests run: any pool can "
            "fill with requests that hold one and wait for the next, for good.",
            remedy=f"Let a limiter in front of the pool admit at most {_admitted(decision, held)} requests at a time, "
            "or take one connection per request.",
        )


def _admitted(decision: Decision, held: int) -> int:
    """Requests at once with which one of them always has all its connections."""
    return max(((decision.capacity or decision.needed) - 1) // (held - 1), 1)


def _nested(decision: Decision) -> Iterator[Finding]:
    held = decision.situation.deployment.checkouts_per_request
    threads = decision.situation.deployment.threads
    if held > 1 and threads is not None:
        floor = nested_floor(threads, held)
        is_too_small = decision.capacity is not None and decision.capacity < floor
        yield Finding(
            code="PS202",
            severity="blocking" if is_too_small else "note",
            message=f"Each request holds {held} connections at once, so the pool is at least "
            f"threads × {held - 1} + 1 = {floor}; below that, requests block each other for good"
            f"{f', and only {decision.capacity} fit' if is_too_small else ''}.",
            remedy="One connection per request needs a fraction of that.",
        )


def _idle_in_transaction(decision: Decision) -> Iterator[Finding]:
    held = [group for group in decision.situation.facts.sessions if group.own and _is_forgotten(group)]
    if held:
        count = sum(group.idle_in_transaction or 0 for group in held)
        oldest = max(group.oldest_idle_in_transaction_s or 0.0 for group in held)
        own = sum(group.count for group in decision.situation.facts.sessions if group.own)
        # Where they are half of the service's connections, the pool is not what is short.
        severity: Severity = "blocking" if count * 2 >= own else "warning"
        yield Finding(
            code="PS201",
            severity=severity,
            message=f"{plural(count, 'session')} of this service {'is' if count == 1 else 'are'} idle in transaction, "
            f"the oldest for {duration(oldest)}: they hold connections and do nothing, which a larger pool only hides.",
            remedy="End transactions before anything slow, and set idle_in_transaction_session_timeout.",
        )


def _is_forgotten(group: SessionGroup) -> bool:
    return bool(group.idle_in_transaction) and (group.oldest_idle_in_transaction_s or 0.0) >= _LONG_IDLE_S


def _needs_thread(decision: Decision) -> Iterator[Finding]:
    worker, deployment = decision.situation.worker, decision.situation.deployment
    threads, ceiling = deployment.threads, decision.pool.ceiling
    if not worker.release_needs_thread or threads is None or ceiling is None:
        return
    small = capacity_for(decision.pool.without_stall(), decision.situation.goal)
    yield Finding(
        code="PS303",
        severity="warning" if decision.verdict == "fits" else "blocking",
        message=f"A finished request of {worker.name} needs a thread to give its connection back. From connections + "
        f"threads requests at once in a process, here {2 * threads}, all threads can wait in the pool and none is left "
        "for that: everything stalls until pool_timeout. Fewer connections than threads make it sooner.",
        remedy=f"One connection for each thread (worst case {deployment.worst_case(ceiling)}) makes it rare; what "
        f"prevents it, and needs only {small} connections (worst case {deployment.worst_case(small)}), is "
        f"{worker.release_remedy_for(small)}.",
    )


def _unread_limits(decision: Decision) -> Iterator[Finding]:
    """What nobody held the answer against, since the probe could not read it."""
    situation, deployment = decision.situation, decision.situation.deployment
    if shares_server_connections(situation) and not decision.layers:
        needed = capacity_for(shared_pool(situation), situation.goal)
        yield Finding(
            code="PS513",
            severity="warning",
            message="The pooler's own limits could not be read, so the answer was not held against them: it needs a "
            f"default_pool_size of at least {needed} and a max_client_conn of at least "
            f"{deployment.worst_case(decision.summed)}.",
            remedy="Compare them with pgbouncer.ini, or let this user read the console (stats_users).",
        )
    for entry in situation.facts.unread:
        if entry.name.startswith("limits"):
            yield Finding(
                code="PS103",
                severity="warning",
                message=f"A limit could not be read, and the answer was not held against it: {entry.name}. "
                f"{entry.reason}",
                remedy=entry.remedy,
            )


def _present_settings(decision: Decision) -> Iterator[Finding]:
    present = decision.situation.request.current
    if present is None:
        return
    ceiling = decision.pool.ceiling
    if is_unlimited(present):
        yield Finding(
            code="PS301",
            severity="warning",
            message="The present settings have no limit: SQLAlchemy takes pool_size=0 and max_overflow=-1 as any "
            "number of connections, and pool_timeout then never applies.",
            remedy="State both.",
        )
    elif ceiling is not None and sum(present) >= ceiling:
        yield Finding(
            code="PS302",
            severity="note",
            message=f"The present pool of {sum(present)} has a connection for each of the {ceiling} that its threads "
            "can hold: if it is exhausted nonetheless, connections leak, or a request takes several.",
            remedy="Look for sessions that are never closed, not for a larger pool.",
        )


def _assumed_need(decision: Decision) -> Iterator[Finding]:
    capacity = decision.capacity
    if decision.situation.only_assumed and capacity is not None and capacity < decision.needed:
        yield Finding(
            code="PS403",
            severity="warning",
            message=f"The assumed workload would want {decision.needed} connections a pool, and {capacity} fit.",
            remedy="State --rate and --hold, or --request-rate and --request-time.",
        )


def _upper_bound(decision: Decision) -> Iterator[Finding]:
    hold = decision.situation.workload.hold_s
    if hold.origin == "upper bound":
        yield Finding(
            code="PS402",
            severity="note",
            message=f"The hold is the whole request, {duration(hold.value)}, at most. {decision.situation.worker.hold}",
            remedy="State --hold if you know how long a request really holds its connection.",
        )


def _variation(decision: Decision, certificate: Certificate | None) -> Iterator[Finding]:
    """Where nothing was simulated, how far the models are to be trusted."""
    hold = decision.pool.hold
    low, high = _SCV_RANGE
    if certificate is not None or low <= hold.scv <= high or decision.situation.assumed_workload:
        return
    if decision.pool.ceiling is not None and decision.needed >= decision.pool.ceiling:
        return
    how = "by exponential holds" if isinstance(decision.pool.load, Closed) else "by the Volterra equation of M/G/c"
    yield Finding(
        code="PS401",
        severity="warning" if hold.scv > high else "note",
        message=f"Holds {'vary more' if hold.scv > high else 'are more even'} than the exponential law (scv "
        f"{hold.scv:.3g}, {decision.situation.workload.law}), and nothing was simulated: waits are {how}, which may be "
        "off by some 40 %.",
        remedy="" if decision.choice is None else "Let it be simulated: without --no-certify, or poolsize simulate.",
    )


def _contradiction(certificate: Certificate | None) -> Iterator[Finding]:
    """Never hidden: one of the two is wrong, and it may be ours."""
    if certificate is None or certificate.agrees:
        return
    simulated = certificate.p99_wait_s
    low, value, high = (duration(number or 0.0) for number in (simulated.low, simulated.value, simulated.high))
    yield Finding(
        code="PS405",
        severity="note" if certificate.decided_by == "simulation" else "warning",
        message=f"The model and the simulation differ: p99 of the wait {duration(certificate.predicted_p99_wait_s)} by "
        f"the one, {value} ({low} to {high}) by the other{_sizes(certificate)}.",
        remedy=(
            "The size is the simulation's."
            if certificate.decided_by == "simulation"
            else "Look at c + 1 as well, and please report it: this model should be exact."
        ),
    )


def _sizes(certificate: Certificate) -> str:
    low, high = certificate.model_sizes
    if low <= certificate.capacity <= high:
        return ""
    by_models = f"{low}" if low == high else f"{low} to {high}"
    return f"; {by_models} connections by the one, {certificate.capacity} by the other"


def _too_slow_database(decision: Decision) -> Iterator[Finding]:
    """What no number of connections mends."""
    pool = decision.pool
    if pool.usl is None or decision.verdict != "misses_goal":
        return
    wait = pool.solve(decision.needed)
    yield Finding(
        code="PS406",
        severity="warning",
        message="By its capacity curve the database comes nearest to the goal with "
        f"{plural(decision.needed, 'connection')} in each pool, and then does "
        f"{wait.throughput_per_s * pool.peers:.4g} of {pool.rate_per_s * pool.peers:.4g} checkouts/s, with "
        f"{pool.late(wait, decision.situation.goal.p99_wait_s.value) * 100:.2g} % of them late: its own work is what "
        "is too slow.",
        remedy="Shorten the statements, or take work off this database; connections do not help.",
    )


def _processors(decision: Decision) -> Iterator[Finding]:
    database = decision.situation.facts.database
    cores = decision.situation.request.db_cores or (database.processors if database else None)
    busy = shared_pool(decision.situation).erlangs
    if cores is None or decision.situation.assumed_workload or busy <= _BUSY_PER_PROCESSOR * cores:
        return
    yield Finding(
        code="PS404",
        severity="warning",
        message=f"{busy:.3g} connections are busy on average, and the server has {plural(cores, 'processor')}: unless "
        "most of a hold is spent outside the database, it cannot work on so many at once.",
        remedy=f"A hold of {duration(decision.pool.hold.mean_s * cores * _BUSY_PER_PROCESSOR / busy)} or less would "
        "leave it within reach; shorten transactions before adding connections.",
    )


def _worker(decision: Decision) -> Iterator[Finding]:
    worker = decision.situation.worker
    if worker.pool_advice:
        yield Finding(code="PS305", severity="note", message=worker.pool_advice)
    if worker.fork_note:
        yield Finding(code="PS304", severity="note", message=worker.fork_note)
