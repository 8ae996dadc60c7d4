"""Overflow connections opened per second, by the semantics of SQLAlchemy's QueuePool."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate
from typing import Final, Literal

Semantics = Literal["sqlalchemy", "eager"]
"""When a returned connection is closed: if `pool_size` are idle (what SQLAlchemy does), or if more than `pool_size` are
open (how its documentation can be read, and what a pool would cost that did so)."""

_MOST_LOG: Final = 709.0
"""e to this is the largest double; what is rarer than once in e^709 s happens never."""


def opens_per_s(births: Sequence[float], deaths: Sequence[float], log_empty: float, pool_size: int) -> float:
    """Connections opened per second by a pool that keeps up to `pool_size` >= 0 idle ones.

    `births`[b] and `deaths`[b]: rates out of b busy connections, b = 0..C-1, 1/s (deaths[0] is 0); C is the
    capacity. `log_empty` = ln P(no connection busy).

    A returned connection is closed only if pool_size are idle already, so the open connections k follow the busy
    ones b like a play (backlash) of that width, and one is opened only when all k are busy and k < C. With u_k the
    rate of going from k to k + 1, T_top and T_bottom the probabilities that b leaves the window [k - pool_size, k]
    by its top, having started at its top or bottom, u_k (1 - T_bottom(k)) = u_(k-1) T_top(k). By the gambler's ruin
    with r_b = 1 / (P(b busy) births[b]) both are ratios of sums of r over the window, and the product telescopes to

        u_k = 1 / (r_(k - pool_size) + ... + r_k),   and the opening rate is the sum of u_k, k = pool_size..C-1.

    Exact for the chain. The connections are SQLAlchemy's after its start, when it has reached pool_size.
    """
    return opens_keeping(resistances(births, deaths, log_empty), pool_size)


def resistances(births: Sequence[float], deaths: Sequence[float], log_empty: float) -> list[float]:
    """r_b of each number of busy connections, the same for every `pool_size`."""
    steps = (math.log(births[b - 1] / deaths[b]) for b in range(1, len(births)))
    log_laws = accumulate(steps, initial=log_empty)
    return [_exp(-log_law) / birth for log_law, birth in zip(log_laws, births, strict=True)]


def opens_keeping(found: Sequence[float], pool_size: int, semantics: Semantics = "sqlalchemy") -> float:
    """The opening rate by those resistances. An eager pool opens one for every request that finds `pool_size` or more
    held, but not all: lambda_b P(b busy), b = pool_size..C-1, in sum."""
    if pool_size >= len(found):
        return 0.0
    if semantics == "eager":
        return math.fsum(1.0 / resistance for resistance in found[pool_size:])
    return math.fsum(1.0 / total for total in _window_sums(found, pool_size + 1))


def _exp(x: float) -> float:
    return math.exp(x) if x < _MOST_LOG else math.inf


def _window_sums(values: Sequence[float], width: int) -> list[float]:
    """The sums of each `width` neighbours. A running sum would lose the small ones beside 1e300, so each window is
    the end of one block of that width and the start of the next, and nothing is subtracted."""
    starts: list[float] = []
    ends: list[float] = []
    for first in range(0, len(values), width):
        block = values[first : first + width]
        starts += accumulate(block)
        ends += reversed(list(accumulate(reversed(block))))
    whole = len(values) - width + 1
    return [ends[i] + (starts[i + width - 1] if i % width else 0.0) for i in range(whole)]
