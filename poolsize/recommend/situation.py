"""What is asked, with every default filled in and every number's origin: `situate` turns a Request into it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, Final

import msgspec

from poolsize.datatypes import DatabaseFacts, Deployment, Quantity, Request, ServiceLevel, Workload
from poolsize.errors import UsageError
from poolsize.profiles import DEFAULT_PROFILE, Profile, profile
from poolsize.queueing import Usl
from poolsize.recommend.pool_load import UNCORRECTED, Correction, hold_of
from poolsize.recommend.workload import resolve_workload
from poolsize.workers import DEFAULT_WORKER_TYPE, WorkerType, worker_type

SURGE_SHARE: Final = 0.25
"""Kubernetes' default maxSurge of a Deployment, 25 %, rounded up as Kubernetes does."""
_GOAL_SHARE_OF_HOLD: Final = 0.25
_LEAST_GOAL_S: Final = 0.010
"""A wait of a quarter of the hold changes a response time by less than its ordinary spread; under 10 ms a scheduler's
time slice already shows."""
_MAX_TIMEOUTS: Final = 1e-6
_REQUEST_TIMEOUT_S: Final = 30.0
"""The default of gunicorn's --timeout and of many load balancers and clients."""
_CONNECT_S: Final = 0.020
"""A connection with TLS and SCRAM over a data centre's network: three to five round trips of 1 ms, 5 to 10 ms of key
derivation and server start-up."""
LEAST_OTHERS: Final = 3
"""A person, a migration and a monitor: there are always a few."""


@dataclass(frozen=True)
class Situation:
    """Everything the decision depends on."""

    request: Request
    facts: DatabaseFacts
    profile: Profile
    """As it was read, so that nothing is read again for the same situation with another number."""
    worker: WorkerType
    deployment: Deployment
    workload: Workload
    goal: ServiceLevel
    connect_s: Quantity
    least_others: Quantity
    """Connections of everything else on the server, where the facts say less."""
    assumed: frozenset[str]
    """Which of `rate` and `hold` nobody stated."""
    correction: Correction = UNCORRECTED

    @property
    def usl(self) -> Usl | None:
        """How the database slows down, where a curve was measured and shows that it does."""
        return Usl(*self.request.usl) if self.request.usl is not None and any(self.request.usl) else None

    @property
    def assumed_workload(self) -> bool:
        """The rate or the hold is a profile's: no wait may be told to the millisecond."""
        return bool(self.assumed)

    @property
    def only_assumed(self) -> bool:
        """Both are: what the goal needs is no more than a guess, and only no room at all is a no."""
        return len(self.assumed) == 2


def situate(request: Request, facts: DatabaseFacts) -> Situation:
    """Raises UsageError and WorkloadError for options that are impossible or contradict each other."""
    return _situated(request, facts, profile(request.profile or DEFAULT_PROFILE))


def changed(situation: Situation, request: Request) -> Situation:
    """The same facts and profile under a request with other numbers; what was assumed is still assumed, and what a
    simulation showed of a like pool is still true."""
    other = _situated(request, situation.facts, situation.profile)
    return replace(other, assumed=situation.assumed, correction=situation.correction)


def _situated(request: Request, facts: DatabaseFacts, chosen: Profile) -> Situation:
    _check_counts(request)
    worker = worker_type(request.worker_type or _default_worker(request, chosen))
    deployment = _deployment(request, worker, chosen)
    workload = resolve_workload(request, chosen, deployment)
    return Situation(
        request=request,
        facts=facts,
        profile=chosen,
        worker=worker,
        deployment=deployment,
        workload=workload,
        goal=_goal(request, chosen, workload),
        connect_s=_connect_cost(request, facts),
        least_others=_least_others(request),
        assumed=_assumed(workload),
        # What a recorded load closes after one burst it opens in the next.
        correction=Correction(keeps_all=request.trace is not None),
    )


def _assumed(workload: Workload) -> frozenset[str]:
    numbers = {"hold": workload.hold_s, "rate": workload.rate_per_s or workload.think_s}
    return frozenset(name for name, number in numbers.items() if number is not None and number.origin == "assumed")


def _default_worker(request: Request, chosen: Profile) -> str:
    return chosen.worker_type.value if request.profile else DEFAULT_WORKER_TYPE


def _check_counts(request: Request) -> None:
    for option, value, least in (
        ("--workers", request.workers, 1),
        ("--instances", request.instances, 1),
        ("--threads", request.threads, 1),
        ("--pools", request.pools, 1),
        ("--checkouts-per-request", request.checkouts_per_request, 1),
        ("--surge", request.surge, 0),
        ("--others", request.others, 0),
        ("--skew", request.skew, 1),
        ("--db-cores", request.db_cores, 1),
    ):
        if value is not None and not least <= value < math.inf:
            raise UsageError(f"{option} is at least {least}, not {value:g}.")
    for option, seconds in (
        ("--p99-wait", request.p99_wait_s),
        ("--request-timeout", request.request_timeout_s),
        ("--connect-cost", request.connect_cost_s),
    ):
        if seconds is not None and not 0 < seconds < math.inf:
            raise UsageError(f"{option} is a time above 0.")
    if request.max_timeouts is not None and not 0 < request.max_timeouts < 1:
        raise UsageError("--max-timeouts is a share of the requests, above 0 and below 1, such as 1e-6.")
    if request.usl is not None and not all(0 <= number < math.inf for number in request.usl):
        raise UsageError("--usl is alpha,beta of the scalability law, both 0 or more, such as 0.05,0.002.")
    if request.current is not None and (request.current[0] < 0 or request.current[1] < -1):
        raise UsageError("--current is pool_size+max_overflow, such as 5+10; -1 stands for no limit.")


def _deployment(request: Request, worker: WorkerType, chosen: Profile) -> Deployment:
    if request.threads is not None and not worker.threads_settable and request.threads != worker.threads:
        raise UsageError(
            f"A process of {worker.name} works on {worker.threads} {'request' if worker.threads == 1 else 'requests'} "
            f"at once, so --threads {request.threads} does not go with it."
        )
    uses_profile = request.worker_type is None and request.profile is not None
    own = chosen.threads_per_process(request.workers) if uses_profile else worker.threads_per_process(request.workers)
    return Deployment(
        processes=request.workers,
        instances=request.instances,
        threads=request.threads or own,
        surge=default_surge(request.instances) if request.surge is None else request.surge,
        pools=request.pools,
        checkouts_per_request=request.checkouts_per_request,
        skew=request.skew,
        worker_type=worker.name,
        release_needs_thread=worker.release_needs_thread,
    )


def default_surge(instances: int) -> int:
    """Extra instances during a rollout: 0 for one instance, which is replaced and not rolled."""
    return math.ceil(SURGE_SHARE * instances) if instances > 1 else 0


def _goal(request: Request, chosen: Profile, workload: Workload) -> ServiceLevel:
    if request.p99_wait_s is not None:
        p99 = Quantity(value=request.p99_wait_s, origin="stated", source="--p99-wait")
    elif request.profile is not None and chosen.p99_wait_s is not None:
        p99 = chosen.assumed(chosen.p99_wait_s)
    else:
        quarter = max(_GOAL_SHARE_OF_HOLD * workload.hold_s.value, _LEAST_GOAL_S)
        p99 = Quantity(value=quarter, origin="assumed", source="a quarter of the hold, at least 10 ms")
    return ServiceLevel(
        p99_wait_s=p99,
        max_timeouts=_stated_or(request.max_timeouts, "--max-timeouts", _MAX_TIMEOUTS),
        request_timeout_s=_stated_or(request.request_timeout_s, "--request-timeout", _REQUEST_TIMEOUT_S),
    )


def _stated_or(value: float | None, option: str, default: float) -> Quantity:
    if value is None:
        return Quantity(value=default, origin="assumed", source="default")
    return Quantity(value=value, origin="stated", source=option)


def _connect_cost(request: Request, facts: DatabaseFacts) -> Quantity:
    if request.connect_cost_s is not None:
        return Quantity(value=request.connect_cost_s, origin="stated", source="--connect-cost")
    if facts.connect is not None:
        where = f"probe from {facts.connect.measured_from}" if facts.connect.measured_from else "probe"
        return Quantity(value=facts.connect.mean_s, origin="measured", source=where)
    return Quantity(value=_CONNECT_S, origin="assumed", source="TLS and SCRAM within a data centre")


def _least_others(request: Request) -> Quantity:
    if request.others is not None:
        return Quantity(value=request.others, origin="stated", source="--others")
    return Quantity(value=LEAST_OTHERS, origin="assumed", source="at least 3")


def with_hold(situation: Situation, hold_s: float) -> Request:
    """The request with another mean hold that varies as the present one: a percentile is not kept, since the holds
    change as a whole."""
    request, workload = situation.request, situation.workload
    if workload.histogram:
        factor = hold_s / workload.hold_s.value
        stretched = tuple((value * factor, share) for value, share in workload.histogram)
        return msgspec.structs.replace(with_rate(situation), hold_histogram=stretched)
    name = "hold_s" if request.request_time_s is None else "request_time_s"
    varied = {"hold_scv": hold_of(workload).scv, "hold_p95_s": None, "request_p95_s": None}
    return msgspec.structs.replace(with_rate(situation), **{name: hold_s}, **varied)


def with_rate(situation: Situation, rate_per_s: float | None = None) -> Request:
    """The request with a stated rate (None: the present one) in the place of what it was observed in or follows from:
    the rest can then be changed by itself."""
    request, workload = situation.request, situation.workload
    if request.trace is None and request.in_use is None:
        return request if rate_per_s is None else msgspec.structs.replace(request, rate_per_s=rate_per_s)
    present = workload.rate_per_s.value if workload.rate_per_s is not None else None
    stated: dict[str, Any] = {"rate_per_s": present if rate_per_s is None else rate_per_s, "request_rate_per_s": None}
    if workload.histogram:
        stated["hold_histogram"] = workload.histogram
    elif request.request_time_s is None:
        stated["hold_s"] = workload.hold_s.value
    return msgspec.structs.replace(request, trace=None, in_use=None, **stated)
