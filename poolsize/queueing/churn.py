"""Overflow connections opened per second, by the semantics of SQLAlchemy's QueuePool."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

_RESCALE_ABOVE: Final = 1e200


def opens_per_s(births: Sequence[float], deaths: Sequence[float], log_empty: float, pool_size: int) -> float:
    """Connections opened per second by a pool that keeps up to `pool_size` >= 1 idle ones.

    `births`[b] and `deaths`[b]: rates out of b busy connections, b = 0..C-1, 1/s (deaths[0] is 0); C is the
    capacity. `log_empty` = ln P(no connection busy).

    A returned connection is closed only if pool_size are idle already, so the open connections k follow the busy
    ones b like a play (backlash) of that width, and one is opened only when all k are busy and k < C. With u_k the
    rate of going from k to k + 1, T_top and T_bottom the probabilities that b leaves the window [k - pool_size, k]
    by its top, having started at its top or bottom:

        u_k (1 - T_bottom(k)) = u_(k-1) T_top(k),   and the opening rate is the sum of u_k, k = pool_size..C-1.

    Exact for the chain. The connections are SQLAlchemy's after its start, when it has reached pool_size.
    """
    capacity = len(births)
    if pool_size >= capacity:
        return 0.0
    rate = _rate_above_kept(births, deaths, log_empty, pool_size)
    total = rate
    for k in range(pool_size + 1, capacity):
        top, bottom = _leaves_by_top(births, deaths, k - pool_size, k)
        rate *= top / (1.0 - bottom)
        total += rate
    return total


def _leaves_by_top(births: Sequence[float], deaths: Sequence[float], low: int, high: int) -> tuple[float, float]:
    """P(b goes above `high` before it goes below `low`), started at `high` and at `low`."""
    upward, product = 0.0, 1.0
    for b in range(low, high + 1):
        upward = births[b] / (births[b] + deaths[b] * (1.0 - upward))
        product *= upward
    return upward, product


def _rate_above_kept(births: Sequence[float], deaths: Sequence[float], log_empty: float, pool_size: int) -> float:
    """u at k = pool_size: P(0 busy) over the mean time in 0 per opening, scaled so that nothing overflows."""
    unit, log_scale = 1.0, 0.0
    time = 1.0 / births[pool_size]
    for b in range(pool_size - 1, -1, -1):
        time = (unit + deaths[b + 1] * time) / births[b]
        if time > _RESCALE_ABOVE:
            time, unit, log_scale = time / _RESCALE_ABOVE, unit / _RESCALE_ABOVE, log_scale + math.log(_RESCALE_ABOVE)
    return math.exp(log_empty - log_scale - math.log(time))
