"""asyncpg's Pool, as pool.py has it (0.32.0)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from poolsize.simulate.pools.lifo_pool import LifoPool

if TYPE_CHECKING:
    from poolsize.simulate.replication import Replication
    from poolsize.simulate.request import Request
    from poolsize.simulate.scenario import Scenario

MAX_INACTIVE_S: Final = 300.0
"""The default of `max_inactive_connection_lifetime`."""


class AsyncpgPool(LifoPool):
    """A fixed number of places, min_size of them connected at first. A request gets the connection that was used last;
    where only an unconnected place is free it connects that by itself, and its timeout runs on meanwhile."""

    def __init__(self, run: Replication, scenario: Scenario) -> None:
        super().__init__(run, scenario, idle_timeout_s=MAX_INACTIVE_S)
        self._connecting: Final[set[Request]] = set()

    def _open_for(self, request: Request) -> bool:
        if self._open >= self._capacity:
            return False
        self._be_patient(request)
        self._connect(request)
        return True

    def _connect(self, request: Request) -> None:
        self._open += 1
        self._tally.opens()
        self._connecting.add(request)
        self._events.after(self._setup_s, self._connected, request)

    def _connected(self, request: Request) -> None:
        if request in self._connecting:
            self._connecting.remove(request)
            request.is_waiting = False
            self._run.start(request)

    def give_up(self, request: Request) -> None:
        """While it connects: that is cancelled, and the place goes to the next."""
        if request not in self._connecting:
            super().give_up(request)
            return
        self._connecting.remove(request)
        self._open -= 1
        request.is_waiting = False
        following = self._next()
        if following is not None:
            self._connect(following)
        self._run.give_up(request, self._waited_s(request))
