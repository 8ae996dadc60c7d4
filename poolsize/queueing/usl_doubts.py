"""What speaks against a scalability law, or leaves it open, in the sweep that it was fitted to."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from poolsize.queueing.floats import Floats

FEWEST_LEVELS: Final = 5
"""Three coefficients pass through any three points. Only what is beyond says how far they may be off."""
SAME_LEVEL: Final = 0.05
"""Concurrencies this close are one level: from 20 to 21 connections the law changes less than measurements scatter."""
LARGEST_RESIDUAL: Final = 0.10
"""Sweeps of a database scatter by 3 to 10 %. What is off by more follows another law."""
BY_CHANCE: Final = 2.0
"""Standard deviations by which the throughput may grow more than the concurrency for no reason: once in 40 times."""
_ROUNDING: Final = 1e-6
"""Nothing is measured more exactly."""


class Sweep(NamedTuple):
    levels: Floats
    """Rising."""
    measured: Floats
    residual: float

    @property
    def scatter_of_ratios(self) -> float:
        """The relative standard deviation of the ratio of two measurements, after what three coefficients took."""
        points = len(self.levels)
        return max(self.residual, _ROUNDING) * math.sqrt(2.0 * points / max(points - 3, 1))


def count_levels(levels: Floats) -> int:
    """Different ones: each more than SAME_LEVEL above the one before."""
    count, last = 0, 0.0
    for level in np.sort(levels):
        if level > last * (1.0 + SAME_LEVEL):
            count, last = count + 1, level
    return count


def speaking_against(sweep: Sweep, least_alpha: float) -> Iterator[str]:
    if (count := count_levels(sweep.levels)) < FEWEST_LEVELS:
        yield (
            f"only {count} different levels of concurrency were measured: with fewer than {FEWEST_LEVELS} nothing says "
            "how far the coefficients are off"
        )
    first, second = _first_two(sweep.levels)
    more = float(sweep.levels[second].mean() / sweep.levels[first].mean())
    gain = float(sweep.measured[second].mean() / sweep.measured[first].mean())
    if least_alpha == 0.0 and gain > more * (1.0 + BY_CHANCE * sweep.scatter_of_ratios):
        yield (
            f"from the first level to the second the concurrency grew {more:.3g}-fold and the throughput {gain:.3g}-"
            "fold, which no contention explains: the first was measured under worse conditions, such as a cold cache"
        )
    if sweep.residual > LARGEST_RESIDUAL:
        yield (
            f"the measurements are {sweep.residual:.0%} off the law, more than the {LARGEST_RESIDUAL:.0%} that a sweep "
            "scatters: this database follows another law, or something else changed during the sweep"
        )


def _first_two(levels: Floats) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which measurements are of the lowest level and of the next."""
    first = levels <= levels[0] * (1.0 + SAME_LEVEL)
    start = levels[~first][0]
    return first, ~first & (levels <= start * (1.0 + SAME_LEVEL))


def still_rising(measured_up_to: float, least_peak: float | None) -> str:
    sentence = f"throughput still rises at a concurrency of {measured_up_to:.3g}, the highest that was measured"
    if least_peak is None or not measured_up_to < least_peak < math.inf:
        return f"{sentence}: where it peaks is not known"
    return f"{sentence}: its peak is not below {least_peak:.3g} (95 %), and not known better"
