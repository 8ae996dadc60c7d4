"""Pools that slow each other down over one database, each in the mean effect of the others."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import reduce
from typing import Final, NamedTuple

import numpy as np

from poolsize.queueing.fleet_pools import Pools, binomials, queue_of, slowdowns
from poolsize.queueing.floats import Floats
from poolsize.queueing.model import Usl

_SETTLED: Final = 1e-11
"""Share of all connections by which a further step may still change how many are held."""
_STEPS: Final = 5000
"""Some fifty are usual. Thousands are needed only where two solutions are about to meet."""


class PoolState(NamedTuple):
    """One of the pools of a group."""

    law: Floats
    """Probabilities of 0..capacity held connections."""
    at_work: Floats
    """P(the database is working for a held connection), with 0..capacity of them held."""


State = tuple[PoolState, ...]
"""Of each group."""


class Field:
    """What the pools make of each other.

    A pool that holds b connections completes R_b = b E[1 / (A + B phi(M + J))] requests per second: A and B are the
    application's and the database's part of the hold, M how many of the b the database works for, J how many of those
    of all the other pools. J is taken as a sum of independent counts with the pools' own laws. `step` takes such laws
    and returns those of the birth-death chains with these rates; a fixed point is a fleet that sustains itself.

    A busier database never leaves fewer connections held, so `step` preserves the order of states. Without damping it
    therefore rises from all idle to the least fixed point and falls from all held to the greatest, and any other lies
    between the two (Tarski, Pacific J. Math. 5, 1955).

    Exact for one pool (but for the application's part, within some percent) and without slow-down. Else it leaves out
    that the pools are busy at the same time, and errs on the hopeful side: little far from the peak, much near it.
    """

    def __init__(self, groups: Sequence[Pools], usl: Usl) -> None:
        """`groups` with the largest capacities that a state will have; smaller ones need no field of their own."""
        self.groups = groups
        most = sum(group.count * group.usable(group.capacity) for group in groups)
        self._length = 1 << most.bit_length()
        slowdown = slowdowns(usl, self._length - 1)
        speeds = [1.0 / (group.hold.app_s + group.database_s * slowdown) for group in groups]
        self._speeds = [np.fft.rfft(speed) for speed in speeds]

    def idle(self, capacities: Sequence[int]) -> State:
        return tuple(
            PoolState(np.eye(1, most + 1)[0], np.full(most + 1, group.database_s / group.hold.mean_s))
            for group, most in self._usable(capacities)
        )

    def busy(self, capacities: Sequence[int]) -> State:
        return tuple(
            PoolState(np.eye(1, most + 1, most)[0], np.full(most + 1, float(group.database_s > 0.0)))
            for group, most in self._usable(capacities)
        )

    def _usable(self, capacities: Sequence[int]) -> list[tuple[Pools, int]]:
        return [(group, group.usable(c)) for group, c in zip(self.groups, capacities, strict=True)]

    def speeds(self, state: State) -> list[Floats]:
        """Of each group, E[1 / (A + B phi(M + J))] with 0..capacity connections of a pool held, 1/s."""
        transforms = [np.fft.rfft(self._active_law(k, pool), self._length) for k, pool in enumerate(state)]
        found = []
        for k, pool in enumerate(state):
            counts = [group.count - (j == k) for j, group in enumerate(self.groups)]
            others = reduce(np.multiply, (t**count for t, count in zip(transforms, counts, strict=True)))
            # the mean over J of the speed at m + J, for all m, is a correlation
            speeds = np.fft.irfft(np.conj(others) * self._speeds[k], self._length)[: len(pool.law)]
            found.append(speeds if self.groups[k].hold.app_s == 0.0 else binomials(pool.at_work) @ speeds)
        return found

    def _active_law(self, k: int, pool: PoolState) -> Floats:
        """Of the connections of a pool that the database works for."""
        return pool.law if self.groups[k].hold.app_s == 0.0 else pool.law @ binomials(pool.at_work)

    def step(self, state: State) -> State:
        return tuple(
            PoolState(_law(group, len(pool.law) - 1, speeds), np.maximum(1.0 - group.hold.app_s * speeds, 0.0))
            for group, pool, speeds in zip(self.groups, state, self.speeds(state), strict=True)
        )

    def settle(self, state: State) -> tuple[State, bool]:
        """The fixed point that the state leads to, and whether it was reached."""
        most = sum(group.count * (len(pool.law) - 1) for group, pool in zip(self.groups, state, strict=True))
        held = self.held(state)
        for _ in range(_STEPS):
            state = self.step(state)
            last, held = held, self.held(state)
            if abs(held - last) <= _SETTLED * most:
                return state, True
        return state, False

    def held(self, state: State) -> float:
        """Mean number of held connections of the whole fleet."""
        return sum(group.count * _mean(pool.law) for group, pool in zip(self.groups, state, strict=True))

    def active(self, state: State) -> float:
        """Mean number of connections that the database works for."""
        return sum(
            group.count * _mean(self._active_law(k, pool))
            for k, (group, pool) in enumerate(zip(self.groups, state, strict=True))
        )


def _law(group: Pools, most: int, speeds: Floats) -> Floats:
    """The stationary law of 0..`most` held connections in a pool, each of which is done with `speeds` per second."""
    rates = np.arange(1, most + 1) * speeds[1:]
    with np.errstate(divide="ignore"):  # no arrivals leave all states but the first empty
        weights = np.concatenate([[0.0], np.cumsum(np.log(group.births(0, most)) - np.log(rates))])
    weights[-1] += queue_of(group, most, rates[-1:]).log_weight[0]
    if weights[-1] == math.inf:
        full: Floats = np.eye(1, most + 1, most)[0]
        return full
    law: Floats = np.exp(weights - weights.max())
    law /= law.sum()
    return law


def _mean(law: Floats) -> float:
    return float(np.arange(len(law)) @ law)
