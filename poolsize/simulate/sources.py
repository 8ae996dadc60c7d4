"""Where the recursion's requests come from, in many replications at once."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from poolsize.simulate.sample import Floats
from poolsize.simulate.sorted_times import SortedTimes


class Source(Protocol):
    """Where requests come from."""

    def draw(self, requests: int) -> None:
        """Get the random numbers for so many requests ready."""

    def asked(self, request: int) -> Floats:
        """When the next request comes in each replication; `request` counts from the last draw."""

    def served(self, request: int, done: Floats, late: NDArray[np.bool_] | None) -> None:
        """It was done with its connection at `done`, or gave up where `late`."""


class Poisson:
    """An open load: requests come whatever becomes of the others."""

    def __init__(self, rng: np.random.Generator, rate_per_s: float, replications: int) -> None:
        self._rng, self._mean_s = rng, 1.0 / rate_per_s
        self._times = np.zeros((1, replications))

    def draw(self, requests: int) -> None:
        last = self._times[-1]
        times = self._rng.standard_exponential((requests, len(last)))
        times *= self._mean_s
        times[0] += last
        self._times = np.cumsum(times, axis=0, out=times)

    def asked(self, request: int) -> Floats:
        row: Floats = self._times[request]
        return row

    def served(self, request: int, done: Floats, late: NDArray[np.bool_] | None) -> None:
        """Nothing depends on it."""


class Recorded:
    """Requests at given times, the same in every replication."""

    def __init__(self, times: Floats) -> None:
        self._times, self._next, self._first = times[:, np.newaxis], 0, 0

    def draw(self, requests: int) -> None:
        self._first, self._next = self._next, self._next + requests

    def asked(self, request: int) -> Floats:
        row: Floats = self._times[self._first + request]
        return row

    def served(self, request: int, done: Floats, late: NDArray[np.bool_] | None) -> None:
        """Nothing depends on it."""


class Threads:
    """A finite source: each thread asks again a time after its connection went back, or after it gave up."""

    def __init__(
        self, rng: np.random.Generator, threads: int, think_s: float, timeout_s: float, replications: int
    ) -> None:
        self._rng, self._think_s, self._timeout_s = rng, think_s, timeout_s
        self._asks = SortedTimes(rng.standard_exponential((threads, replications)) * think_s)
        self._asked, self._thinks = np.empty(replications), np.empty((0, replications))

    def draw(self, requests: int) -> None:
        self._thinks = self._rng.standard_exponential((requests, len(self._asked)))
        self._thinks *= self._think_s

    def asked(self, request: int) -> Floats:  # noqa: ARG002 - the earliest of the threads, whichever request it is
        np.copyto(self._asked, self._asks.first)
        return self._asked

    def served(self, request: int, done: Floats, late: NDArray[np.bool_] | None) -> None:
        again = self._thinks[request]
        if late is None:
            again += done
        else:
            self._asked += self._timeout_s
            again += np.where(late, self._asked, done)
        self._asks.replace_first(again)
