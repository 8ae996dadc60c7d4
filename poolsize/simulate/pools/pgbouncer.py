"""PgBouncer's pool of one user and database, in transaction or statement mode, as src/janitor.c and src/objects.c have
it (commit 13a344f2, July 2026, before 1.26)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from poolsize.simulate.pools.lifo_pool import LifoPool

if TYPE_CHECKING:
    from poolsize.simulate.replication import Replication
    from poolsize.simulate.request import Request
    from poolsize.simulate.scenario import Scenario

JANITOR_S: Final = 1.0 / 3.0
"""`full_maint_period`: how often timeouts are looked at."""
SERVER_IDLE_TIMEOUT_S: Final = 600.0
"""The default of `server_idle_timeout`."""


class PgBouncerPool(LifoPool):
    """min_pool_size connections at first. While a client waits one login at a time is made, up to the pool's size, and
    beyond it into the reserve as long as the client that has waited longest has waited for reserve_pool_timeout."""

    def __init__(self, run: Replication, scenario: Scenario) -> None:
        super().__init__(run, scenario, idle_timeout_s=SERVER_IDLE_TIMEOUT_S)
        self._reserve = scenario.reserve_size if scenario.reserve_timeout_s > 0 else 0
        self._reserve_timeout_s = scenario.reserve_timeout_s
        self._is_logging_in = False

    def done(self, request: Request) -> None:
        super().done(request)
        if self._reserve:
            self._launch(None)  # each turn of the event loop looks after the clients that wait

    def _queued(self) -> None:
        self._launch(None)
        if self._reserve:
            self._events.at(_next_look(self._events.now + self._reserve_timeout_s), self._launch, None)

    def _launch(self, _: None) -> None:
        if not self._is_logging_in and not self._idle and self._is_wanted() and self._has_room():
            self._is_logging_in = True
            self._open += 1
            self._events.after(self._setup_s, self._logged_in, None)

    def _has_room(self) -> bool:
        if self._open < self._capacity:
            return True
        waited_s = self._events.now - self._waiting[0].arrived
        return self._open < self._capacity + self._reserve and waited_s >= self._reserve_timeout_s

    def _logged_in(self, _: None) -> None:
        self._is_logging_in = False
        self._tally.opens()
        self._give(self._events.now)
        self._launch(None)

    def _end_of_patience(self) -> float:
        return _next_look(super()._end_of_patience())

    def _waited_s(self, request: Request) -> float:
        return self._events.now - request.arrived

    def _look_at(self, time_s: float) -> float:
        return _next_look(super()._look_at(time_s))


def _next_look(time_s: float) -> float:
    """When the janitor looks next, later than that."""
    return (math.floor(time_s / JANITOR_S) + 1) * JANITOR_S
