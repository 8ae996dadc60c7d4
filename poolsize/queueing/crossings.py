"""Where many functions cross 0."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from poolsize.queueing.floats import Floats
from poolsize.queueing.wait import PRECISION, STEPS


def crossings(falling: Callable[[Floats], Floats], high: Floats) -> Floats:
    """`crossing` of `wait`, for functions that are evaluated together, each until it is there."""
    low, above, below = np.zeros_like(high), falling(np.zeros_like(high)), falling(high)
    last = np.zeros_like(high)
    found = high.copy()
    going = below < 0.0
    for _ in range(STEPS):
        with np.errstate(divide="ignore", invalid="ignore"):  # of those that are there
            t = np.where(going, high - below * (high - low) / (below - above), found)
        value = falling(t)
        found = t
        going &= (np.abs(value) > PRECISION) & (high - low > PRECISION * high)
        if not going.any():
            break
        stays, up = last * value > 0.0, value > 0.0
        low, high = np.where(up, t, low), np.where(up, high, t)
        above, below = (
            np.where(up, value, np.where(stays, above / 2.0, above)),
            np.where(up, np.where(stays, below / 2.0, below), value),
        )
        last = value
    return found
