"""Random times by the laws that holds have."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Final

import numpy as np

from poolsize.queueing import Hold, HoldLaw
from poolsize.queueing.laws import two_classes
from poolsize.simulate.sample import Floats

_STREAM: Final = 1024
"""Random numbers that are made at once where they are used one by one."""

Shape = int | tuple[int, int]
Draw = Callable[[Shape], Floats]
"""So many random times, or an array of that shape; seconds."""


def exponential(rng: np.random.Generator, mean_s: float) -> Draw:
    def draw(shape: Shape) -> Floats:
        times = rng.standard_exponential(shape)
        times *= mean_s
        return times

    return draw


def holds(rng: np.random.Generator, hold: Hold) -> Draw:
    """Holds of this law."""
    return _LAWS[hold.law_name](rng, hold)


def one_by_one(draw: Draw) -> Iterator[float]:
    """Without end."""
    while True:
        yield from draw(_STREAM).tolist()


def _constant(_rng: np.random.Generator, hold: Hold) -> Draw:
    return lambda shape: np.full(shape, hold.mean_s)


def _exponential(rng: np.random.Generator, hold: Hold) -> Draw:
    return exponential(rng, hold.mean_s)


def _lognormal(rng: np.random.Generator, hold: Hold) -> Draw:
    sigma = math.sqrt(math.log1p(hold.scv))
    middle = math.log(hold.mean_s) - sigma**2 / 2.0

    def draw(shape: Shape) -> Floats:
        times = rng.standard_normal(shape)
        times *= sigma
        times += middle
        return np.exp(times, out=times)

    return draw


def _gamma(rng: np.random.Generator, hold: Hold) -> Draw:
    def draw(shape: Shape) -> Floats:
        times = rng.standard_gamma(1.0 / hold.scv, shape)
        times *= hold.mean_s * hold.scv
        return times

    return draw


def _h2(rng: np.random.Generator, hold: Hold) -> Draw:
    (_, short), (rare, long) = two_classes(hold.scv)

    def draw(shape: Shape) -> Floats:
        times = rng.standard_exponential(shape)
        times *= np.where(rng.random(shape) < rare, long * hold.mean_s, short * hold.mean_s)
        return times

    return draw


def _histogram(rng: np.random.Generator, hold: Hold) -> Draw:
    values, shares = np.array(hold.histogram).T
    values = values * (hold.mean_s / float(values @ shares))
    up_to = np.cumsum(shares)[:-1]

    def draw(shape: Shape) -> Floats:
        times: Floats = values[np.searchsorted(up_to, rng.random(shape), side="right")]
        return times

    return draw


_LAWS: Final[Mapping[HoldLaw, Callable[[np.random.Generator, Hold], Draw]]] = {
    "constant": _constant,
    "exponential": _exponential,
    "lognormal": _lognormal,
    "gamma": _gamma,
    "h2": _h2,
    "histogram": _histogram,
}
