"""Drive the pool of a plan, watched over, and keep what was seen."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from poolsize.datatypes import Stopped, Trace
from poolsize.datatypes.ceiling import ClientCeiling
from poolsize.dsn import Dsn
from poolsize.errors import DatabaseError, PoolsizeError
from poolsize.live.ceiling import ceiling_of
from poolsize.live.guard import Guard
from poolsize.live.target import Target, target_of
from poolsize.live.verify_installed import check_installed
from poolsize.live.verify_order import order_of, reach_of
from poolsize.live.verify_plan import VerifyPlan, checked
from poolsize.live.verify_run import Run
from poolsize.live.verify_sessions import SessionCount
from poolsize.live.verify_visits import Requests, requests_of

Progress = Callable[[str, float], None]
_LOOK_S: Final = 0.2


@dataclass(frozen=True, eq=False)
class Driven:
    """A run that has ended."""

    plan: VerifyPlan
    target: str
    """The DSN with its password masked."""
    requests: Requests | None
    """All of them, from the first on; None: the pool was not opened."""
    took_s: tuple[float, ...]
    """What opening each connection took, the first ones too."""
    errors: int
    sessions: int | None
    """The most connections of the pool that the server had at once; None: could not be counted."""
    ceiling: ClientCeiling
    """What this client can do by itself."""
    stopped: Stopped | None

    @property
    def measured(self) -> Requests | None:
        """After the warm-up, until requests were no longer made."""
        seen, plan = self.requests, self.plan
        if seen is None or not seen.count:
            return None
        end_s = plan.warm_up_s + plan.duration_s
        if self.stopped is not None or isinstance(plan.load, Trace):
            end_s = min(math.nextafter(float(seen.asked_s[-1]), math.inf), end_s)  # the last one counts
        return seen.within(plan.warm_up_s, end_s)


def driven(
    dsn: Dsn,
    plan: VerifyPlan,
    *,
    allow_writes: bool = False,
    interrupts: tuple[type[BaseException], ...] = (KeyboardInterrupt,),
    on_progress: Progress,
) -> Driven:
    """See `poolsize.live.verify.verify`."""
    plan = checked(plan, dsn.dialect)
    check_installed(plan.kind)
    target = target_of(dsn, reach_of(plan, allow_writes=allow_writes))
    on_progress("measuring this client", 0.0)
    server_version, ceiling = _looked_at(target)
    order = order_of(plan, target, server_version)
    with Guard(target, interrupts=interrupts) as guard:
        run = Run(plan, order, guard.stop, lambda: guard.done(1), lambda error: guard.failed(_explained(error, target)))
        sessions = SessionCount(target, guard.stop)
        _watched(run, sessions, guard, plan, on_progress)
    run.join()
    sessions.join()
    failure = run.failure or (None if run.log.visits else run.log.last_error)  # not one request came through
    if failure is not None and guard.stopped is None:
        raise _explained(failure, target) if isinstance(failure, Exception) else failure
    return _driven(plan, target, run, sessions, ceiling, guard.stopped)


def _driven(
    plan: VerifyPlan,
    target: Target,
    run: Run,
    sessions: SessionCount,
    ceiling: ClientCeiling,
    stopped: Stopped | None,
) -> Driven:
    book, is_pooler = run.book, plan.kind.is_pooler
    # PgBouncer ends a wait when its janitor looks, the others at the timeout itself.
    timeout_s = None if is_pooler else plan.settings.pool_timeout_s
    total_s = plan.warm_up_s + plan.duration_s
    return Driven(
        plan=plan,
        target=target.dsn.masked,
        requests=None if book is None else requests_of(run.log, book, timeout_s, total_s),
        took_s=tuple(book.took_s) if book else (),
        errors=run.log.errors,
        # PgBouncer closes none within a run, so that those that were seen were there at once.
        sessions=len(book.sessions) if is_pooler and book else sessions.highest,
        ceiling=ceiling,
        stopped=stopped,
    )


def _watched(run: Run, sessions: SessionCount, guard: Guard, plan: VerifyPlan, told: Progress) -> None:
    """In the main thread, until the load has ended or must."""
    seconds = plan.warm_up_s + plan.duration_s
    run.start()
    while run.is_under_way and not guard.wait(_LOOK_S):
        if run.book is None:
            told("opening the pool", 0.0)
            continue
        if not plan.kind.is_pooler:
            sessions.count(run.book)
        told(f"{plan.pool} under load", min(run.elapsed_s / seconds, 1.0))


def _looked_at(target: Target) -> tuple[int, ClientCeiling]:
    """The server's version as libpq has it, 0 of others; and what this client can do before the load."""
    connection: Any = target.connect()
    try:
        is_postgresql = target.dsn.dialect == "postgresql"
        version = int(connection.info.server_version) if is_postgresql else 0
        return version, ceiling_of(lambda: target.run(connection, "SELECT 1"))
    finally:
        target.close(connection)


def _explained(error: Exception, target: Target) -> PoolsizeError:
    """A library wraps what the driver says."""
    cause = error.__cause__ if isinstance(error.__cause__, Exception) else error
    try:
        return target.explain(cause)
    except Exception:  # what the target cannot read is the library's own
        return DatabaseError(target.dsn.mask(f"The pool failed: {str(cause).rstrip('.')}."))
