"""Pools over one database, event by event: nothing here is shared with what it is compared to but the names."""

from __future__ import annotations

import math
import random
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from poolsize.queueing import Closed, Open, Usl
from poolsize.queueing.fleet_pools import Pools

TURNS = 8
"""Mean number of times that a hold with an application's part goes to the database: with so many it is nearly as
exponential as one without."""


@dataclass(frozen=True)
class Run:
    """What was counted: shares of the arrivals and their mean wait at a pool of each group, and the mean number of
    connections that the database worked for."""

    wait_probability: list[float]
    timeout_probability: list[float]
    mean_wait_s: list[float]
    active: float


class Simulation:
    """A hold is exponential time in the database, which slows down with all that are in it, or such times in turn with
    others in the application. FIFO in each pool, patience exactly the timeout. As nothing else has a memory, what
    comes next is drawn afresh at each event."""

    def __init__(self, groups: Sequence[Pools], usl: Usl, seed: int) -> None:
        self.groups, self.usl, self.now = groups, usl, 0.0
        self.random = random.Random(seed)  # noqa: S311 - nothing secret is drawn
        kinds = [k for k, group in enumerate(groups) for _ in range(group.count)]
        self.pools_of = [[pool for pool, kind in enumerate(kinds) if kind == k] for k in range(len(groups))]
        self.held = [0] * len(kinds)
        self.waiting: list[deque[float]] = [deque() for _ in kinds]
        """Of each pool the times of arrival."""
        self.deadlines: list[deque[tuple[float, int]]] = [deque() for _ in groups]
        self.in_database: list[list[int]] = [[] for _ in groups]
        """The pools of the connections."""
        self.in_application: list[list[int]] = [[] for _ in groups]
        self.thinking = [
            [pool for pool in pools for _ in range(group.load.threads)] if isinstance(group.load, Closed) else []
            for group, pools in zip(groups, self.pools_of, strict=True)
        ]
        self.forget()

    @property
    def active(self) -> int:
        return sum(map(len, self.in_database))

    def forget(self) -> None:
        """Count from now on."""
        self.since, self.active_s = self.now, 0.0
        self.arrived, self.waited, self.gave_up = ([0] * len(self.groups) for _ in range(3))
        self.wait_s = [0.0] * len(self.groups)

    def run(self, seconds: float, *, burst: float = 1.0) -> Run:
        """Go on, with `burst` times the arrivals."""
        end = self.now + seconds
        while self.now < end:
            self.event(burst)
        arrived = [max(count, 1) for count in self.arrived]
        return Run(
            [x / n for x, n in zip(self.waited, arrived, strict=True)],
            [x / n for x, n in zip(self.gave_up, arrived, strict=True)],
            [x / n for x, n in zip(self.wait_s, arrived, strict=True)],
            self.active_s / (self.now - self.since),
        )

    def event(self, burst: float = 1.0) -> None:
        slowdown = self.usl.slowdown(max(self.active, 1))
        rates = []
        for k, group in enumerate(self.groups):
            if isinstance(group.load, Open):
                rates.append(burst * group.count * group.load.rate_per_s)
            else:
                rates.append(burst * len(self.thinking[k]) / group.load.think_s)
            turns = TURNS if group.hold.app_s else 1
            rates.append(turns * len(self.in_database[k]) / (group.database_s * slowdown))
            rates.append(turns * len(self.in_application[k]) / group.hold.app_s if group.hold.app_s else 0.0)
        then = self.now + self.random.expovariate(sum(rates))
        deadline, late = min((queue[0][0], k) if queue else (math.inf, k) for k, queue in enumerate(self.deadlines))
        self.active_s += self.active * (min(then, deadline) - self.now)
        self.now = min(then, deadline)
        if deadline < then:
            self._deadline(late)
            return
        k, what = divmod(self.random.choices(range(len(rates)), rates)[0], 3)
        (self._arrival, self._computed, self._done)[what](k)

    def _arrival(self, k: int) -> None:
        group = self.groups[k]
        is_open = isinstance(group.load, Open)
        pool = self.random.choice(self.pools_of[k]) if is_open else self._one_of(self.thinking[k])
        self.arrived[k] += 1
        if self.held[pool] < group.capacity:
            self.held[pool] += 1
            self.in_database[k].append(pool)
            return
        self.waited[k] += 1
        self.waiting[pool].append(self.now)
        if group.timeout_s < math.inf:
            self.deadlines[k].append((self.now + group.timeout_s, pool))

    def _computed(self, k: int) -> None:
        if self.groups[k].hold.app_s:
            self.in_application[k].append(self._one_of(self.in_database[k]))
        else:
            self._returned(k, self._one_of(self.in_database[k]))

    def _done(self, k: int) -> None:
        pool = self._one_of(self.in_application[k])
        if self.random.random() * TURNS < 1.0:
            self._returned(k, pool)
        else:
            self.in_database[k].append(pool)

    def _returned(self, k: int, pool: int) -> None:
        if isinstance(self.groups[k].load, Closed):
            self.thinking[k].append(pool)
        if self.waiting[pool]:
            self.wait_s[k] += self.now - self.waiting[pool].popleft()
            self.in_database[k].append(pool)
        else:
            self.held[pool] -= 1

    def _deadline(self, k: int) -> None:
        """The next to give up, if it has not been served since."""
        deadline, pool = self.deadlines[k].popleft()
        timeout_s = self.groups[k].timeout_s
        if self.waiting[pool] and self.waiting[pool][0] + timeout_s == deadline:
            self.waiting[pool].popleft()
            self.gave_up[k] += 1
            self.wait_s[k] += timeout_s
            if isinstance(self.groups[k].load, Closed):
                self.thinking[k].append(pool)

    def _one_of(self, pools: list[int]) -> int:
        index = self.random.randrange(len(pools))
        pools[index], pools[-1] = pools[-1], pools[index]
        return pools.pop()
