"""What a simulation showed of a pool, as factors on the model's shares: all that follows from the decision, such as the
ranges over which it holds, then starts from the size that the simulation found."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Final

from poolsize.recommend.bench import Bench
from poolsize.recommend.choice import LATE_SHARE
from poolsize.recommend.decision import Decision, decide
from poolsize.recommend.pool_load import LOST_SHARE, UNCORRECTED, Correction

_ROUNDING: Final = 1e-9
"""So that a share that is to be above a limit, or not above it, is so after rounding."""


def corrected(decision: Decision, bench: Bench, needed: int) -> Decision:
    """Decided again, so that the model passes the size that the simulation found, and none below."""
    found = decide(replace(decision.situation, correction=_correction(decision, bench, needed)), near=needed)
    if found.needed >= needed:
        return found
    least = found.situation.correction._replace(least=needed)
    return decide(replace(found.situation, correction=least), near=needed)


def _correction(decision: Decision, bench: Bench, needed: int) -> Correction:
    pool, goal_s = replace(decision.pool, correction=UNCORRECTED), decision.situation.goal.p99_wait_s.value
    here, below = pool.solve(needed), pool.solve(max(needed - 1, 1))
    size = next((size for size in bench.sizes if size.capacity == needed - 1), None)
    if size is None:  # then the model was believed of it
        loses, is_late = pool.lost(below) > LOST_SHARE, pool.late(below, goal_s) > LATE_SHARE
    else:
        loses = size.lost_share > LOST_SHARE
        is_late = size.meets_goal is not True and not loses
    late, lost = (0.0, 0.0) if pool.is_unwaited(needed) else (bench.late(needed).value or 0.0, bench.lost(needed))
    return decision.pool.correction._replace(
        late=_factor(pool.late(here, goal_s), pool.late(below, goal_s) if is_late else None, late, LATE_SHARE),
        lost=_factor(pool.lost(here), pool.lost(below) if loses else None, max(lost, 0.0), LOST_SHARE),
    )


def _factor(here: float, below: float | None, simulated: float, most_share: float) -> float:
    """What takes the model's share `here` to the simulated one, as far as it then passes, and `below` does not."""
    least = most_share / below * (1.0 + _ROUNDING) if below else 0.0
    wanted, most = (simulated / here, most_share / here * (1.0 - _ROUNDING)) if here > 0.0 else (1.0, math.inf)
    return min(max(wanted, least), most)
