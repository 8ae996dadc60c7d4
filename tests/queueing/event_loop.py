"""Pools event by event: arrivals, departures and timeouts in the order of time, and nothing else."""

from __future__ import annotations

import heapq
import random
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

from poolsize.queueing import Closed, Hold, Open


class Counts(NamedTuple):
    """Over a run."""

    asked: int
    """Requests that were not refused."""
    waits: list[float]
    """Of those, seconds."""
    timed_out: int
    refused: int
    opened: int
    seconds: float
    busy_s: float
    """Connections times the time for which they were held."""

    @property
    def mean_wait_s(self) -> float:
        return sum(self.waits) / self.asked

    def late(self, t_s: float) -> float:
        """The share that waited longer."""
        return sum(wait > t_s for wait in self.waits) / self.asked


class Loop:
    """One run. Holds are drawn from `draw`, or, with `rates` R_0..R_c, end one by one at the rate of as many as are
    held: exponential holds on a database that slows down."""

    def __init__(
        self,
        load: Open | Closed,
        capacity: int,
        *,
        timeout_s: float,
        draw: Callable[[random.Random], float] | None = None,
        rates: Sequence[float] | None = None,
        max_waiting: int | None = None,
        pool_size: int = 0,
        setup_s: float = 0.0,
        seed: int = 7,
    ) -> None:
        self.load, self.capacity, self.timeout_s = load, capacity, timeout_s
        self.draw, self.rates, self.max_waiting = draw, rates, max_waiting
        self.pool_size, self.setup_s = pool_size, setup_s
        self.rng = random.Random(seed)  # noqa: S311 - a simulation, not a secret
        self.events: list[tuple[float, int, str]] = []
        self.waiting: deque[tuple[float, int]] = deque()
        self.gone: set[int] = set()
        self.number = self.busy = self.connections = self.opened = self.timed_out = self.refused = self.speed = 0
        self.waits: list[float] = []
        self.now = self.busy_s = 0.0

    def run(self, requests: int) -> Counts:
        for _ in range(self.load.threads if isinstance(self.load, Closed) else 1):
            self._think()
        while len(self.waits) < requests:
            time, key, kind = heapq.heappop(self.events)
            self.busy_s += self.busy * (time - self.now)
            self.now = time
            if kind == "arrival":
                self._arrive()
            elif kind == "timeout":
                self._time_out(key)
            elif kind == "departure" or key == self.speed:
                self._depart()
        return Counts(len(self.waits), self.waits, self.timed_out, self.refused, self.opened, self.now, self.busy_s)

    def _schedule(self, after: float, kind: str) -> int:
        self.number += 1
        heapq.heappush(self.events, (self.now + after, self.number, kind))
        return self.number

    def _think(self) -> None:
        rate = 1.0 / self.load.think_s if isinstance(self.load, Closed) else self.load.rate_per_s
        self._schedule(self.rng.expovariate(rate), "arrival")

    def _arrive(self) -> None:
        if isinstance(self.load, Open):
            self._think()
        if self.busy < self.capacity:
            self.busy += 1
            self._hold(0.0)
        elif self.max_waiting is not None and len(self.waiting) >= self.max_waiting:
            self.refused += 1
            self._leave()
        else:
            self.waiting.append((self.now, self._schedule(self.timeout_s, "timeout")))

    def _hold(self, waited: float) -> None:
        self.waits.append(waited)
        setup = 0.0
        if self.busy > self.connections:
            self.connections += 1
            if self.connections > self.pool_size:  # the first ones, which are kept, are not churn
                self.opened += 1
                setup = self.setup_s
        if self.draw is not None:
            self._schedule(setup + self.draw(self.rng), "departure")
        else:
            self._next_end()

    def _next_end(self) -> None:
        """The next hold to end, by the present rate; any that was foreseen before is void."""
        if self.rates is not None and self.busy > 0:
            self.speed = self._schedule(self.rng.expovariate(self.rates[self.busy]), "end")

    def _depart(self) -> None:
        if self.waiting:
            since, timer = self.waiting.popleft()
            self.gone.add(timer)
            self._hold(self.now - since)
        else:
            self.busy -= 1
            self.connections = min(self.connections, self.busy + self.pool_size)
            self._next_end()
        self._leave()

    def _time_out(self, key: int) -> None:
        if key in self.gone:
            self.gone.discard(key)
            return
        self.waiting.popleft()
        self.timed_out += 1
        self.waits.append(self.timeout_s)
        self._leave()

    def _leave(self) -> None:
        """Back to thinking."""
        if isinstance(self.load, Closed):
            self._think()


def exponential(hold: Hold) -> Callable[[random.Random], float]:
    """Draws of exponential holds."""
    return lambda rng: rng.expovariate(1.0 / hold.mean_s)
