"""What is to be verified: one pool, its load, and for how long."""

from __future__ import annotations

import math
from typing import Final

from msgspec import Struct

from poolsize.datatypes import Settings, Trace
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
