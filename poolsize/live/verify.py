"""A pool run for real, beside what is predicted of it.

found = verify(target, plan)
[(row.metric, row.predicted, row.measured, row.inside) for row in found.rows]
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

from poolsize._version import __version__
from poolsize.datatypes import Quantity, Stopped, Trace
from poolsize.datatypes.verify import Verification
from poolsize.dsn import Dsn
from poolsize.errors import DatabaseError, PoolsizeError
from poolsize.live.guard import Guard
from poolsize.live.target import Target, target_of
from poolsize.live.verify_compare import Measurement, compared
from poolsize.live.verify_installed import check_installed, version_of
from poolsize.live.verify_order import order_of, reach_of
from poolsize.live.verify_plan import VerifyPlan, checked
from poolsize.live.verify_run import Run
from poolsize.live.verify_sessions import SessionCount
from poolsize.live.verify_visits import Requests, requests_of
from poolsize.queueing import Closed, Open

Progress = Callable[[str, float], None]
_LOOK_S: Final = 0.2
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
    plan = checked(plan, dsn.dialect)
    check_installed(plan.kind)
    target = target_of(dsn, reach_of(plan, allow_writes=allow_writes))
    version = _server_version(target)
    with Guard(target, interrupts=interrupts) as guard:
        run = Run(
            plan,
            order_of(plan, target, version),
            guard.stop,
            lambda: guard.done(1),
            lambda error: guard.failed(target.explain(error)),
        )
        sessions = SessionCount(target, guard.stop)
        _watched(run, sessions, guard, plan, told)
    run.join()
    if run.failure is not None and guard.stopped is None:
        raise _explained(run.failure, target)
    sessions.join()
    document = _document(plan, target, guard.stopped)
    is_whole = guard.stopped is None and not isinstance(plan.load, Trace)
    seen = _measured(run, plan, is_whole=is_whole)
    if seen is None:
        return document
    told("predicting", 1.0)
    measurement = Measurement(seen, _sessions(run, sessions, plan), run.log.errors, run.book.took_s if run.book else [])
    return compared(document, plan, measurement)


def _watched(run: Run, sessions: SessionCount, guard: Guard, plan: VerifyPlan, told: Progress) -> None:
    """In the main thread, until the load has ended or must."""
    seconds = plan.warm_up_s + plan.duration_s
    run.start()
    is_counted = False
    while run.is_under_way and not guard.wait(_LOOK_S):
        if run.book is None:
            told("opening the pool", 0.0)
            continue
        if not is_counted and not plan.kind.is_pooler:
            is_counted, sessions.book = True, run.book
            sessions.start()
        told(f"{plan.pool} under load", min(run.elapsed_s / seconds, 1.0))


def _measured(run: Run, plan: VerifyPlan, *, is_whole: bool) -> Requests | None:
    """After the warm-up; None where too little was seen."""
    if run.book is None:
        return None
    total_s = plan.warm_up_s + plan.duration_s
    # PgBouncer ends a wait when its janitor looks, the others at the timeout itself.
    timeout_s = None if plan.kind.is_pooler else plan.settings.pool_timeout_s
    seen = requests_of(run.log, run.book, timeout_s, total_s)
    if not is_whole and seen.count:  # nothing came after the last one, though time went on
        total_s = min(float(seen.asked_s[-1]), total_s)
    seen = seen.within(plan.warm_up_s, total_s)
    return seen if seen.count >= FEWEST and len(seen.served_holds_s) else None


def _sessions(run: Run, sessions: SessionCount, plan: VerifyPlan) -> int | None:
    """PgBouncer closes none within a run, so that those that were seen were there at once."""
    return len(run.book.sessions) if plan.kind.is_pooler and run.book else sessions.highest


def _server_version(target: Target) -> int:
    """As libpq has it; 0 of others."""
    if target.dsn.dialect != "postgresql":
        return 0
    connection: Any = target.connect()
    try:
        return int(connection.info.server_version)
    finally:
        target.close(connection)


def _explained(error: BaseException, target: Target) -> BaseException:
    if isinstance(error, PoolsizeError) or not isinstance(error, Exception):
        return error
    cause = error.__cause__ if isinstance(error.__cause__, Exception) else error
    try:
        return target.explain(cause)
    except Exception:
        return DatabaseError(target.dsn.mask(f"The pool could not be opened: {cause}."))


def _document(plan: VerifyPlan, target: Target, stopped: Stopped | None) -> Verification:
    return Verification(
        poolsize_version=__version__,
        made_at=datetime.now(UTC).isoformat(timespec="seconds"),
        target=target.dsn.masked,
        pool=plan.pool,
        pool_version=version_of(plan.kind),
        settings=plan.settings,
        inputs=_inputs(plan),
        hold_law=plan.hold.law_name,
        work=plan.statement or "",
        is_sleep=plan.statement is None,
        duration_s=plan.duration_s,
        warm_up_s=plan.warm_up_s,
        stopped=stopped,
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
