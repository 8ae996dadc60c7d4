"""The Poisson tail P(j, x) = Pr(Poisson(x) >= j), for all j at once, and its reversed hazard."""

from __future__ import annotations

import math
from itertools import accumulate


def reversed_hazards(count: int, x: float) -> list[float]:
    """g_0..g_count with g_j = pmf(j; x) / P(j, x). `x` > 0, also infinite (then all are 0).

    Above the mean by g_(j-1) = g_j / (g_j + x/j) backward from g = 1: the recursion forgets its start, and all its
    terms are positive. Below the mean P is at least about a half, and 1 minus the sum of the pmf loses nothing.
    """
    if x == math.inf:
        return [0.0] * (count + 1)
    if x > count:
        masses = _masses(count, x)
        return [mass / (1.0 - below) for mass, below in zip(masses, accumulate([0.0, *masses]), strict=False)]
    hazard = 1.0
    hazards = [0.0] * (count + 1)
    for j in range(count + math.ceil(12 * math.sqrt(count)) + 40, 0, -1):
        if j <= count:
            hazards[j] = hazard
        hazard = hazard / (hazard + x / j)
    hazards[0] = hazard
    return hazards


def tails(count: int, x: float) -> list[float]:
    """P(0, x)..P(count, x). `x` >= 0, also infinite."""
    if x == 0:
        return [1.0] + [0.0] * count
    hazards = reversed_hazards(count, x)
    return [mass / hazard if hazard else 1.0 for mass, hazard in zip(_masses(count, x), hazards, strict=True)]


def _masses(count: int, x: float) -> list[float]:
    """Pr(Poisson(x) = 0..count), each from its neighbour towards the likeliest."""
    if x == math.inf:
        return [0.0] * (count + 1)
    masses = [0.0] * (count + 1)
    likeliest = min(int(x), count)
    masses[likeliest] = _mass(likeliest, x)
    for j in range(likeliest, count):
        masses[j + 1] = masses[j] * (x / (j + 1))
    for j in range(likeliest, 0, -1):
        masses[j - 1] = masses[j] * (j / x)
    return masses


def _mass(j: int, x: float) -> float:
    """Pr(Poisson(x) = j)."""
    return math.exp(j * math.log(x) - x - math.lgamma(j + 1))
