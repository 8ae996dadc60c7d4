"""The pool and the load that the options of `poolsize verify` describe."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from msgspec.structs import replace

from poolsize.cli.recommended import last_recommendation, read_recommendation
from poolsize.cli.simulated_load import LoadOptions, load_of
from poolsize.datatypes import Recommendation, Settings
from poolsize.errors import UsageError, WorkloadError
from poolsize.simulate.semantics import semantics_of

if TYPE_CHECKING:
    from poolsize.live.verify_plan import VerifyPlan


@dataclass(frozen=True, kw_only=True)
class VerifyOptions:
    """As they were typed, in base units; None: not at all."""

    pool: str
    pool_size: int | None
    max_overflow: int | None
    timeout_s: float | None
    goal_s: float | None
    statement: str | None
    duration_s: float
    seed: int
    load: LoadOptions

    @property
    def states_load(self) -> bool:
        return any(getattr(self.load, field.name) is not None for field in fields(self.load))


def recommendation_for(options: VerifyOptions, source: str | None, *, refine: bool) -> Recommendation | None:
    """The one that is verified; None where the load is stated instead."""
    if options.states_load:
        if source is not None:
            raise UsageError("--from has the load: give no --rate, --threads, --hold or --trace beside it.")
        if refine:
            raise UsageError("--refine asks for a recommendation: make one with `poolsize recommend`, and verify that.")
        return None
    return read_recommendation(source) if source is not None else last_recommendation("to verify")


def plan_for(options: VerifyOptions, answer: Recommendation | None) -> VerifyPlan:
    """What is run. Raises UsageError for options that are missing or contradict each other, WorkloadError for numbers
    that no workload has."""
    from poolsize.live.verify_plan import VerifyPlan  # here: it loads numpy
    from poolsize.live.verify_recommended import plan_of

    if answer is not None:
        plan = plan_of(answer, pool=options.pool, duration_s=options.duration_s, seed=options.seed)
    else:
        try:
            load, hold = load_of(options.load)
        except ValueError as error:
            raise WorkloadError(f"This cannot be run: {str(error).rstrip('.')}.") from None
        plan = VerifyPlan(
            pool=options.pool,
            settings=_usual(options),
            load=load,
            hold=hold,
            duration_s=options.duration_s,
            seed=options.seed,
        )
    goal_s = plan.goal_p99_wait_s if options.goal_s is None else options.goal_s
    return replace(
        plan, settings=_settings(options, plan.settings), statement=options.statement, goal_p99_wait_s=goal_s
    )


def _usual(options: VerifyOptions) -> Settings:
    """This kind of pool's own; where its size is said, without overflow."""
    kind = semantics_of(options.pool)
    kept = kind.pool_size or kind.capacity
    over = 0 if options.pool_size is not None else kind.capacity - kept
    return Settings(pool_size=kept, max_overflow=over, pool_timeout_s=kind.timeout_s)


def _settings(options: VerifyOptions, known: Settings) -> Settings:
    """With what was typed."""
    stated = {
        "pool_size": options.pool_size,
        "max_overflow": options.max_overflow,
        "pool_timeout_s": options.timeout_s,
    }
    return replace(known, **{name: value for name, value in stated.items() if value is not None})
