"""Where requests come from, in a run event by event."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import repeat
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np

from poolsize.queueing import Closed, Open
from poolsize.simulate.laws import exponential, one_by_one

if TYPE_CHECKING:
    from poolsize.datatypes import Trace
    from poolsize.simulate.events import Events
    from poolsize.simulate.pools.pool import Pool
    from poolsize.simulate.request import Request

_STREAM: Final = 1024
"""Arrivals that are drawn at once."""

Ask = Callable[["Pool", float], None]
"""Send a request with this hold, seconds, to that pool."""


class Traffic(Protocol):
    """Asks from its making on."""

    def left(self, request: Request) -> None:
        """The request is over: served, or turned away for good."""


class Stream:
    """An open load on each of the pools, whatever becomes of the requests."""

    def __init__(
        self,
        events: Events,
        load: Open,
        pools: Sequence[Pool],
        holds: Iterator[float],
        ask: Ask,
        rng: np.random.Generator,
    ) -> None:
        self._ask, self._holds = ask, holds
        self._pools = _any_of(pools, rng)
        events.follow(_arrivals(rng, load.rate_per_s * len(pools)), self._arrive)

    def left(self, request: Request) -> None:
        """Nothing depends on it."""

    def _arrive(self) -> None:
        self._ask(next(self._pools), next(self._holds))


def _arrivals(rng: np.random.Generator, rate_per_s: float) -> Iterator[float]:
    """Of a Poisson process, without end."""
    last_s = 0.0
    while True:
        times = last_s + np.cumsum(rng.standard_exponential(_STREAM)) / rate_per_s
        last_s = float(times[-1])
        yield from times.tolist()


def _any_of(pools: Sequence[Pool], rng: np.random.Generator) -> Iterator[Pool]:
    """Each request of the common stream goes to any of them, which makes independent streams of it."""
    if len(pools) == 1:
        return repeat(pools[0])
    blocks = iter(lambda: rng.integers(len(pools), size=_STREAM).tolist(), None)
    return (pools[number] for block in blocks for number in block)


class Threads:
    """So many threads on each pool, which think between their requests."""

    def __init__(
        self,
        events: Events,
        load: Closed,
        pools: Sequence[Pool],
        holds: Iterator[float],
        ask: Ask,
        rng: np.random.Generator,
        *,
        at_once: bool,
    ) -> None:
        """`at_once`: all of them ask in the first moment."""
        self._events, self._ask, self._holds = events, ask, holds
        self._thinks = one_by_one(exponential(rng, load.think_s))
        for pool in pools:
            for _thread in range(load.threads):
                self._events.after(0.0 if at_once else next(self._thinks), self._arrive, pool)

    def left(self, request: Request) -> None:
        self._events.after(next(self._thinks), self._arrive, request.pool)

    def _arrive(self, pool: Pool) -> None:
        self._ask(pool, next(self._holds))


class Replay:
    """Requests as they were recorded, to the only pool."""

    def __init__(self, events: Events, trace: Trace, pool: Pool, holds: Iterator[float], ask: Ask) -> None:
        self._ask, self._pool = ask, pool
        self._holds = holds if trace.holds_s is None else iter(trace.holds_s)
        events.follow(iter(trace.arrivals_s), self._arrive)

    def left(self, request: Request) -> None:
        """Nothing depends on it."""

    def _arrive(self) -> None:
        self._ask(self._pool, next(self._holds))
