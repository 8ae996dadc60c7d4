"""The offered wait of M/G/c+D, by a Volterra equation that is solved cell by cell."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np

from poolsize.queueing.cells import Cells, doubled, grid_of, pairs
from poolsize.queueing.floats import Floats
from poolsize.queueing.laws import Law
from poolsize.queueing.toeplitz import renewed

_NOTHING: Final = -1e4
"""e to this is 0, and differences of it are still numbers."""
_HALF: Final = math.log(0.5)
"""ln of the fall of U from 1 up to which it is known better than what is left."""
_FLAT: Final = 1e-9
"""A cell over which e^x changes by less is even."""
_STEEPEST: Final = 1.0
_MOST_NATS: Final = 500.0
"""Bounds of the tilt: no steeper than the edge at the start, nor over e^500 in all."""
_BENT_NATS: Final = 50.0
"""In overload what v is beside its last exponential is below e^-50 of it once that has grown by e^50."""
_BALANCED: Final = 1e-13
"""A mass of the kernel that is nearer to 1 is 1 as far as rounding tells: over the 5e10 times its mean lag that a grid
can be long, what is left makes v grow by a hundredth."""
_ON_THE_EDGE: Final = 1e-9
"""A load that is nearer to 1 is taken for one so far from it: the two sides meet there to nine digits."""


class Solution(NamedTuple):
    """U(x) = 1 - (1 - rho) times the integral of v / A up to x, which is A times smaller than P(timeout) if D = x."""

    edges: Floats
    log_u: Floats
    """ln U at the edges. In overload, a straight line from the last ones on."""
    load: float
    """rho, and not 1."""


@lru_cache(maxsize=64)
def offered_wait(law: Law, servers: int, load: float, levels: int) -> Solution:
    """The law of the offered wait V, to where `levels_to` of the load says, for a `law` of mean 1.

        v(x) = A k(x) + lambda integral_0^min(x, D) v(y) G(c (x - y)) dy,   k = -(d/dx) Ge(x)^c

    v is the density of V > 0, G the survival of a hold, Ge that of what is left of one; A is the probability that all
    connections are held and nobody waits, but for what ends in no time. With infinite D this is the renewal equation
    of van Hoorn & Tijms (1982); that it holds up to D is exact for exponential holds, for c = 1 (there it is the
    crossing of a level by the virtual wait), and for D = 0 (Erlang's loss, which depends on the mean alone). Since v
    up to x does not know of a D beyond x, one solution answers for every timeout and every percentile.

    Cells have the mass of v in them; v is even within a cell but for a factor e^(tilt x), by which it falls or grows
    in the end. The grid is doubled again and again: what was found is kept in cells twice as wide. Error of second
    order in the width, of which grids of full and double width take the first term out.
    """
    grid = grid_of(law, servers, load, levels)
    tilt = _tilt(grid, load)
    if tilt > 0.0:
        grid = _bent(grid, tilt)
    fine = _march(grid, load, tilt)
    coarse = _march([doubled(level) for level in grid], load, tilt)
    fallen, left = (_extrapolated(fine.edges, coarse.edges, *both) for both in zip(fine[1:], coarse[1:], strict=True))
    if load > 1.0:
        log_u = np.logaddexp(0.0, fallen)
    else:
        log_u = np.where(fallen < _HALF, np.log1p(-np.exp(np.minimum(fallen, _HALF))), left)
    return Solution(fine.edges, np.maximum(log_u, _NOTHING), load)


def _bent(grid: list[Cells], tilt: float) -> list[Cells]:
    """The grid up to where v only grows like e^(tilt x). Beyond that the sums would leave the range of a double where
    the timeout is long.

    The transform of v has its poles where s - rho + rho f(s) = 0, f that of the law of holds, and by Rouche's theorem
    just one of them, at the tilt, is to the right of 0.
    """
    end = _BENT_NATS / tilt
    enough = next((level for level, cells in enumerate(grid) if cells.edges[-1] >= end), len(grid) - 1)
    return grid[: enough + 1]


def _extrapolated(edges: Floats, wide: Floats, fine: Floats, coarse: Floats) -> Floats:
    """Without the error of second order in the width of a cell, which is four times as large in wide ones."""
    some = np.isfinite(coarse)
    error = (fine[np.searchsorted(edges, wide[some])] - coarse[some]) / 3.0
    found: Floats = fine + (np.interp(edges, wide[some], error) if some.any() else 0.0)
    return found


def off_the_edge(load: float) -> float:
    """The load, or the nearest with a solution of this form."""
    return load if abs(load - 1.0) > _ON_THE_EDGE else 1.0 + math.copysign(_ON_THE_EDGE, load - 1.0)


def _tilt(grid: list[Cells], load: float) -> float:
    """The eta at which the kernel, rho G(u) e^(-eta u) up to the end of the grid, has the mass 1: v ends up like
    e^(eta x). Newton on the logarithm of the mass, which is convex, from below."""
    mass = np.concatenate([cells.mass for cells in grid])
    some = mass > 0.0
    lags = np.concatenate([cells.edges[:-1] for cells in grid])[some]
    mass, moment = mass[some], np.concatenate([cells.moment for cells in grid])[some]
    lags += moment / mass
    tilt = -min(_STEEPEST, _MOST_NATS / float(grid[-1].edges[-1]))
    for _ in range(50):
        tilted = load * mass * np.exp(-tilt * lags)
        total = float(tilted.sum())
        if total <= 1.0 + _BALANCED:
            break
        tilt += math.log(total) * total / float(np.dot(tilted, lags))
    return tilt


_KERNEL, _MOMENT, _LEFT, _FOUND = range(4)
"""The rows of what is known in cells from 0 on, each divided by e^(tilt x): the mass of the kernel, its moment about
the lower edges, the integral of rho Ge, and the mass of v / A."""


class _March(NamedTuple):
    """The sums of v on one grid."""

    edges: Floats
    log_fallen: Floats
    """ln of |1 - U|, summed from the start."""
    log_left: Floats
    """Below rho = 1, ln of U, summed from the end."""


def _march(grid: list[Cells], load: float, tilt: float) -> _March:
    """From grid to grid, each twice as long."""
    edges = np.concatenate([*(cells.edges[:-1] for cells in grid), grid[-1].edges[-1:]])
    rows = _without_integral(grid, load, tilt)
    first = len(grid[0].mass)
    known = rows[:, :first]
    known[_FOUND] = renewed(_spread(known, grid[0].width), known[_FOUND])
    for cells in grid[1:]:
        end = first + len(cells.mass)
        known = _further(cells, known, rows[:, first:end])
        rows[_FOUND, first:end] = known[_FOUND, -len(cells.mass) :]
        first = end
    log_falls = _log_masses(edges, rows[_FOUND], tilt) + math.log(abs(1.0 - load))
    fallen = np.logaddexp.accumulate(np.concatenate([[-np.inf], log_falls]))
    ends = np.concatenate([log_falls, [_log_end(grid[-1], known, tilt)]])
    return _March(edges, fallen, np.logaddexp.accumulate(ends[::-1])[::-1])


def _without_integral(grid: list[Cells], load: float, tilt: float) -> Floats:
    """All rows of all cells, but of v / A only the first term."""
    lower, mass, moment, left = (
        np.concatenate(parts)
        for parts in zip(*((cells.edges[:-1], cells.mass, cells.moment, cells.left) for cells in grid), strict=True)
    )
    half = np.repeat([cells.width / 2.0 for cells in grid], [len(cells.mass) for cells in grid])
    lags = lower + np.divide(moment, mass, out=np.zeros_like(mass), where=mass > 0.0)
    at_lags = np.exp(np.minimum(-tilt * lags, _MOST_NATS))
    at_middle = np.exp(np.minimum(-tilt * (lower + half), _MOST_NATS))
    falls = np.concatenate([np.maximum(cells.head[:-1] - cells.head[1:], 0.0) for cells in grid])
    return np.stack([load * mass * at_lags, load * moment * at_lags, load * left * at_middle, falls * at_middle])


def _further(cells: Cells, known: Floats, row: Floats) -> Floats:
    """What is known, in cells of twice the width, and v on these cells too."""
    old = pairs(known)
    old[_MOMENT] += cells.width / 2.0 * known[_KERNEL, 1::2]
    joined = np.concatenate([old, row], axis=1)
    spread = _spread(joined, cells.width)
    half = old.shape[1]
    joined[_FOUND, half:] += np.convolve(spread, old[_FOUND])[half : len(spread)]
    joined[_FOUND, half:] = renewed(spread, joined[_FOUND, half:])
    return joined


def _spread(known: Floats, width: float) -> Floats:
    """The share of what is in one cell, evenly, that comes to the one i cells on: each lag between i and i + 1 widths
    leads to both, by its distance from either."""
    upper = known[_MOMENT] / width
    spread: Floats = np.maximum(known[_KERNEL] - upper, 0.0)  # rounding may leave -1e-315
    spread[1:] += upper[:-1]
    return spread


def _log_masses(edges: Floats, tilted: Floats, tilt: float) -> Floats:
    """ln of the mass of v / A in each cell, without the tilt: times e^(tilt x) at the middle, and sinh(y) / y for how
    much more that is on the average of the cell, of half width y / tilt."""
    half = np.diff(edges) / 2.0
    y = np.maximum(np.abs(tilt) * half, _FLAT)
    with np.errstate(divide="ignore"):  # ln 0
        log_masses: Floats = np.log(tilted) + tilt * (edges[:-1] + half) + y + np.log(-np.expm1(-2.0 * y) / (2.0 * y))
    return log_masses


def _log_end(last: Cells, known: Floats, tilt: float) -> float:
    """ln U at the end of the grid: U(x) = Ge(x/c)^c + rho times the integral of v(y) / A Ge(x - y), where nothing is
    subtracted."""
    end = float(last.edges[-1])
    left = float(last.head[-1]) * math.exp(min(-tilt * end, _MOST_NATS))
    left += float(np.dot(known[_FOUND], known[_LEFT, ::-1])) / last.width
    return math.log(left) + tilt * end if left > 0.0 else -math.inf
