"""One run: the pool opened, loaded, and closed whatever happens, in a thread of its own."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable
from typing import Final

from poolsize.live.pools.pool import AsyncOpenPool, Book, OpenPool, Order, clock
from poolsize.live.verify_async import Tasks
from poolsize.live.verify_load import MOST_THREADS, arrivals_of, turns_of
from poolsize.live.verify_plan import VerifyPlan
from poolsize.live.verify_threads import Threads
from poolsize.live.verify_visits import Log
from poolsize.queueing import Closed

END_S: Final = 3.0
"""For the requests that are under way at the end; of a server that is gone nobody waits for more."""


class Run:
    """The main thread stays free to be interrupted, which it cannot be while it waits for another."""

    def __init__(
        self, plan: VerifyPlan, order: Order, stop: threading.Event, done: Callable[[], None],
        on_error: Callable[[Exception], None],
    ) -> None:  # fmt: skip
        self.log = Log(clock())
        self.book: Book | None = None
        """None: the pool was not opened."""
        self.failure: BaseException | None = None
        """What ended it."""
        self._plan, self._order, self._stop = plan, order, stop
        self._done, self._on_error = done, on_error
        self._end_s: float | None = None
        self._thread = threading.Thread(target=self._guarded, name="poolsize load", daemon=True)

    @property
    def is_under_way(self) -> bool:
        return self._thread.is_alive()

    @property
    def elapsed_s(self) -> float:
        """Since the load began; at its end, as long as it was."""
        return (self._end_s or clock()) - self.log.begin_s

    def start(self) -> None:
        self._thread.start()

    def join(self) -> None:
        """A little while after `stop` is set."""
        self._thread.join(END_S)

    def _guarded(self) -> None:
        try:
            if self._plan.kind.is_async:
                with asyncio.Runner(loop_factory=_loop) as runner:
                    runner.run(self._run_tasks())
            else:
                self._run_threads()
        except BaseException as error:  # told by the main thread
            self.failure = error
        self._end_s = clock()

    def _begun(self, book: Book) -> None:
        self.book = book
        self.log = Log(clock(), done=self._done)

    def _run_threads(self) -> None:
        plan, seconds = self._plan, self._plan.warm_up_s + self._plan.duration_s
        pool: OpenPool = plan.kind.open(self._order)
        try:
            self._begun(pool.book)
            threads = Threads(pool, self.log, self._stop, self._on_error)
            if isinstance(plan.load, Closed):
                threads.run_closed(turns_of(plan.load, plan.hold, plan.seed), seconds)
            else:
                most = plan.connections if plan.kind.is_pooler else MOST_THREADS
                threads.run_open(arrivals_of(plan.load, plan.hold, seconds, plan.seed), most)
        finally:
            pool.close()

    async def _run_tasks(self) -> None:
        plan, seconds = self._plan, self._plan.warm_up_s + self._plan.duration_s
        pool: AsyncOpenPool = await plan.kind.open(self._order)
        try:
            self._begun(pool.book)
            tasks = Tasks(pool, self.log, self._stop, self._on_error)
            if isinstance(plan.load, Closed):
                await tasks.run_closed(turns_of(plan.load, plan.hold, plan.seed), seconds)
            else:
                await tasks.run_open(arrivals_of(plan.load, plan.hold, seconds, plan.seed))
        finally:
            await pool.close()


def _loop() -> asyncio.AbstractEventLoop:
    """psycopg cannot use the loop that Windows has by default."""
    return asyncio.SelectorEventLoop() if sys.platform == "win32" else asyncio.new_event_loop()
