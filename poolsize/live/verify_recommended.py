"""The pool of a recommendation, and the load that it was made for."""

from __future__ import annotations

from poolsize.datatypes import Deployment, Recommendation, Settings
from poolsize.errors import UsageError, WorkloadError
from poolsize.live.pools import kind_of
from poolsize.live.verify_plan import DURATION_S, VerifyPlan
from poolsize.queueing import Closed, Hold, Open


def plan_of(answer: Recommendation, *, pool: str, duration_s: float = DURATION_S, seed: int = 0) -> VerifyPlan:
    """One pool of the busiest process; with a pooler, the one pool of the whole service. Raises UsageError where the
    recommendation has none, or does not keep what it was made from."""
    deployment, goal = answer.deployment, answer.inputs.get("p99_wait_s")
    if deployment is None or not {"hold_s", "rate_per_s"} <= answer.inputs.keys():
        raise UsageError("The recommendation does not say for which load it was made.")
    hold, is_pooler = _hold(answer), kind_of(pool).is_pooler
    rate_per_s = answer.inputs["rate_per_s"].value
    return VerifyPlan(
        pool=pool,
        settings=_pooler(answer) if is_pooler else _own(answer),
        load=_load(rate_per_s, deployment, hold, is_shared=is_pooler),
        hold=hold,
        duration_s=duration_s,
        goal_p99_wait_s=goal.value if goal else None,
        seed=seed,
    )


def _own(answer: Recommendation) -> Settings:
    if answer.settings is None:
        raise UsageError("The recommendation is a no without settings: there is no pool to run.")
    return answer.settings


def _pooler(answer: Recommendation) -> Settings:
    if answer.scope is None:
        raise UsageError("The recommendation has no shared pooler: give --pool-size and the load.")
    pooler = answer.scope.pooler
    return Settings(pool_size=pooler.default_pool_size, max_overflow=0, pool_timeout_s=pooler.query_wait_timeout_s)


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


def _load(rate_per_s: float, deployment: Deployment, hold: Hold, *, is_shared: bool) -> Open | Closed:
    """Of the whole service, or of one pool; threads are a finite source."""
    pools = deployment.instances * deployment.processes * deployment.pools
    mine_per_s = rate_per_s if is_shared else rate_per_s / pools * deployment.skew
    if deployment.threads is None:
        return Open(mine_per_s)
    processes = deployment.instances * deployment.processes if is_shared else 1
    sources = processes * deployment.threads * deployment.checkouts_per_request
    think_s = sources / mine_per_s - hold.mean_s
    if think_s <= 0.0:
        raise WorkloadError("The threads cannot make so many checkouts, whatever their pool.")
    return Closed(sources, think_s)
