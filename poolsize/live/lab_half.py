"""One half of the lab: the crowd on one way of getting connections, watched and measured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from poolsize.datatypes import LabRun
from poolsize.errors import PoolsizeError
from poolsize.live.guard import Guard
from poolsize.live.lab_connections import Connections
from poolsize.live.lab_requests import Crowd, Run, Way
from poolsize.live.lab_server import ServerMeter, ServerProcesses
from poolsize.live.lab_tally import Tally
from poolsize.live.lab_ways import reason_of
from poolsize.live.lab_work import sleeper
from poolsize.live.target import Target
from poolsize.probe.dialect import Progress

_LOOK: Final = 0.9
"""The share of a request's life at which the server's memory is looked at first: of requests that began together and
keep what they have, most connections are open just before the end."""
_SILENCE_S: Final = 0.001
"""What the guard is given to notice a server that has fallen silent; the run waits by itself."""


@dataclass(frozen=True)
class Bench:
    """What the halves of one lab share."""

    target: Target
    guard: Guard
    processes: ServerProcesses | None = None
    """The server's, where they are this machine's."""


class Half:
    """`way_of` makes the way, from this half's connections. `result` is what was measured, also where `run` raises;
    None before it ran. Where `refusals_matter` requests that fail count for the guard, which ends a run with many."""

    def __init__(
        self,
        name: str,
        crowd: Crowd,
        way_of: Callable[[Connections], Way],
        bench: Bench,
        *,
        refusals_matter: bool,
    ) -> None:
        self.result: LabRun | None = None
        self._name = name
        self._crowd = crowd
        self._way_of = way_of
        self._bench = bench
        self._refusals_matter = refusals_matter
        self._tally = Tally()
        self._connections = Connections(bench.target, self._tally)

    def run(self, tell: Progress) -> None:
        """`tell` gets the share of this half that is done. Raises UsageError for more requests than this machine has
        threads for, and whatever interrupts it."""
        from sqlalchemy.exc import TimeoutError as PoolTimeoutError  # here: it takes a tenth of a second to load

        way = self._way_of(self._connections)
        run = Run(
            self._crowd,
            way,
            self._work(),
            tally=self._tally,
            failures=(PoolsizeError, PoolTimeoutError),
            failed=self._failed,
            stop=self._bench.guard.stop,
            interrupted=self._bench.guard.interrupted,
            abort=self._connections.abort,
        )
        meter = ServerMeter(self._bench.processes, _LOOK * self._crowd.request_time_s)
        try:
            with meter:
                try:
                    run.to_its_end(lambda: self._look(tell))
                finally:
                    way.close()
        finally:
            self.result = self._tally.run(self._crowd.requests, *meter.spent)

    def _look(self, tell: Progress) -> None:
        self._bench.guard.wait(_SILENCE_S)
        tally = self._tally
        refused = f", {tally.failures.total()} failed" if tally.failures else ""
        what = f"{self._name}: {tally.open_now} connections, {len(tally.served)} served{refused}"
        tell(what, max(tally.ended / self._crowd.requests, min(tally.elapsed_s / self._crowd.request_time_s, 0.9)))

    def _work(self) -> Callable[[Any], None]:
        asleep = sleeper(self._bench.target, self._crowd.hold_s)

        def work(connection: Any) -> None:
            asleep(connection)
            self._bench.guard.done(1)

        return work

    def _failed(self, error: Exception) -> None:
        if not isinstance(error, PoolsizeError):  # the pool's own timeout
            self._tally.fail(reason_of(error))
            return
        self._tally.fail(error.message)
        if self._refusals_matter:
            self._bench.guard.failed(error)
