"""The laws of holds: how likely a hold is to last longer, and how long what is left of one lasts. Arrays in and out."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from poolsize.queueing.floats import Floats
from poolsize.queueing.gamma_tail import gamma_tail
from poolsize.queueing.model import Hold, HoldLaw

Beyond = Callable[[int, Floats], Floats]

_LARGEST_SHAPE: Final = 1e4
"""A gamma law of scv 1e-4 or less is taken for the lognormal law: they differ by a third of their skewness, 0.02, and
the wait by less."""


@dataclass(frozen=True, eq=False)
class Law:
    """A law of holds. Times in seconds."""

    name: HoldLaw
    mean_s: float
    scv: float
    moment: Callable[[int], float]
    """E[X^order], order 0, 1, 2, ..."""
    beyond: Beyond
    """The share of E[X^order], order 0, 1 or 2, that holds longer than t make up."""

    def survival(self, t_s: ArrayLike) -> Floats:
        """P(X > t): a hold lasts longer than t."""
        return self.beyond(0, np.asarray(t_s, dtype=np.float64))

    def equilibrium_survival(self, t_s: ArrayLike) -> Floats:
        """Of a hold that is under way at a random moment, P(what is left > t): the integral of the survival from t on,
        over the mean."""
        t = np.asarray(t_s, dtype=np.float64)
        left: Floats = np.maximum(self.beyond(1, t) - t / self.mean_s * self.beyond(0, t), 0.0)
        return left

    def equilibrium_excess_s(self, t_s: ArrayLike) -> Floats:
        """The integral of `equilibrium_survival` from t on; from 0 on, (1 + scv) / 2 of the mean."""
        t = np.asarray(t_s, dtype=np.float64)
        x = t / self.mean_s
        square = (1.0 + self.scv) * self.beyond(2, t) - 2.0 * x * self.beyond(1, t) + x**2 * self.beyond(0, t)
        excess: Floats = np.maximum(0.5 * self.mean_s * square, 0.0)
        return excess


class _Shape(NamedTuple):
    """A law of mean 1."""

    moment: Callable[[int], float]
    beyond: Beyond


@lru_cache(maxsize=32)
def law_of(hold: Hold) -> Law:
    """The law of these holds, while the database has nothing else to do."""
    shape = _SHAPES[hold.law_name](hold)
    mean = hold.mean_s
    return Law(
        name=hold.law_name,
        mean_s=mean,
        scv=hold.scv,
        moment=lambda order: mean**order * shape.moment(order),
        beyond=lambda order, t: shape.beyond(order, t / mean),
    )


def two_classes(scv: float) -> tuple[tuple[float, float], tuple[float, float]]:
    """(share, mean) of the short and of the long holds of the law `h2` of mean 1: exponential both, and each class
    makes up half of the time (balanced means: Tijms, A First Course in Stochastic Models, 2003, app. B)."""
    short = (1.0 + math.sqrt((scv - 1.0) / (scv + 1.0))) / 2.0
    return (short, 0.5 / short), (1.0 - short, 0.5 / (1.0 - short))


def _constant(_: Hold) -> _Shape:
    return _Shape(lambda _order: 1.0, lambda _order, x: (x < 1.0).astype(np.float64))


def _exponential(_: Hold) -> _Shape:
    return _Shape(lambda order: float(math.factorial(order)), _exponential_beyond)


def _exponential_beyond(order: int, x: Floats) -> Floats:
    """e^-x (1 + x + x²/2 ...), of the order-th power."""
    factor = sum((x**k / math.factorial(k) for k in range(1, order + 1)), np.ones_like(x))
    beyond: Floats = np.exp(-x) * factor
    return beyond


def _lognormal(hold: Hold) -> _Shape:
    variance = math.log1p(hold.scv)
    sigma = math.sqrt(variance)

    def beyond(order: int, x: Floats) -> Floats:
        with np.errstate(divide="ignore"):  # ln 0, and everything is beyond it
            z = np.log(x) / sigma + (0.5 - order) * sigma
        return 0.5 * _erfc(z / math.sqrt(2.0))

    return _Shape(lambda order: math.exp(variance * order * (order - 1) / 2.0), beyond)


def _erfc(z: Floats) -> Floats:
    return np.fromiter(map(math.erfc, z.ravel().tolist()), np.float64, z.size).reshape(z.shape)


def _gamma(hold: Hold) -> _Shape:
    shape = 1.0 / hold.scv
    if shape >= _LARGEST_SHAPE:
        return _lognormal(hold)

    def moment(order: int) -> float:
        return math.prod(1.0 + k / shape for k in range(order))

    return _Shape(moment, lambda order, x: gamma_tail(shape + order, x * shape))


def _h2(hold: Hold) -> _Shape:
    classes = two_classes(hold.scv)

    def moment(order: int) -> float:
        return math.factorial(order) * math.fsum(share * mean**order for share, mean in classes)

    def beyond(order: int, x: Floats) -> Floats:
        parts = [share * mean**order for share, mean in classes]
        tails = [part * _exponential_beyond(order, x / mean) for part, (_, mean) in zip(parts, classes, strict=True)]
        mixed: Floats = np.sum(tails, axis=0) / math.fsum(parts)
        return mixed

    return _Shape(moment, beyond)


def _histogram(hold: Hold) -> _Shape:
    values, shares = np.array(hold.histogram).T
    values = values / np.dot(values, shares)

    def moment(order: int) -> float:
        return float(np.dot(values**order, shares))

    suffixes = [np.append(np.cumsum((values**k * shares)[::-1])[::-1], 0.0) / moment(k) for k in range(3)]

    def beyond(order: int, x: Floats) -> Floats:
        found: Floats = suffixes[order][np.searchsorted(values, x, side="right")]
        return found

    return _Shape(moment, beyond)


_SHAPES: Final[dict[HoldLaw, Callable[[Hold], _Shape]]] = {
    "constant": _constant,
    "exponential": _exponential,
    "lognormal": _lognormal,
    "gamma": _gamma,
    "h2": _h2,
    "histogram": _histogram,
}
