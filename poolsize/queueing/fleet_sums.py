"""How many connections of many pools are at work: coefficients of a product of polynomials, one for each pool."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import reduce
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from poolsize.queueing.fleet_pools import Pools, binomials
from poolsize.queueing.floats import Floats

_FURTHEST: Final = 4000.0
"""|ln theta|. A tilt by more could not be told from none or all of the connections at work: e^700 is the largest
double, and a full pool of one connection in overload may outweigh an idle one by that much."""
_HALVINGS: Final = 26
"""Of 8000, to within 0.0001: less than a standard deviation for sums of up to ten thousand times as much."""
_WIDTH: Final = 24.0
"""Standard deviations of a sum of independent counts outside of which nothing is left that a double could show."""
_LOST: Final = 1e-18
"""Of the transform beside its largest value, 1."""
_UNCERTAIN: Final = 1e-10
"""Of a coefficient beside the sum of them all, 1, which a transform rounds off to 1e-16: six digits are left."""
_ROWS_AT_ONCE: Final = 256
_NUMBERS_AT_ONCE: Final = 1 << 18
"""In one array: 4 MB if complex."""
_LOOKED_AT: Final = 16
_SMALLEST: Final = 1e-300
"""In place of a coefficient that is rounded off to nothing."""


class PoolWeights(NamedTuple):
    """Of the states of a pool with d = 0, 1, ... connections at work, logarithms: of all of them and of the full one
    without a queue, and of the first times the number of held connections."""

    capacity: int
    log_all: Floats
    log_full: Floats
    log_held: Floats

    @property
    def most(self) -> int:
        """The most connections that can be at work."""
        return len(self.log_all) - 1

    @classmethod
    def of(cls, group: Pools, capacity: int) -> PoolWeights:
        capacity = group.usable(capacity)
        held = np.arange(capacity + 1.0)
        with np.errstate(divide="ignore"):
            steps = np.log(group.births(0, capacity) * group.hold.mean_s / held[1:])
            at_work = np.log(binomials(np.full(capacity + 1, group.database_s / group.hold.mean_s)))
            log_states = np.concatenate([[0.0], np.cumsum(steps)])[:, None] + at_work
            log_held = np.logaddexp.reduce(log_states + np.log(held)[:, None], axis=0)
        log_all = np.logaddexp.reduce(log_states, axis=0)
        reached = slice(int(np.flatnonzero(np.isfinite(log_all))[-1]) + 1)  # nothing is, without arrivals
        return cls(capacity, log_all[reached], log_states[-1][reached], log_held[reached])

    def with_queue(self, log_queue: Floats) -> tuple[Floats, Floats, Floats]:
        """`log_all`, `log_full` and `log_held` with a full pool as likely as its queue makes it, a row for each."""
        with np.errstate(divide="ignore"):
            log_more = (log_queue + np.log(-np.expm1(-log_queue)))[:, None]
        return (
            np.logaddexp(self.log_all, self.log_full + log_more),
            self.log_full + log_queue[:, None],
            np.logaddexp(self.log_held, self.log_full + log_more + math.log(self.capacity)),
        )


class Sums(NamedTuple):
    """Of the product of the pools' polynomials the coefficients of x^m, and means of one pool given the sum m."""

    log_weight: Floats
    means: list[Floats]
    """Of each group P(full), and the mean numbers of held connections and of those at work, in three rows."""
    chance: Floats
    """Of the sum to be m after the tilt."""


def summed(pools: Sequence[PoolWeights], counts: Sequence[int], log_queues: Floats) -> Sums:
    """For m = 0, 1, ... (columns of `log_queues`), with `counts` of each of the pools; a full one counts e^`log_queues`
    times, with all that may be waiting at it.

    A coefficient is read off a Fourier transform, after a tilt x -> theta x that makes m the mean of the sum: there it
    is large beside what is rounded off. Good, Ann. Math. Stat. 28 (1957).
    """
    rows = max(min(_NUMBERS_AT_ONCE // max(pool.most + 1 for pool in pools), _ROWS_AT_ONCE), 1)
    blocks = np.split(np.arange(log_queues.shape[1]), range(rows, log_queues.shape[1], rows))
    parts = [_block(pools, counts, log_queues[:, m], m) for m in blocks]
    return _certain(
        np.concatenate([part.log_weight for part in parts]),
        [np.concatenate([part.means[k] for part in parts], axis=1) for k in range(len(pools))],
        np.concatenate([part.chance for part in parts]),
    )


def _certain(log_weight: Floats, means: Sequence[Floats], chance: Floats) -> Sums:
    """With what is lost in rounding taken from its neighbours. That are sums which hardly occur beside others near
    them: where long queues make a pool either full or nearly idle, and m is no multiple of what a full one holds."""
    m, known = np.arange(len(chance)), np.flatnonzero(chance > _UNCERTAIN)
    return Sums(
        np.interp(m, known, log_weight[known]),
        [np.stack([np.interp(m, known, row[known]) for row in rows]) for rows in means],
        chance,
    )


def _block(pools: Sequence[PoolWeights], counts: Sequence[int], log_queues: Floats, m: NDArray[np.intp]) -> Sums:
    """`summed` for some neighbouring m."""
    weights = [pool.with_queue(log_queue) for pool, log_queue in zip(pools, log_queues, strict=True)]
    alls = [log_all for log_all, _, _ in weights]
    most = sum(count * pool.most for count, pool in zip(counts, pools, strict=True))
    log_tilts = _tilts(alls, counts, np.clip(m, min(0.5, most), most - 0.5))
    length, kept = _spectrum(alls, counts, log_tilts)
    back = np.exp(2j * math.pi / length * (m[:, None] * kept % length)) / length
    back[:, (kept > 0) & (2 * kept < length)] *= 2.0  # a real sequence has the other half of its transform mirrored
    log_weight = -m * log_tilts
    transforms, parts = [], []
    for count, logs in zip(counts, weights, strict=True):
        places = np.arange(logs[0].shape[1])
        log_all, log_full, log_held = (x + places * log_tilts[:, None] for x in logs)
        log_sum = np.logaddexp.reduce(log_all, axis=1)
        log_weight = log_weight + count * log_sum
        law, full, held = (np.exp(x - log_sum[:, None]) for x in (log_all, log_full, log_held))
        one, *rest = (np.fft.rfft(x, length)[:, kept] for x in (law, full, held, places * law))
        transforms.append(one)
        parts.append(rest)
    powers = [one ** (count - 1) for one, count in zip(transforms, counts, strict=True)]
    shared = reduce(np.multiply, powers, back)
    chance = np.maximum(reduce(np.multiply, transforms, shared).sum(axis=1).real, _SMALLEST)
    means = []
    for k, of_group in enumerate(parts):
        others = reduce(np.multiply, [*transforms[:k], *transforms[k + 1 :]], shared)
        means.append(np.stack([np.maximum((part * others).sum(axis=1).real / chance, 0.0) for part in of_group]))
    return Sums(log_weight + np.log(chance), means, chance)


def _tilts(states: Sequence[Floats], counts: Sequence[int], goal: Floats) -> Floats:
    """ln of the theta that makes the mean of the sum the goal, in each row. It need only be near, by some standard
    deviations."""
    low, high = np.full(len(goal), -_FURTHEST), np.full(len(goal), _FURTHEST)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2.0
        is_low = _moments(states, counts, middle)[0] < goal
        low, high = np.where(is_low, middle, low), np.where(is_low, high, middle)
    return high


def _spectrum(states: Sequence[Floats], counts: Sequence[int], log_tilts: Floats) -> tuple[int, NDArray[np.intp]]:
    """The length of the transforms, and which of their frequencies are more than rounding."""
    variance = _moments(states, counts, log_tilts)[1]
    width = max(_WIDTH * math.sqrt(variance.max()), *(float(log_states.shape[1]) for log_states in states), 2.0)
    length = 1 << math.ceil(math.log2(width))
    # of the rows, which are alike, some will do, with the narrowest, which has the widest spectrum
    some = np.unique([*range(0, len(log_tilts), max(len(log_tilts) // _LOOKED_AT, 1)), int(variance.argmin())])
    sizes = [np.abs(np.fft.rfft(_tilted(log_states[some], log_tilts[some]), length)) for log_states in states]
    largest = np.zeros(length // 2 + 1)
    for k in range(len(sizes)):  # without one of the pools of each group
        without = [size ** (count - (j == k)) for j, (size, count) in enumerate(zip(sizes, counts, strict=True))]
        largest = np.maximum(largest, reduce(np.multiply, without).max(axis=0))
    return length, np.flatnonzero(largest > _LOST)


def _tilted(log_states: Floats, log_tilts: Floats) -> Floats:
    """The law of d = 0, 1, ... in each row, with each further one likelier by theta."""
    exponents = log_states + np.arange(log_states.shape[1]) * log_tilts[:, None]
    law: Floats = np.exp(exponents - exponents.max(axis=1, keepdims=True))
    law /= law.sum(axis=1, keepdims=True)
    return law


def _moments(states: Sequence[Floats], counts: Sequence[int], log_tilts: Floats) -> tuple[Floats, Floats]:
    """Mean and variance of the sum over all pools."""
    mean, variance = np.zeros_like(log_tilts), np.zeros_like(log_tilts)
    for log_states, count in zip(states, counts, strict=True):
        law, places = _tilted(log_states, log_tilts), np.arange(log_states.shape[1])
        one = law @ places
        mean += count * one
        variance += count * (law @ places**2 - one**2)
    return mean, variance
