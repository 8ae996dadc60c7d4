"""One run of a scenario, event by event."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from poolsize.datatypes import Trace
from poolsize.queueing import Closed
from poolsize.simulate.database import Database
from poolsize.simulate.events import Events
from poolsize.simulate.laws import exponential, holds, one_by_one
from poolsize.simulate.pools.pool import Pool
from poolsize.simulate.request import Request
from poolsize.simulate.sample import Sample
from poolsize.simulate.scenario import Scenario
from poolsize.simulate.semantics import SEMANTICS
from poolsize.simulate.tally import Tally
from poolsize.simulate.traffic import Replay, Stream, Threads, Traffic


class Replication:
    """Brings requests to their pools, holds connections for them, and counts."""

    def __init__(self, scenario: Scenario, rng: np.random.Generator, *, warm_up: int, requests: int) -> None:
        self.events: Final = Events()
        self._database = None if scenario.usl is None else Database(self.events, scenario.usl)
        self._reset_s = scenario.reset_s
        self._retries = scenario.retries
        self._retry_delays = one_by_one(exponential(rng, scenario.retry_delay_s))
        self._app_share = scenario.hold.app_s / scenario.hold.mean_s
        first = warm_up + scenario.pools * crowd_of(scenario) + 1
        self.tally: Final = Tally(self.events, first=first, requests=requests, settle=self._settle)
        kind = SEMANTICS[scenario.semantics].pool
        self._pools: Final[list[Pool]] = [kind(self, scenario) for _ in range(scenario.pools)]
        self._traffic = self._traffic_of(scenario, rng)

    def run(self) -> Sample:
        """Until all measured requests have been seen to."""
        self.events.run()
        return self.tally.sample()

    def start(self, request: Request, setup_s: float = 0.0) -> None:
        """The request has its connection; or, with `setup_s`, has it when it is opened, and holds its place."""
        self.tally.gets(request)
        if setup_s > 0.0:
            self.events.after(setup_s, self._hold, request)
        else:
            self._hold(request)

    def leave(self, request: Request) -> None:
        """Served, it goes away."""
        self._traffic.left(request)

    def give_up(self, request: Request, waited_s: float) -> None:
        """It has waited too long."""
        for_good = request.attempt >= self._retries
        self.tally.gives_up(request, waited_s, for_good=for_good)
        self._turn_away(request, for_good)

    def refuse(self, request: Request) -> None:
        """There are too many waiting already."""
        for_good = request.attempt >= self._retries
        self.tally.is_refused(request, for_good=for_good)
        self._turn_away(request, for_good)

    def _settle(self) -> None:
        for pool in self._pools:
            pool.settle()

    def _hold(self, request: Request) -> None:
        hold_s = request.hold_s + self._reset_s
        if self._database is None:
            self.events.after(hold_s, request.pool.done, request)
        else:
            self._database.work(hold_s - self._app_share * request.hold_s, self._compute, request)

    def _compute(self, request: Request) -> None:
        """The database has done its part; the application holds the connection for its own."""
        self.events.after(self._app_share * request.hold_s, request.pool.done, request)

    def _turn_away(self, request: Request, for_good: bool) -> None:
        if for_good:
            self._traffic.left(request)
        else:
            self.events.after(next(self._retry_delays), self._ask_again, request)

    def _ask_again(self, request: Request) -> None:
        self._ask(request.pool, request.hold_s, request.attempt + 1)

    def _traffic_of(self, scenario: Scenario, rng: np.random.Generator) -> Traffic:
        pools = self._pools
        drawn = one_by_one(holds(rng, scenario.hold))
        load, is_crowded = scenario.load, scenario.start == "full"
        if isinstance(load, Trace):
            return Replay(self.events, load, pools[0], drawn, self._ask)
        if isinstance(load, Closed):
            return Threads(self.events, load, pools, drawn, self._ask, rng, at_once=is_crowded)
        for pool in pools * crowd_of(scenario):
            self.events.after(0.0, lambda pool: self._ask(pool, next(drawn)), pool)
        return Stream(self.events, load, pools, drawn, self._ask, rng)

    def _ask(self, pool: Pool, hold_s: float, attempt: int = 0) -> None:
        request = Request(pool, hold_s, attempt, self.events.now)
        self.tally.asks(request)
        pool.ask(request)


def crowd_of(scenario: Scenario) -> int:
    """Requests that come to each pool in the first moment of a run that starts full: they take every connection, and
    wait in as long a row as the timeout allows; without one, in a row as long as there are connections."""
    load = scenario.load
    if scenario.start == "empty" or isinstance(load, Trace):
        return 0
    if isinstance(load, Closed):
        return load.threads
    waiting = scenario.capacity if scenario.timeout_s == math.inf else math.ceil(load.rate_per_s * scenario.timeout_s)
    return scenario.capacity + waiting
