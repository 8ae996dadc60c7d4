"""The same load on a pool by tasks of one event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Final

from poolsize.live.pools.pool import AsyncClient, AsyncOpenPool, GaveUpError, clock
from poolsize.live.verify_load import Arrivals, Turns
from poolsize.live.verify_visits import Log, Visit

_LOOK_S: Final = 0.1
"""How often a task that waits for long looks whether the run was stopped."""


class Tasks:
    """Requests by tasks until `stop` is set or there are no more."""

    def __init__(
        self, pool: AsyncOpenPool, log: Log, stop: threading.Event, on_error: Callable[[Exception], None]
    ) -> None:
        self._pool, self._log, self._stop, self._on_error = pool, log, stop, on_error

    async def run_closed(self, turns: list[Turns], seconds: float) -> None:
        """One task for each; they make requests for so many seconds."""
        end_s = self._log.begin_s + seconds
        async with asyncio.TaskGroup() as under_way:
            for one in turns:
                under_way.create_task(self._customer(one, end_s))

    async def run_open(self, arrivals: Arrivals) -> None:
        """A task for each arrival."""
        async with asyncio.TaskGroup() as under_way:
            for due, hold_s in zip(arrivals.due_s.tolist(), arrivals.holds_s.tolist(), strict=True):
                due_s = self._log.begin_s + due
                if await self._stopped_before(due_s):
                    return
                under_way.create_task(self._visit(self._pool.client(), due_s, hold_s))

    async def _customer(self, turns: Turns, end_s: float) -> None:
        due_s = clock()
        while True:
            due_s += next(turns.thinks_s)
            if due_s > end_s or await self._stopped_before(due_s):
                return
            await self._visit(self._pool.client(), due_s, next(turns.holds_s))
            due_s = clock()

    async def _stopped_before(self, due_s: float) -> bool:
        while (left_s := due_s - clock()) > 0.0 and not self._stop.is_set():
            await asyncio.sleep(min(left_s, _LOOK_S))
        return self._stop.is_set()

    async def _visit(self, client: AsyncClient, due_s: float, hold_s: float) -> None:
        asked_s = clock()
        try:
            try:
                connection = await client.ask()
            except GaveUpError:
                left_s = clock()
                self._log.append(Visit(due_s, asked_s, left_s, left_s, None))
                return
            got_s = clock()
            await client.hold(hold_s)
            done_s = await client.give_back()
            self._log.append(Visit(due_s, asked_s, got_s, done_s, connection))
        except Exception as error:
            self._log.failed(error)
            self._on_error(error)
            await client.recover()
