"""What all pools have in common: requests wait in a row, and who has waited the longest gets the next connection."""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from poolsize.simulate.replication import Replication
    from poolsize.simulate.request import Request
    from poolsize.simulate.scenario import Scenario


class Pool:
    """One pool, which has all its connections open from the start and never closes one.

    The kinds of pools override what they do otherwise: when a connection is opened (`_open_for`, `_queued`), where a
    returned one goes (`_keep`), how long one waits (`_end_of_patience`).
    """

    def __init__(self, run: Replication, scenario: Scenario) -> None:
        self._run, self._events, self._tally = run, run.events, run.tally
        self._capacity, self._kept = scenario.capacity, scenario.pool_size
        self._setup_s, self._timeout_s = scenario.setup_s, scenario.timeout_s
        self._max_waiting = math.inf if scenario.max_waiting is None else scenario.max_waiting
        self._open = self._kept
        """Connections that are open or about to be."""
        self._idle: Final[deque[float]] = deque([0.0] * self._open)
        """For each idle one, when it became so; the longest idle first."""
        self._waiting: Final[deque[Request]] = deque()
        """The longest waiting first; those that have given up are still in it, until their turn comes."""

    def settle(self) -> None:
        """The load has been there for a while: what in the pool would take far longer to settle may be helped."""

    def ask(self, request: Request) -> None:
        """A request wants a connection."""
        if self._idle:
            self._take()
            self._run.start(request)
        elif not self._open_for(request):
            self._wait(request)

    def done(self, request: Request) -> None:
        """It gives its connection back."""
        self._tally.gives_back()
        self._give(self._events.now)
        self._run.leave(request)

    def _take(self) -> None:
        """One of the idle ones is idle no more."""
        self._idle.popleft()

    def _open_for(self, request: Request) -> bool:  # noqa: ARG002 - for pools that open one in the request
        """Whether a connection is opened for this request by itself."""
        return False

    def _wait(self, request: Request) -> None:
        if len(self._waiting) >= self._max_waiting:
            self._run.refuse(request)
            return
        self._waiting.append(request)
        self._be_patient(request)
        self._queued()

    def _be_patient(self, request: Request) -> None:
        """It waits from now on, until it is served or its time is over."""
        request.is_waiting = True
        if self._timeout_s < math.inf:
            self._events.at(self._end_of_patience(), self.give_up, request)

    def _end_of_patience(self) -> float:
        """When a request gives up that begins to wait now."""
        return self._events.now + self._timeout_s

    def _queued(self) -> None:
        """One more request waits."""

    def give_up(self, request: Request) -> None:
        """It has waited as long as it may."""
        if request.is_waiting:
            request.is_waiting = False
            self._run.give_up(request, self._waited_s(request))

    def _waited_s(self, request: Request) -> float:  # noqa: ARG002 - for pools that look at the clock
        """How long a request has waited that gives up: by the settings, not by a difference of times with its rounding
        errors."""
        return self._timeout_s

    def _give(self, now: float) -> None:
        """A free connection goes to whoever has waited the longest."""
        request = self._next()
        if request is None:
            self._keep(now)
        else:
            self._run.start(request)

    def _next(self) -> Request | None:
        """Who has waited the longest, and waits no more."""
        waiting = self._waiting
        while waiting:
            request = waiting.popleft()
            if request.is_waiting:
                request.is_waiting = False
                return request
        return None

    def _keep(self, now: float) -> None:
        """Nobody waits for this connection."""
        self._idle.append(now)

    def _is_wanted(self) -> bool:
        """Whether anybody waits."""
        waiting = self._waiting
        while waiting and not waiting[0].is_waiting:
            waiting.popleft()
        return bool(waiting)
