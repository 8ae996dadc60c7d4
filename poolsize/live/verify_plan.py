"""What is to be verified: one pool, its load, and for how long."""

from __future__ import annotations

import math
from typing import Final

from msgspec import Struct

from poolsize.datatypes import Deployment, Quantity, Recommendation, Settings, Trace
from poolsize.errors import UsageError, WorkloadError
from poolsize.live.pools import PoolKind, kind_of
from poolsize.live.verify_load import most_at_once
from poolsize.queueing import Closed, Hold, Open
from poolsize.simulate.checks import check
from poolsize.simulate.scenario import Scenario

DURATION_S: Final = 30.0
"""A few thousand requests at usual rates: enough for a mean wait to some percent."""
WARM_UP_SHARE: Final = 0.1
"""Of the duration, which a queue that begins empty takes to look as it will."""


class VerifyPlan(Struct, frozen=True, kw_only=True):
    """One pool of one process, and the load that it gets."""

    pool: str
    """A name in POOLS."""
    settings: Settings
    load: Open | Closed | Trace
    hold: Hold
    """As stated; with a `statement` that is no sleep it is what the statement is expected to take."""
    statement: str | None = None
    """None: a sleep of the drawn hold, in the database."""
    duration_s: float = DURATION_S
    """That is looked at, after the warm-up."""
    goal_p99_wait_s: float | None = None
    seed: int = 0

    @property
    def kind(self) -> PoolKind:
        return kind_of(self.pool)

    @property
    def warm_up_s(self) -> float:
        return self.duration_s * WARM_UP_SHARE

    @property
    def connections(self) -> int:
        """That are taken from the server, or from the pooler, at most."""
        if not self.kind.is_pooler:
            return self.settings.capacity
        return most_at_once(self.load, self.settings.capacity)


def checked(plan: VerifyPlan, dialect: str) -> VerifyPlan:
    """The same. Raises UsageError or WorkloadError for what cannot be run."""
    kind = plan.kind
    if dialect not in kind.dialects:
        raise UsageError(f"{kind.name} cannot be run on {dialect}: it is for {', '.join(sorted(kind.dialects))}.")
    if not 1.0 <= plan.duration_s < math.inf:
        raise UsageError("A run of less than a second shows nothing: give --duration of 1s or more.")
    try:
        check(
            Scenario(
                load=plan.load,
                hold=plan.hold,
                capacity=plan.settings.capacity,
                pool_size=min(plan.settings.pool_size, plan.settings.capacity),
                timeout_s=plan.settings.pool_timeout_s,
                semantics=plan.pool,
            )
        )
    except ValueError as error:
        raise WorkloadError(f"This cannot be run: {str(error).rstrip('.')}.") from None
    return plan


def plan_of(answer: Recommendation, *, pool: str, duration_s: float = DURATION_S, seed: int = 0) -> VerifyPlan:
    """One pool of the busiest process of a recommendation. Raises UsageError where it has none, or assumes its load."""
    settings, deployment = answer.settings, answer.deployment
    if settings is None or deployment is None:
        raise UsageError("The recommendation is a no without settings: there is no pool to run.")
    if "hold_s" not in answer.inputs:
        raise UsageError("The recommendation does not say how long a connection is held.")
    hold = _hold(answer)
    goal = answer.inputs.get("p99_wait_s")
    return VerifyPlan(
        pool=pool,
        settings=settings,
        load=_load(answer.inputs, deployment, hold),
        hold=hold,
        duration_s=duration_s,
        goal_p99_wait_s=goal.value if goal else None,
        seed=seed,
    )


def _hold(answer: Recommendation) -> Hold:
    """By the law that the recommendation took."""
    mean_s = answer.inputs["hold_s"].value
    scv = answer.inputs.get("hold_scv")
    if answer.hold_law == "histogram":
        raise UsageError(
            "The recommendation is from a histogram of holds, which it does not keep: give --hold-histogram."
        )
    if scv is None or answer.hold_law == "exponential" or scv.value == 1.0:
        return Hold(mean_s)
    return Hold(mean_s, scv.value, "h2" if answer.hold_law == "two-class mixture" else None)


def _load(inputs: dict[str, Quantity], deployment: Deployment, hold: Hold) -> Open | Closed:
    """The rate of one pool of the busiest process; threads are a finite source."""
    if "rate_per_s" not in inputs:
        raise UsageError("The recommendation has no rate of checkouts.")
    processes = deployment.instances * deployment.processes * deployment.pools
    per_pool = inputs["rate_per_s"].value / processes * deployment.skew
    if deployment.threads is None:
        return Open(per_pool)
    sources = deployment.threads * deployment.checkouts_per_request
    think_s = sources / per_pool - hold.mean_s
    if think_s <= 0.0:
        raise WorkloadError("The threads of one process cannot make so many checkouts, whatever its pool.")
    return Closed(sources, think_s)
