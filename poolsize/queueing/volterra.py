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
_FLAT: Final = 1e-9
"""A cell over which e^x changes by less is even."""
_STEEPEST: Final = 1.0
_MOST_NATS: Final = 500.0
"""Bounds of the tilt: no steeper than the edge at the start, nor over e^500 in all."""
_ON_THE_EDGE: Final = 1e-9
"""A load that is nearer to 1 is taken for one so far from it: the two sides meet there to nine digits."""


class Solution(NamedTuple):
    """U(x) = 1 - (1 - rho) times the integral of v / A up to x, which is A times smaller than P(timeout) if D = x."""

    edges: Floats
    log_u: Floats
    """ln U at the edges."""
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
    fine = _march(grid, load, tilt)
    coarse = _march([doubled(level) for level in grid], load, tilt)
    kept = np.searchsorted(fine.edges, coarse.edges)
    error = (fine.log_u[kept] - coarse.log_u) / 3.0
    return fine._replace(log_u=fine.log_u + np.interp(fine.edges, coarse.edges, error))


def off_the_edge(load: float) -> float:
    """The load, or the nearest with a solution of this form."""
    return load if abs(load - 1.0) > _ON_THE_EDGE else 1.0 + math.copysign(_ON_THE_EDGE, load - 1.0)


def _tilt(grid: list[Cells], load: float) -> float:
    """The eta at which the kernel, rho G(u) e^(-eta u) up to the end of the grid, has the mass 1: v ends up like
    e^(eta x). Newton on the logarithm of the mass, which is convex, from below; it need not be exact."""
    mass = np.concatenate([cells.mass for cells in grid])
    some = mass > 0.0
    lags = np.concatenate([cells.edges[:-1] for cells in grid])[some]
    mass, moment = mass[some], np.concatenate([cells.moment for cells in grid])[some]
    lags += moment / mass
    tilt = -min(_STEEPEST, _MOST_NATS / float(grid[-1].edges[-1]))
    for _ in range(50):
        tilted = load * mass * np.exp(-tilt * lags)
        total = float(tilted.sum())
        if total <= 1.0 + 1e-6:
            break
        tilt += math.log(total) * total / float(np.dot(tilted, lags))
    return tilt


_KERNEL, _MOMENT, _LEFT, _FOUND = range(4)
"""The rows of what is known in cells from 0 on, each divided by e^(tilt x): the mass of the kernel, its moment about
the lower edges, the integral of rho Ge, and the mass of v / A."""


def _march(grid: list[Cells], load: float, tilt: float) -> Solution:
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
    log_u = _log_u(_log_masses(edges, rows[_FOUND], tilt), grid[-1], known, load, tilt)
    return Solution(edges, np.maximum(log_u, _NOTHING), load)


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


def _log_u(log_masses: Floats, last: Cells, known: Floats, load: float, tilt: float) -> Floats:
    """ln U at all edges. Below rho = 1 from what is left at the end, U(x) = Ge(x/c)^c + rho times the integral of
    v(y) / A Ge(x - y); above it from the start, where it is 1. So it is a sum."""
    if load > 1.0:
        return np.logaddexp.accumulate(np.concatenate([[0.0], log_masses + math.log(load - 1.0)]))
    end = float(last.edges[-1])
    left = float(last.head[-1]) * math.exp(min(-tilt * end, _MOST_NATS))
    left += float(np.dot(known[_FOUND], known[_LEFT, ::-1])) / last.width
    log_end = math.log(left) + tilt * end if left > 0.0 else -math.inf
    return np.logaddexp.accumulate(np.concatenate([log_masses + math.log1p(-load), [log_end]])[::-1])[::-1]
