"""One situation decided: settings, worst case, what binds, verdict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from poolsize.datatypes import Layer, LimitCheck, Predicted, Settings, Verdict
from poolsize.queueing import openings
from poolsize.recommend.choice import Choice, capacity_for, holds_up_to, meets, nearest, settle
from poolsize.recommend.database_limits import database_checks
from poolsize.recommend.lifetime import pre_ping, recycle_s
from poolsize.recommend.limits import WRITER_LAYER, binding, held_against, layers_of, most_that_fit, writer_checks
from poolsize.recommend.pool_load import PoolLoad, pool_load
from poolsize.recommend.shared import pooler_checks
from poolsize.recommend.situation import Situation

if TYPE_CHECKING:
    from poolsize.simulate.simulated import Simulated

MODELLED_BELOW: Final = 1e-4
"""Of a rarer timeout a simulation sees too few, and the model has them to full precision."""


@dataclass(frozen=True)
class Decision:
    """What was decided and from what."""

    situation: Situation
    pool: PoolLoad
    layers: tuple[Layer, ...]
    needed: int
    """The capacity that meets the goal, whatever the limits."""
    capacity: int | None
    """The best that fits; None when not even one connection per pool does."""
    fixed_checks: tuple[LimitCheck, ...]
    """Limits that no capacity of the pools changes: a pooler's server connections, SQLite's writer."""
    verdict: Verdict
    simulated: Mapping[int, Simulated] = field(default_factory=dict)
    """By capacity, where it was simulated with the timeout of the answer."""

    @cached_property
    def choice(self) -> Choice | None:
        """That capacity with its timeout and kept connections. Found when asked for, since most decisions are made
        only to see whether another is the same."""
        return self.at(self.capacity) if self.capacity is not None else None

    @property
    def nobody_waits(self) -> bool:
        """Each thread has a connection of its own, so that there is nothing to wait for but the request itself."""
        return self.verdict != "misses_goal" and self.capacity is not None and self.pool.is_unwaited(self.capacity)

    def at(self, capacity: int, *, timeout_s: float | None = None) -> Choice:
        """Any capacity, settled; with that timeout, or its own."""
        return settle(self.pool, self.situation.goal, self.situation.connect_s.value, capacity, timeout_s=timeout_s)

    def kept_at(self, capacity: int, timeout_s: float, pool_size: int) -> Choice:
        """A capacity with a timeout and kept connections that somebody else chose."""
        wait = self.pool.solve(capacity, timeout_s)
        opens_per_s = openings(self.pool.load, self.pool.hold, capacity, wait)(pool_size)
        return Choice(capacity, timeout_s, pool_size, replace(wait, opens_per_s=opens_per_s))

    def verdict_at(self, capacity: int, worst_case: int) -> Verdict:
        """Of another capacity, which takes so many connections in the worst case."""
        is_met = meets(self.pool, self.situation.goal, capacity)
        within_limits = all(layer.available >= worst_case for layer in self.layers)
        return _verdict(self.situation, self.fixed_checks, is_met=is_met, within_limits=within_limits)

    @property
    def summed(self) -> int:
        """The capacity whose worst case is held against the limits: the one that fits, or what would meet the goal."""
        return self.capacity if self.capacity is not None and self.verdict == "fits" else self.needed

    @property
    def checks(self) -> tuple[LimitCheck, ...]:
        """The worst case of the settings, or where they were cut down to fit, of what meets the goal."""
        held = held_against(self.layers, self.situation.deployment, self.summed)
        return (*held, *self.fixed_checks, *database_checks(self.situation, self.pool, self.summed))

    @property
    def binding(self) -> LimitCheck | None:
        return binding(self.checks)

    @property
    def worst_case(self) -> int | None:
        return self.situation.deployment.worst_case(self.capacity) if self.capacity is not None else None

    @property
    def settings(self) -> Settings | None:
        return settings_of(self.choice, self.situation) if self.choice else None


def decide(situation: Situation, *, near: int | None = None) -> Decision:
    """`near` is a capacity that may well be the answer, where a like situation was decided before.

    Raises WorkloadError when the threads cannot make so many checkouts.
    """
    deployment = situation.deployment
    pool = pool_load(situation.workload, deployment, usl=situation.usl, correction=situation.correction)
    pool = replace(pool, is_recorded=situation.request.trace is not None)
    layers = layers_of(situation)
    room = most_that_fit(layers, deployment)
    needed = capacity_for(pool, situation.goal, near=near)
    # Without a slow-down so many connections meet any goal; with one perhaps no number does.
    is_met = pool.usl is None or meets(pool, situation.goal, needed)
    if not is_met:
        needed = nearest(pool, situation.goal, needed)
    fits = room is None or needed <= room
    capacity = needed if fits else (_best_within(pool, situation, room) if room else None)
    fixed = (*pooler_checks(situation), *writer_checks(situation))
    # Nobody stated an assumed workload, so that there only no room at all is a no.
    within_limits = capacity is not None if situation.only_assumed else fits
    verdict = _verdict(situation, fixed, is_met=is_met, within_limits=within_limits)
    return Decision(situation, pool, layers, needed, capacity, fixed, verdict)


def _best_within(pool: PoolLoad, situation: Situation, room: int) -> int:
    """As many as fit. Where so few can stall whatever their number, no more than are waited for by the load itself:
    what prevents the stall is another remedy, which needs no more."""
    if room >= pool.stalls_below:
        return room
    return min(room, capacity_for(pool.without_stall(), situation.goal))


def _verdict(situation: Situation, fixed: tuple[LimitCheck, ...], *, is_met: bool, within_limits: bool) -> Verdict:
    broken = {check.name for check in fixed if check.margin < 0}
    if situation.only_assumed:
        return "fits" if within_limits else "does_not_fit"
    if WRITER_LAYER in broken or not is_met:
        return "misses_goal"
    return "fits" if within_limits and not broken else "does_not_fit"


def settings_of(choice: Choice, situation: Situation) -> Settings:
    """In SQLAlchemy's words."""
    return Settings(
        pool_size=choice.pool_size,
        max_overflow=choice.capacity - choice.pool_size,
        pool_timeout_s=choice.pool_timeout_s,
        pool_recycle_s=recycle_s(situation.facts),
        pool_pre_ping=pre_ping(situation.facts, situation.workload.hold_s.value),
    )


def predicted_of(
    choice: Choice,
    pool: PoolLoad,
    situation: Situation,
    *,
    pools: float | None = None,
    simulated: Simulated | None = None,
) -> Predicted:
    """For the busiest pool, of `pools` equal ones (None: the deployment's) in all. `simulated` is the same pool, whose
    waits are shown where the model is not exact.

    From assumed numbers, no wait: only the rate that is carried.
    """
    deployment = situation.deployment
    pools = deployment.steady_pools / deployment.skew if pools is None else pools
    # A pool that can stall is judged by what it makes requests wait for while it does not.
    up_to = holds_up_to(pool.without_stall(), situation.goal, choice.capacity) * pools
    limited_by: Literal["goal", "threads"] = "threads" if choice.capacity == pool.ceiling else "goal"
    wait = choice.wait
    if situation.assumed_workload:
        return Predicted(holds_up_to_per_s=up_to, limited_by=limited_by, method=wait.method)
    modelled = Predicted(
        utilization=wait.utilization,
        wait_probability=wait.wait_probability,
        mean_wait_s=wait.mean_wait_s,
        p50_wait_s=wait.quantile(0.50),
        p95_wait_s=wait.quantile(0.95),
        p99_wait_s=wait.quantile(0.99),
        timeout_probability=wait.timeout_probability,
        opens_per_s=wait.opens_per_s,
        holds_up_to_per_s=up_to,
        limited_by=limited_by,
        method=wait.method,
    )
    return modelled if simulated is None or pool.is_exact else _as_simulated(modelled, simulated)


def _as_simulated(modelled: Predicted, simulated: Simulated) -> Predicted:
    timeouts = simulated.timeout_probability
    return msgspec.structs.replace(
        modelled,
        wait_probability=simulated.wait_probability,
        mean_wait_s=simulated.mean_wait_s,
        p50_wait_s=simulated.quantile(0.50),
        p95_wait_s=simulated.quantile(0.95),
        p99_wait_s=simulated.quantile(0.99),
        timeout_probability=timeouts if timeouts >= MODELLED_BELOW else modelled.timeout_probability,
        method=f"{simulated.method}; timeouts rarer than 1 in 10,000, and rates, by {modelled.method}",
    )
