"""How fine the client of a run can see, and what it cannot do by itself."""

from __future__ import annotations

import time
from typing import Final

import numpy as np

from poolsize.datatypes.ceiling import ClientCeiling
from poolsize.datatypes.verify import Senses
from poolsize.live.ceiling import is_beyond
from poolsize.live.pools.pool import clock
from poolsize.live.verify_visits import Floats, Requests

_READINGS: Final = 1000
"""A millisecond's worth."""
OVERLOADED: Final = 0.25
"""Of the mean hold: where requests ask, or go on, later than that on average, the client makes a queue of its own,
which no pool is to blame for."""
_STEPS: Final = 2.0
"""A time is read from the clock twice, and each reading is off by up to a step."""


def senses_of(seen: Requests, ceiling: ClientCeiling) -> Senses:
    """From what the client could do before the run, and how late its threads woke up in it."""
    delay, handover = seen.delay_s, seen.handover_s[~seen.is_late]
    clock_s = clock_step_s()
    hold_s = float(seen.served_holds_s.mean())
    added_s = float(delay.mean()) + float(handover.mean())
    return Senses(
        clock_s=clock_s,
        delay_p50_s=_at(delay, 0.5),
        delay_p99_s=_at(delay, 0.99),
        handover_p50_s=_at(handover, 0.5),
        handover_p99_s=_at(handover, 0.99),
        sees_from_s=max(_STEPS * clock_s, float(handover.mean())),
        ceiling_per_s=ceiling.operations_per_s,
        is_overloaded=added_s > OVERLOADED * hold_s or is_beyond(seen.rate_per_s, ceiling),
    )


def clock_step_s() -> float:
    """The smallest difference between two readings, or what the clock says of itself."""
    readings = np.array([clock() for _ in range(_READINGS)])
    steps = np.diff(readings)
    return max(float(np.median(steps[steps > 0.0])), time.get_clock_info("perf_counter").resolution)


def _at(values: Floats, q: float) -> float:
    return float(np.quantile(values, q)) if len(values) else 0.0
