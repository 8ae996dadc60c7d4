"""Which concurrencies are measured, and when enough has been seen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from poolsize.errors import UsageError

FALLEN: Final = 0.95
"""Of the highest throughput: below it, it has fallen, and does not merely scatter."""
FALLEN_LEVELS: Final = 2
"""One after the other."""
FEWEST: Final = 6
"""Levels that are measured whatever they show: with one more than the five that a law's intervals need, one may turn
out to be the client's."""


def levels_up_to(most: int) -> tuple[int, ...]:
    """1, 2, 3, 4, 6, 8, 12, 16, ...: two in each doubling, to `most` itself."""
    if most < 1:
        raise UsageError("A concurrency is at least 1.")
    return (*(level for level in _levels(most) if 1.1 * level < most), most)


def _levels(most: int) -> Iterator[int]:
    yield 1
    level = 2
    while level <= most:
        yield level
        yield level * 3 // 2
        level *= 2


def has_fallen(throughputs_per_s: Sequence[float]) -> bool:
    """Of the levels so far, in their order: nothing new is to be seen beyond them."""
    if len(throughputs_per_s) < FEWEST:
        return False
    floor = FALLEN * max(throughputs_per_s)
    return all(one < floor for one in throughputs_per_s[-FALLEN_LEVELS:])
