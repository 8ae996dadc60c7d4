"""The Poisson law for many means at once: rows j = 0..count, a column a mean."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from poolsize.queueing.floats import Floats
from poolsize.queueing.poisson import steps_to_forget, stirling_error

_ROOT: Final = math.sqrt(2.0 * math.pi)
_TINY: Final = 1e-290
"""Below this a double has fewer digits."""


def masses(count: int, x: Floats) -> Floats:
    """Pr(Poisson(x) = j), by Stirling's formula as for one mean. `x` > 0, finite."""
    j = np.arange(1.0, count + 1.0)[:, None]
    errors = np.array([stirling_error(i) for i in range(1, count + 1)])[:, None]
    away = x - j
    with np.errstate(under="ignore"):
        near = np.log1p(np.maximum(away / j, -0.5))
        ratio = np.where(x > 0.5 * j, near, np.log(x / j))
        rows = np.exp(j * ratio - away - errors) / (_ROOT * np.sqrt(j))
        found: Floats = np.concatenate([np.exp(-x)[None, :], rows])
    return found


def reversed_hazards(count: int, x: Floats) -> Floats:
    """g_j = Pr(Poisson(x) = j) / Pr(Poisson(x) >= j); 0 for an infinite x. By the recursion from above where x is at
    most `count`, else from the sum of the mass below."""
    hazards = np.zeros((count + 1, len(x)))
    low, high = x <= count, (x > count) & (x < np.inf)
    if low.any():
        hazards[:, low] = _from_above(count, x[low])
    if high.any():
        mass = masses(count, x[high])
        below = np.concatenate([np.zeros((1, mass.shape[1])), np.cumsum(mass, axis=0)[:-1]])
        hazards[:, high] = mass / (1.0 - below)
    return hazards


def _from_above(count: int, x: Floats) -> Floats:
    hazards = np.empty((count + 1, len(x)))
    hazard = np.ones_like(x)
    for j in range(count + steps_to_forget(count), 0, -1):
        if j <= count:
            hazards[j] = hazard
        hazard = hazard / (hazard + x / j)
    hazards[0] = hazard
    return hazards


def sums(count: int, x: Floats) -> tuple[Floats, Floats]:
    """Pr(Poisson(x) < j) and Pr(Poisson(x) >= j), each a sum of what is smaller. `x` >= 0, also infinite."""
    finite = np.where((x > 0.0) & (x < np.inf), x, 1.0)
    rows = masses(count + steps_to_forget(count), finite)
    below = np.concatenate([np.zeros((1, len(x))), np.cumsum(rows[:count], axis=0)])
    above = np.where(finite > count, 1.0 - below, np.cumsum(rows[::-1], axis=0)[::-1][: count + 1])
    first = np.arange(count + 1)[:, None] == 0
    below = np.where(x == 0.0, ~first, np.where(x == np.inf, 0.0, below))
    above = np.where(x == 0.0, first, np.where(x == np.inf, 1.0, above))
    return below, above


def still_waiting(count: int, x_t: Floats, x_end: Floats) -> Floats:
    """Rows j = 1..count of (Pr(X_end >= j - 1) - Pr(X_t >= j)) / Pr(X_end >= j), as for one pool."""
    below_t, above_t = sums(count, x_t)
    below_end, above_end = sums(count, x_end)
    hazards_t = reversed_hazards(count, np.maximum(x_t, _TINY))
    hazards_end = reversed_hazards(count, x_end)
    j = np.arange(1, count + 1)[:, None]
    finite_end = np.where((x_end > 0.0) & (x_end < np.inf), x_end, 1.0)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):  # where another branch is taken
        far = np.exp(j * np.log(x_t / finite_end) + finite_end - x_t) * hazards_end[1:] / hazards_t[1:]
        ended = np.where(above_end[1:] > _TINY, above_t[1:] / above_end[1:], far)
        few = (below_t[1:] - below_end[:-1]) / above_end[1:]
    many = 1.0 + j * hazards_end[1:] / finite_end - ended
    left: Floats = np.where(j < x_t, few, many)
    return np.where(x_end < np.inf, left, below_t[1:])
