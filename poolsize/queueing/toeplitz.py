"""Discrete renewal equations."""

from __future__ import annotations

from typing import Final

import numpy as np

from poolsize.queueing.floats import Floats

_BLOCK: Final = 16
"""Equations that are solved by one product with a matrix. Convolutions of numpy win from some 16 terms on."""


def renewed(kernel: Floats, given: Floats) -> Floats:
    """z with z_i = given_i + the sum over j <= i of kernel_(i-j) z_j, for `kernel` >= 0 with kernel_0 < 1.

    By halves, whose influence on the other is a convolution: O(n²), but n / 16 steps of Python. All terms are positive
    where `given` is, so that small z keep their digits.
    """
    inverse = _inverse(kernel[:_BLOCK])
    found = given.copy()

    def solve(first: int, end: int) -> None:
        length = end - first
        if length <= _BLOCK:
            found[first:end] = inverse[:length, :length] @ found[first:end]
            return
        middle = first + length // 2
        solve(first, middle)
        half = middle - first
        found[middle:end] += np.convolve(kernel[:length], found[first:middle])[half:length]
        solve(middle, end)

    solve(0, len(given))
    return found


def _inverse(kernel: Floats) -> Floats:
    """The matrix that solves as many equations as the kernel has terms: each column is the one before, one lower."""
    terms = kernel.tolist()
    column: list[float] = []
    for i in range(len(terms)):
        before = sum(terms[k] * column[i - k] for k in range(1, i + 1))
        column.append((before + (i == 0)) / (1.0 - terms[0]))
    size = len(terms)
    matrix = np.zeros((size, size))
    for j in range(size):
        matrix[j:, j] = column[: size - j]
    return matrix
