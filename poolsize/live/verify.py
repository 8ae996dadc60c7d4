"""A pool run for real, beside what is predicted of it.

found = verify(target, plan)
[(row.metric, row.predicted, row.measured, row.inside) for row in found.rows]
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from poolsize._version import __version__
from poolsize.datatypes import Quantity
from poolsize.datatypes.verify import Verification
from poolsize.dsn import Dsn
from poolsize.live.verify_compare import Measurement, compared
from poolsize.live.verify_drive import Driven, Progress, driven
from poolsize.live.verify_installed import version_of
from poolsize.live.verify_plan import VerifyPlan
from poolsize.queueing import Closed, Open

FEWEST: Final = 30
"""Requests without which no figure is given: the batches would have next to none each."""


def verify(
    dsn: Dsn,
    plan: VerifyPlan,
    *,
    allow_writes: bool = False,
    interrupts: tuple[type[BaseException], ...] = (KeyboardInterrupt,),
    on_progress: Progress | None = None,
) -> Verification:
    """Run the pool of the plan under its load, and compare. It takes the connections of `plan.connections` and two of
    its own; whoever calls has asked whether it may.

    An exception of `interrupts` in the main thread ends the run early, as a server that goes away or suffers does: the
    document then says so in `stopped`, with the figures so far. Raises UsageError for what cannot be run,
    MissingDriverError for a pool that is not installed, and DatabaseError where the pool cannot be opened.
    """
    told = on_progress or (lambda _what, _share: None)
    run = driven(dsn, plan, allow_writes=allow_writes, interrupts=interrupts, on_progress=told)
    told("predicting", 1.0)
    return document_of(run)


def document_of(run: Driven) -> Verification:
    """What came of it, with the figures where there was enough to see."""
    document, seen = _document(run), run.measured
    if seen is None or seen.count < FEWEST or not len(seen.served_holds_s):
        return document
    return compared(document, run.plan, Measurement(seen, run.sessions, run.errors, run.took_s, run.ceiling))


def _document(run: Driven) -> Verification:
    plan = run.plan
    return Verification(
        poolsize_version=__version__,
        made_at=datetime.now(UTC).isoformat(timespec="seconds"),
        target=run.target,
        pool=plan.pool,
        pool_version=version_of(plan.kind),
        settings=plan.settings,
        inputs=_inputs(plan),
        hold_law=plan.hold.law_name,
        work=plan.statement or "",
        is_sleep=plan.statement is None,
        duration_s=plan.duration_s,
        warm_up_s=plan.warm_up_s,
        stopped=run.stopped,
    )


def _inputs(plan: VerifyPlan) -> dict[str, Quantity]:
    load, hold = plan.load, plan.hold
    stated: dict[str, float] = {"hold_s": hold.mean_s, "hold_scv": hold.scv}
    if isinstance(load, Open):
        stated["rate_per_s"] = load.rate_per_s
    elif isinstance(load, Closed):
        stated |= {"threads": load.threads, "think_s": load.think_s}
    else:
        stated |= {"recorded_requests": len(load.arrivals_s), "recorded_s": load.arrivals_s[-1]}
    return {name: Quantity(value=value, origin="stated") for name, value in stated.items()}
