"""The grid of the Volterra equation: cells that double in width, with what a law of holds puts into each.

Time is in units of S/c, the mean time between two ends of holds while all connections are held.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np

from poolsize.queueing.floats import Floats
from poolsize.queueing.laws import Law

CELLS: Final = 1024
"""Cells of one grid. With so many U is right to 1e-4 where it is above 1e-3, and to 5e-4 down to 1e-9: measured against
4,096 cells over nine laws of scv 0 to 25, loads from 0.1 to 10, 1 to 1,000 connections, and ends at 60 and 2,000. Half
as many are wrong by 3e-4 and 3e-3, and a third faster."""
FINEST: Final = 32
"""Cells per unit of time at the start, where the wait has its edge."""
MOST_LEVELS: Final = 60
"""Doublings of the grid. It then reaches over 1e19 units, and 2^-60 of one is no time."""
_LEFT_OUT: Final = 1e-9
"""The share of an integral that may lie beyond the end."""


class Cells(NamedTuple):
    """Neighbouring cells of one width, as lags of the equation and as places on its axis."""

    width: float
    edges: Floats
    mass: Floats
    """Of the density G: what Ge falls by over the cell."""
    moment: Floats
    """Of that mass about the lower edge."""
    left: Floats
    """The integral of Ge."""
    head: Floats
    """Ge(x / c)^c at the edges."""


def grid_of(law: Law, servers: int, load: float, levels: int) -> list[Cells]:
    """All cells of the first width, and of each doubled one the upper half."""
    finest = _finest(load) * 2.0 ** min(levels, 0)
    rows = [(finest * 2.0**level, CELLS // 2 if level else 0) for level in range(max(levels, 0) + 1)]
    return [_cells(law, width, first)._replace(head=_head(law, servers, width, first)) for width, first in rows]


@lru_cache(maxsize=256)
def _cells(law: Law, width: float, first: int) -> Cells:
    edges = width * np.arange(first, CELLS + 1, dtype=np.float64)
    survival, excess = law.equilibrium_survival(edges), law.equilibrium_excess_s(edges)
    mass: Floats = np.maximum(survival[:-1] - survival[1:], 0.0)
    left: Floats = excess[:-1] - excess[1:]
    moment: Floats = np.clip(left - width * survival[1:], 0.0, width * mass)
    return Cells(width, edges, mass, moment, left, survival)


def _head(law: Law, servers: int, width: float, first: int) -> Floats:
    head: Floats = law.equilibrium_survival(width / servers * np.arange(first, CELLS + 1)) ** servers
    return head


@lru_cache(maxsize=64)
def head_area(law: Law, servers: int) -> float:
    """The integral of Ge(x / c)^c over all x: the mean time until the first of c holds under way ends. By Simpson's
    rule on ever wider cells."""
    area, width, first = 0.0, 1.0 / FINEST, 0
    while True:
        head = _head(law, servers, width, first)
        area += width / 3.0 * float(head[0] + 4.0 * head[1::2].sum() + 2.0 * head[2:-1:2].sum() + head[-1])
        if head[-1] * width * CELLS <= _LEFT_OUT * area:
            return area
        width, first = 2.0 * width, CELLS // 2


def doubled(cells: Cells) -> Cells:
    """Cells of twice the width."""
    return Cells(
        2.0 * cells.width,
        cells.edges[::2],
        pairs(cells.mass),
        pairs(cells.moment) + cells.width * cells.mass[1::2],
        pairs(cells.left),
        cells.head[::2],
    )


def pairs(values: Floats) -> Floats:
    """What is in every two neighbours."""
    sums: Floats = values[..., ::2] + values[..., 1::2]
    return sums


def levels_to(load: float, end: float) -> int:
    """How often the grid must be doubled, or its first cells halved (negative), to end at `end` or just beyond."""
    levels = math.ceil(math.log2(end / (CELLS * _finest(load))))
    return min(max(levels, -MOST_LEVELS), MOST_LEVELS)


def _finest(load: float) -> float:
    """The usual width of the first cells: overload makes the wait as much steeper."""
    return 2.0 ** -math.ceil(math.log2(FINEST * max(load, 1.0)))
