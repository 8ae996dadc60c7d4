"""The Poisson law: its mass, the sums of it below and above each j, and the reversed hazard. Nothing cancels, and what
is below 1e-300 becomes 0."""

from __future__ import annotations

import math
from itertools import accumulate
from typing import Final, NamedTuple

_FEW: Final = 16
"""Up to here 1/j of Stirling's series is too large for its first terms, and factorials are exact."""
_ROOT: Final = math.sqrt(2.0 * math.pi)


def mass(j: int, x: float) -> float:
    """Pr(Poisson(x) = j), `j` >= 0, `x` > 0, to 15 digits wherever it is above 1e-300.

    exp(j ln x - x - ln j!) takes the difference of numbers as large as x and loses as many digits; here they are
    taken from each other before they are rounded: j^j e^-j / j! is Stirling's, and what is left is the distance of x
    from j. C. Loader, Fast and Accurate Computation of Binomial Probabilities (2000).
    """
    if j == 0:
        return math.exp(-x)
    away = x - j
    ratio = math.log1p(away / j) if x > 0.5 * j else math.log(x / j)
    return math.exp(j * ratio - away - stirling_error(j)) / (_ROOT * math.sqrt(j))


def stirling_error(j: int) -> float:
    """ln j! less Stirling's formula, ln(sqrt(2 pi j) (j/e)^j), for `j` >= 1. Abramowitz & Stegun 6.1.41."""
    if j < _FEW:
        return _STIRLING_ERRORS[j]
    square = float(j) * j
    return (1.0 / 12.0 - (1.0 / 360.0 - (1.0 / 1260.0 - 1.0 / 1680.0 / square) / square) / square) / j


_STIRLING_ERRORS: Final = (
    0.0,
    *(math.log(math.factorial(j) * math.exp(j) / (float(j) ** j * _ROOT * math.sqrt(j))) for j in range(1, _FEW)),
)


def reversed_hazards(count: int, x: float) -> list[float]:
    """g_0..g_count with g_j = mass(j; x) / Pr(Poisson(x) >= j). `x` > 0, also infinite (then all are 0).

    Above the mean by g_(j-1) = g_j / (g_j + x/j) backward from g = 1: the recursion forgets its start, and all its
    terms are positive. Below the mean Pr(Poisson(x) >= j) is at least about a half, and 1 minus the sum of the mass
    loses nothing.
    """
    if x == math.inf:
        return [0.0] * (count + 1)
    if x > count:
        found = masses(count, x)
        return [mass_j / (1.0 - below) for mass_j, below in zip(found, accumulate(found, initial=0.0), strict=False)]
    hazard = 1.0
    hazards = [0.0] * (count + 1)
    for j in range(count + steps_to_forget(count), 0, -1):
        if j <= count:
            hazards[j] = hazard
        hazard = hazard / (hazard + x / j)
    hazards[0] = hazard
    return hazards


def steps_to_forget(count: int) -> int:
    """Steps of the recursion of the reversed hazard, from g = 1 beyond `count`, until nothing is left of that."""
    return math.ceil(12 * math.sqrt(count)) + 40


class Sums(NamedTuple):
    """For j = 0..count."""

    below: list[float]
    """Pr(Poisson(x) < j)."""
    above: list[float]
    """Pr(Poisson(x) >= j)."""


def sums(count: int, x: float) -> Sums:
    """Each of them a sum of what is smaller. `x` >= 0, also infinite."""
    if x == 0:
        return Sums([0.0] + [1.0] * count, [1.0] + [0.0] * count)
    if x == math.inf:
        return Sums([0.0] * (count + 1), [1.0] * (count + 1))
    found = masses(count, x)
    below = list(accumulate(found[:-1], initial=0.0))
    last = 1.0 - below[-1] if x > count else found[-1] / reversed_hazards(count, x)[-1]
    above = list(accumulate(reversed(found[:-1]), initial=last))
    above.reverse()
    return Sums(below, above)


def masses(count: int, x: float) -> list[float]:
    """Pr(Poisson(x) = 0..count), each from its neighbour towards the likeliest. `x` > 0, finite."""
    found = [0.0] * (count + 1)
    likeliest = min(int(x), count)
    found[likeliest] = mass(likeliest, x)
    for j in range(likeliest, count):
        found[j + 1] = found[j] * (x / (j + 1))
    for j in range(likeliest, 0, -1):
        found[j - 1] = found[j] * (j / x)
    return found


_TINY: Final = 1e-290
"""Below this a double has fewer digits."""


def still_waiting(count: int, x_t: float, x_end: float, at_end: Sums) -> list[float]:
    """For j = 1..count, (Pr(X_end >= j - 1) - Pr(X_t >= j)) / Pr(X_end >= j), the X Poisson of mean `x_end`, whose sums
    are `at_end`, and `x_t` <= `x_end`.

    The numerator is also Pr(X_t < j) - Pr(X_end < j - 1): below the mean of X_t a difference of small numbers, where
    the other one is of numbers near 1.
    """
    at_t = sums(count, x_t)
    if x_end == math.inf:
        return at_t.below[1:]
    split = min(math.ceil(x_t), count + 1)
    few = zip(at_t.below[1:split], at_end.below, at_end.above[1:], strict=False)
    left = [(below_t - below_end) / above_end for below_t, below_end, above_end in few]
    hazards = reversed_hazards(count, x_end)
    for j in range(max(split, 1), count + 1):
        ended = at_t.above[j] / at_end.above[j] if at_end.above[j] > _TINY else _ratio(j, x_t, x_end)
        left.append(1.0 + j * hazards[j] / x_end - ended)
    return left


def _ratio(j: int, x: float, larger: float) -> float:
    """Pr(X >= j) of the mean x, over that of the larger mean, for a j far above both."""
    if x == 0.0:
        return 0.0
    return math.exp(j * math.log(x / larger) + larger - x) * _tail_over_mass(j, x) / _tail_over_mass(j, larger)


def _tail_over_mass(j: int, x: float) -> float:
    """1 + x/(j+1) + x²/((j+1)(j+2)) + ..., for j > 2 x."""
    total, term = 1.0, 1.0
    while term > 1e-17 * total:
        j += 1
        term *= x / j
        total += term
    return total
