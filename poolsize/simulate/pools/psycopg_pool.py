"""psycopg_pool's ConnectionPool, as pool.py has it (3.3.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from poolsize.simulate.pools.pool import Pool

if TYPE_CHECKING:
    from poolsize.simulate.replication import Replication
    from poolsize.simulate.scenario import Scenario

MAX_IDLE_S: Final = 600.0
"""The default of `max_idle`."""


class PsycopgPool(Pool):
    """min_size connections at first. When a request has to wait, one more is opened in the background, one at a time,
    and goes to whoever has waited the longest; so it goes on while anybody waits. Every max_idle one connection is
    closed if at least one was never needed meanwhile."""

    def __init__(self, run: Replication, scenario: Scenario) -> None:
        super().__init__(run, scenario)
        self._is_growing = False
        self._least_idle = len(self._idle)
        """Since the last look at it."""
        if self._kept < self._capacity:
            self._max_idle_s = MAX_IDLE_S if scenario.idle_timeout_s is None else scenario.idle_timeout_s
            self._events.after(self._max_idle_s, self._shrink, None)

    def _take(self) -> None:
        self._idle.popleft()
        self._least_idle = min(self._least_idle, len(self._idle))

    def _queued(self) -> None:
        if self._open < self._capacity and not self._is_growing:
            self._is_growing = True
            self._grow()

    def _grow(self) -> None:
        self._open += 1
        self._events.after(self._setup_s, self._grown, None)

    def _grown(self, _: None) -> None:
        self._tally.opens()
        self._give(self._events.now)
        # Requests that have given up still count here, as they do in the library, until their turn comes.
        if self._open < self._capacity and self._waiting:
            self._grow()
        else:
            self._is_growing = False

    def _shrink(self, _: None) -> None:
        unneeded, self._least_idle = self._least_idle, len(self._idle)
        if self._open > self._kept and unneeded > 0 and self._idle:
            self._idle.popleft()
            self._open -= 1
            self._least_idle -= 1
        self._events.after(self._max_idle_s, self._shrink, None)
