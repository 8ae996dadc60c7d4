"""SQLAlchemy's QueuePool and AsyncAdaptedQueuePool, as `_do_get` and `_do_return_conn` of sqlalchemy/pool/impl.py and
`Queue` of sqlalchemy/util/queue.py have them (2.1.9)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from poolsize.simulate.interpreter import Interpreter
from poolsize.simulate.pools.pool import Pool

if TYPE_CHECKING:
    from poolsize.simulate.replication import Replication
    from poolsize.simulate.request import Request
    from poolsize.simulate.scenario import Scenario


class QueuePool(Pool):
    """A request that finds no idle connection opens one by itself where there may be more; a returned one is closed
    where pool_size are idle already. In an event loop a returned connection goes to the coroutine that has waited the
    longest.

    With a large pool_size the number of open connections takes hours to forget how many there were: each new record of
    busy ones opens one, and only a lull closes one. So it is settled with as many as there could be, and beside it is
    counted what a pool would open that had as few as there could be. The two meet sooner or later, and stay together.
    """

    def __init__(self, run: Replication, scenario: Scenario) -> None:
        super().__init__(run, scenario)
        self._fewest = self._open
        """Open connections in the second pool."""

    def settle(self) -> None:
        now, busy = self._events.now, self._open - len(self._idle)
        while len(self._idle) < self._kept and self._open < self._capacity:
            self._idle.append(now)
            self._open += 1
        self._fewest = busy

    def _take(self) -> None:
        if self._fewest != self._open:  # so that there are idle ones in this pool
            self._follow()
        self._idle.popleft()

    def _follow(self) -> None:
        """The second pool sees the same request: it opens a connection where it has no idle one."""
        busy = self._open - len(self._idle)
        self._fewest = min(self._fewest, busy + self._kept)
        if busy == self._fewest < self._capacity:
            self._fewest += 1
            self._tally.might_open(1)

    def _open_for(self, request: Request) -> bool:
        if self._open >= self._capacity:
            return False
        self._open += 1
        self._fewest = self._open  # since all are busy in both
        self._tally.opens()
        self._run.start(request, self._setup_s)
        return True

    def _keep(self, now: float) -> None:
        if len(self._idle) < self._kept:
            self._idle.append(now)
        else:
            self._open -= 1
            self._fewest = min(self._fewest, self._open)


class ThreadedQueuePool(QueuePool):
    """The same with threads. A returned connection goes into the queue, and the thread that has waited the longest is
    told so; but whoever runs first takes it, and a thread that finds the queue empty again waits as the last."""

    def __init__(self, run: Replication, scenario: Scenario) -> None:
        super().__init__(run, scenario)
        self._interpreter = Interpreter(run.events)
        self._half_s = scenario.python_s / 2
        """Half of the computing is before the checkout, half after it."""

    def ask(self, request: Request) -> None:
        self._interpreter.run(self._half_s, self._ask, request)

    def done(self, request: Request) -> None:
        self._interpreter.run(0.0, self._put, request)

    def give_up(self, request: Request) -> None:
        if request.is_waiting:
            request.is_waiting = False
            self._waiting.remove(request)
            self._interpreter.run(0.0, self._last_try, request)

    def _ask(self, request: Request) -> None:
        request.arrived = self._events.now
        super().ask(request)

    def _put(self, request: Request) -> None:
        """The thread goes on computing afterwards, and has the lock already."""
        self._tally.gives_back()
        was_kept = len(self._idle) < self._kept
        self._keep(self._events.now)
        told = self._next() if was_kept else None
        self._interpreter.run(self._half_s, self._run.leave, request)
        if told is not None:
            self._interpreter.run(0.0, self._try_again, told)

    def _try_again(self, request: Request) -> None:
        if self._idle:
            self._take()
            self._run.start(request)
        elif self._events.now - request.arrived >= self._timeout_s:
            self._last_try(request)
        else:
            request.is_waiting = True
            self._waiting.append(request)

    def _last_try(self, request: Request) -> None:
        """The timeout ends the wait for word, not the look into the queue that follows it."""
        if self._idle:
            self._take()
            self._run.start(request)
        elif not self._open_for(request):
            self._run.give_up(request, self._waited_s(request))

    def _waited_s(self, request: Request) -> float:
        """Until it has the lock again, which may be later."""
        deadline_s = request.arrived + self._timeout_s
        return self._timeout_s + max(self._events.now - deadline_s, 0.0)
