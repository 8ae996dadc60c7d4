"""Erlang's B for a number of connections that need not be whole."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from poolsize.queueing.floats import Floats

_STEP: Final = 1.0 / 16.0
_REACH: Final = 5.0
"""The integrand below, over the whole line, is 1e-60 at both ends, and smooth in between: a sum at these steps is as
good as a double (Takahasi & Mori, Publ. RIMS 9, 1974)."""


def inverse_erlang_b(capacity: float, offered_load: Floats) -> Floats:
    """1/B(c, a) = a times the integral of e^(-a y) (1 + y)^c over y > 0, for each `offered_load` a > 0 erlangs, and
    `capacity` c >= 0. Infinite where B is below 1e-308. Jagerman, Bell Syst. Tech. J. 53 (1974).

    The integral is taken for what c is above a whole number, and carried on by 1/B(c + 1, a) = 1 + (c + 1)/a 1/B(c, a).

    >>> (1.0 / inverse_erlang_b(15.0, np.array([8.108]))).round(4)
    array([0.01])
    """
    whole = math.floor(capacity)
    inverse = _start(capacity - whole, offered_load)
    with np.errstate(over="ignore"):
        for k in range(1, whole + 1):
            inverse = 1.0 + inverse * ((capacity - whole + k) / offered_load)
    return inverse


def _start(capacity: float, offered_load: Floats) -> Floats:
    """The integral of e^(-u) (1 + u/a)^c over u > 0, for 0 <= c < 1: with u = exp(x - e^(-x)) it falls doubly
    exponentially both ways."""
    if capacity == 0.0:
        return np.ones_like(offered_load)
    x = np.arange(-_REACH, _REACH, _STEP)
    u = np.exp(x - np.exp(-x))
    weights = _STEP * u * (1.0 + np.exp(-x)) * np.exp(-u)
    integral: Floats = (1.0 + u / offered_load[:, None]) ** capacity @ weights
    return integral
