"""HikariCP's pool, as HikariPool.java and ConcurrentBag.java have it (6.0.0)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from poolsize.simulate.pools.lifo_pool import LifoPool

if TYPE_CHECKING:
    from poolsize.simulate.replication import Replication
    from poolsize.simulate.request import Request
    from poolsize.simulate.scenario import Scenario

ADDER_PAUSE_S: Final = 0.030
"""After each connection the thread that adds them sleeps: PoolEntryCreator.call."""
FIRST_HOUSEKEEPING_S: Final = 0.1
HOUSEKEEPING_S: Final = 30.0
"""com.zaxxer.hikari.housekeeping.periodMs."""
IDLE_TIMEOUT_S: Final = 600.0
"""The default of `idleTimeout`."""


class HikariPool(LifoPool):
    """minimumIdle connections at first. A request that has to wait orders one more from the thread that adds them, one
    at a time; it gets that one or a returned one, whichever its turn comes to first. Every 30 s the pool is filled up
    to minimumIdle idle ones, and what was idle too long beyond them is closed.

    Which of the idle connections one gets is the last used here. In the library it is the thread's own, else the
    oldest; that only bears upon which of them become idle for long.
    """

    def __init__(self, run: Replication, scenario: Scenario) -> None:
        super().__init__(run, scenario, idle_timeout_s=IDLE_TIMEOUT_S)
        self._orders = 0
        self._is_adding = False
        self._waiters = 0
        if self._kept < self._capacity:
            self._events.after(FIRST_HOUSEKEEPING_S, self._keep_house, None)

    def _queued(self) -> None:
        self._waiters += 1
        if self._waiters > self._orders:
            self._order()

    def _next(self) -> Request | None:
        request = super()._next()
        if request is not None:
            self._waiters -= 1
        return request

    def give_up(self, request: Request) -> None:
        if request.is_waiting:
            self._waiters -= 1
        super().give_up(request)

    def _order(self) -> None:
        if self._orders < self._capacity:  # the length of the adder's queue
            self._orders += 1
        if not self._is_adding:
            self._work_off(None)

    def _work_off(self, _: None) -> None:
        """What the thread that adds connections does next."""
        self._is_adding = False
        while self._orders and not self._is_adding:
            self._orders -= 1
            if self._is_needed():
                self._is_adding = True
                self._events.after(self._setup_s, self._added, None)

    def _is_needed(self) -> bool:
        idle = len(self._idle)
        return self._open < self._capacity and (idle < self._kept or self._waiters > idle)

    def _added(self, _: None) -> None:
        self._open += 1
        self._tally.opens()
        self._give(self._events.now)
        self._events.after(ADDER_PAUSE_S, self._work_off, None)

    def _may_close(self) -> bool:
        return len(self._idle) > self._kept

    def _watch(self) -> None:
        """The housekeeper looks anyhow."""

    def _keep_house(self, _: None) -> None:
        self._close_some(None)
        if self._open < self._capacity:
            for _place in range(self._kept - len(self._idle)):
                self._order()
        self._events.after(HOUSEKEEPING_S, self._keep_house, None)
