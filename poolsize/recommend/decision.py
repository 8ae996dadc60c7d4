"""One situation decided: settings, worst case, what binds, verdict."""

from __future__ import annotations

from dataclasses import dataclass

from poolsize.datatypes import Layer, LimitCheck, Predicted, Settings, Verdict
from poolsize.recommend.choice import Choice, choose, holds_up_to, settle
from poolsize.recommend.lifetime import pre_ping, recycle_s
from poolsize.recommend.limits import WRITER_LAYER, binding, held_against, layers_of, most_that_fit, writer_checks
from poolsize.recommend.pool_load import PoolLoad, pool_load
from poolsize.recommend.shared import pooler_checks
from poolsize.recommend.situation import Situation


@dataclass(frozen=True)
class Decision:
    """What was decided and from what."""

    situation: Situation
    pool: PoolLoad
    layers: tuple[Layer, ...]
    needed: int
    """The capacity that meets the goal, whatever the limits."""
    choice: Choice | None
    """The best that fits; None when not even one connection per pool does."""
    fixed_checks: tuple[LimitCheck, ...]
    """Limits that no capacity of the pools changes: a pooler's server connections, SQLite's writer."""
    verdict: Verdict

    @property
    def checks(self) -> tuple[LimitCheck, ...]:
        """The worst case of the settings, or where they were cut down to fit, of what meets the goal."""
        capacity = self.choice.capacity if self.choice and self.verdict == "fits" else self.needed
        return (*held_against(self.layers, self.situation.deployment, capacity), *self.fixed_checks)

    @property
    def binding(self) -> LimitCheck | None:
        return binding(self.checks)

    @property
    def worst_case(self) -> int | None:
        return self.situation.deployment.worst_case(self.choice.capacity) if self.choice else None

    @property
    def settings(self) -> Settings | None:
        return settings_of(self.choice, self.situation) if self.choice else None


def decide(situation: Situation) -> Decision:
    """Raises WorkloadError when the threads cannot make so many checkouts."""
    pool = pool_load(situation.workload, situation.deployment)
    layers = layers_of(situation)
    room = most_that_fit(layers, situation.deployment)
    wanted = _wanted(pool, situation)
    fits = room is None or wanted.capacity <= room
    choice = wanted if fits else _best_within(pool, situation, room or 0)
    fixed = (*pooler_checks(situation), *writer_checks(situation))
    return Decision(
        situation, pool, layers, wanted.capacity, choice, fixed, _verdict(situation, choice, fixed, fits=fits)
    )


def _verdict(situation: Situation, choice: Choice | None, fixed: tuple[LimitCheck, ...], *, fits: bool) -> Verdict:
    if situation.assumed_workload:  # nobody stated it, so only no room at all is a no
        return "fits" if choice else "does_not_fit"
    broken = {check.name for check in fixed if check.margin < 0}
    if WRITER_LAYER in broken:
        return "misses_goal"
    return "fits" if fits and not broken else "does_not_fit"


def _wanted(pool: PoolLoad, situation: Situation) -> Choice:
    """What meets the goal. Where a finished request needs a thread to give its connection back, fewer connections
    than threads can stall, so that there it is one for each."""
    if situation.deployment.release_needs_thread and pool.ceiling is not None:
        return settle(pool, situation.goal, situation.connect_s.value, pool.ceiling)
    return choose(pool, situation.goal, situation.connect_s.value)


def _best_within(pool: PoolLoad, situation: Situation, room: int) -> Choice | None:
    if room < 1:
        return None
    return settle(pool, situation.goal, situation.connect_s.value, room)


def settings_of(choice: Choice, situation: Situation) -> Settings:
    """In SQLAlchemy's words."""
    return Settings(
        pool_size=choice.pool_size,
        max_overflow=choice.capacity - choice.pool_size,
        pool_timeout_s=choice.pool_timeout_s,
        pool_recycle_s=recycle_s(situation.facts),
        pool_pre_ping=pre_ping(situation.facts, situation.workload.hold_s.value),
    )


def predicted_of(choice: Choice, pool: PoolLoad, situation: Situation, *, pools: float | None = None) -> Predicted:
    """For the busiest pool, of `pools` equal ones (None: the deployment's) in all.

    From assumed numbers, no wait: only the rate that is carried.
    """
    deployment = situation.deployment
    pools = deployment.steady_pools / deployment.skew if pools is None else pools
    up_to = holds_up_to(pool, situation.goal, choice.capacity) * pools
    wait = choice.wait
    if situation.assumed_workload:
        return Predicted(holds_up_to_per_s=up_to, method=wait.method)
    return Predicted(
        utilization=wait.utilization,
        wait_probability=wait.wait_probability,
        mean_wait_s=wait.mean_wait_s,
        p50_wait_s=wait.quantile(0.50),
        p95_wait_s=wait.quantile(0.95),
        p99_wait_s=wait.quantile(0.99),
        timeout_probability=wait.timeout_probability,
        opens_per_s=wait.opens_per_s,
        holds_up_to_per_s=up_to,
        method=wait.method,
    )
