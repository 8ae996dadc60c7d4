"""Pools that hand out the connection that was used last, so that the others may become idle for long enough."""

from __future__ import annotations

from typing import TYPE_CHECKING

from poolsize.simulate.pools.pool import Pool

if TYPE_CHECKING:
    from poolsize.simulate.replication import Replication
    from poolsize.simulate.scenario import Scenario


class LifoPool(Pool):
    """Closes connections that were idle for longer than a timeout."""

    def __init__(self, run: Replication, scenario: Scenario, *, idle_timeout_s: float) -> None:
        super().__init__(run, scenario)
        self._idle_timeout_s = idle_timeout_s if scenario.idle_timeout_s is None else scenario.idle_timeout_s
        self._is_watching = False

    def _take(self) -> None:
        self._idle.pop()

    def _keep(self, now: float) -> None:
        self._idle.append(now)
        self._watch()

    def _may_close(self) -> bool:
        """Whether an idle connection is more than what is kept anyhow."""
        return self._open > self._kept

    def _look_at(self, time_s: float) -> float:
        """When the pool looks after idle connections, from `time_s` on."""
        return max(time_s, self._events.now)

    def _watch(self) -> None:
        if not self._is_watching and self._may_close():
            self._is_watching = True
            self._events.at(self._look_at(self._idle[0] + self._idle_timeout_s), self._close_some, None)

    def _close_some(self, _: None) -> None:
        self._is_watching = False
        now = self._events.now
        while self._idle and self._idle[0] + self._idle_timeout_s <= now and self._may_close():
            self._idle.popleft()
            self._open -= 1
        if self._idle:
            self._watch()
