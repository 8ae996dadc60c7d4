"""Where requests come from, in a run event by event."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np

from poolsize.queueing import Closed, Open
from poolsize.simulate.laws import exponential, one_by_one

if TYPE_CHECKING:
    from poolsize.simulate.events import Events
    from poolsize.simulate.pools.pool import Pool
    from poolsize.simulate.request import Request
    from poolsize.simulate.scenario import Trace

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
        self._events, self._ask, self._holds = events, ask, holds
        self._gaps = one_by_one(exponential(rng, 1.0 / (load.rate_per_s * len(pools))))
        self._pools = _any_of(pools, rng)
        self._events.after(next(self._gaps), self._arrive, None)

    def left(self, request: Request) -> None:
        """Nothing depends on it."""

    def _arrive(self, _: None) -> None:
        self._events.after(next(self._gaps), self._arrive, None)
        self._ask(next(self._pools), next(self._holds))


def _any_of(pools: Sequence[Pool], rng: np.random.Generator) -> Iterator[Pool]:
    """Each request of the common stream goes to any of them, which makes independent streams of it."""
    while True:
        yield from pools if len(pools) == 1 else (pools[i] for i in rng.integers(len(pools), size=1024).tolist())


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
        self._events, self._ask, self._pool = events, ask, pool
        self._arrivals = iter(trace.arrivals_s)
        self._holds = holds if trace.holds_s is None else iter(trace.holds_s)
        self._follow()

    def left(self, request: Request) -> None:
        """Nothing depends on it."""

    def _follow(self) -> None:
        arrival = next(self._arrivals, None)
        if arrival is not None:
            self._events.at(arrival, self._arrive, None)

    def _arrive(self, _: None) -> None:
        self._follow()
        self._ask(self._pool, next(self._holds))
