"""Weighted least squares with coefficients that may not be negative, for thousands of right-hand sides at once."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Final

import numpy as np

from poolsize.queueing.floats import Floats

_DEPENDENT: Final = 1e-10
"""A column of which less than this share is left when the others are taken out of it carries no coefficient: what
would be solved for is rounding."""


def fit_nonnegative(columns: Floats, targets: Floats, weights: Floats) -> Floats:
    """The coefficients b >= 0, (many, few), that minimise the sum of (weights (targets - columns b))^2.

    `columns` is (points, few), `targets` and `weights` are (many, points). The optimum is the unconstrained one of
    some subset of the columns, so each subset is tried and the best feasible one kept. The problem is convex: there
    is no other optimum that a starting value could lead to. Meant for two or three columns, which have 3 or 7
    subsets. Lawson & Hanson, Solving Least Squares Problems (1974), ch. 23.
    """
    weighted = [weights * column for column in columns.T]
    best = np.full(len(targets), np.inf)
    found = np.zeros((len(targets), len(weighted)))
    for subset in _subsets(len(weighted)):
        coefficients, loss = _solve([weighted[k] for k in subset], weights * targets)
        is_better = (coefficients >= 0).all(axis=1) & (loss < best)
        best[is_better] = loss[is_better]
        found[is_better] = 0.0
        found[np.ix_(is_better, np.array(subset))] = coefficients[is_better]
    return found


def _subsets(count: int) -> list[tuple[int, ...]]:
    return [subset for size in range(1, count + 1) for subset in combinations(range(count), size)]


def _solve(columns: Sequence[Floats], targets: Floats) -> tuple[Floats, Floats]:
    """The unconstrained coefficients and the sum of squares that is left, infinite where the columns are dependent.

    The normal equations would square the condition of 1, N and N^2, which is bad enough. Columns are made
    orthogonal instead (Gram and Schmidt, modified), the targets last.
    """
    size = len(columns)
    directions: list[Floats] = []
    parts: list[list[Floats]] = []  # of each column and the targets along each direction
    is_dependent = np.zeros(len(targets), dtype=bool)
    rest = targets
    for vector in [*columns, targets]:
        rest, along = _without(directions, vector)
        parts.append(along)
        if len(directions) < size:
            length = np.linalg.norm(rest, axis=1)
            is_dependent |= length <= _DEPENDENT * np.linalg.norm(vector, axis=1)
            along.append(np.where(length > 0, length, 1.0))
            directions.append(rest / along[-1][:, None])
    solution = np.empty((len(targets), size))
    for k in reversed(range(size)):
        known = sum(parts[j][k] * solution[:, j] for j in range(k + 1, size))
        solution[:, k] = (parts[size][k] - known) / parts[k][k]
    return solution, np.where(is_dependent, np.inf, np.square(rest).sum(axis=1))


def _without(directions: Sequence[Floats], vector: Floats) -> tuple[Floats, list[Floats]]:
    """What is left of the vector when its parts along the directions are taken out, and those parts."""
    along: list[Floats] = []
    for direction in directions:
        along.append((direction * vector).sum(axis=1))
        vector = vector - along[-1][:, None] * direction
    return vector, along
