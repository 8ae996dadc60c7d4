"""The runs of a curve: each concurrency in its turn, and all of them again."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from poolsize.datatypes import ClientCeiling, Database, Finding
from poolsize.datatypes.curve import CurvePoint
from poolsize.errors import DatabaseError, TooManyConnectionsError
from poolsize.live.ceiling import ceiling_of
from poolsize.live.curve_crew import Crew, Tally, Window
from poolsize.live.curve_fit import LevelRun, points_of, run_of
from poolsize.live.curve_levels import has_fallen
from poolsize.live.curve_processes import processes_for
from poolsize.live.guard import Guard
from poolsize.live.statements import Mix
from poolsize.live.target import Target
from poolsize.probe.dialect import Progress

RUN_S: Final = (0.5, 3.0)
"""The shortest and the longest run."""
OPERATIONS: Final = 100
"""Of one connection alone in a run, unless that would take too long: their mean is known to a few per cent."""
PER_RUN_S: Final = 0.05
"""Starting its threads, and ending them."""
_LEAD_S: Final = 0.02
_WARM_SHARE: Final = 0.2
_WARM_S: Final = (0.1, 0.5)
"""The shortest and the longest load before a run is measured: all connections are at work, and the queue at the
server's processors has found its length."""
_TRIAL_S: Final = 0.2


def warm_s(run_s: float) -> float:
    """Load before a run that is not measured."""
    return min(max(_WARM_S[0], _WARM_SHARE * run_s), _WARM_S[1])


class Sweep:
    """What is known of the curve so far, however it ends."""

    def __init__(
        self,
        levels: Sequence[int],
        rounds: int,
        tell: Progress,
        on_points: Callable[[tuple[CurvePoint, ...]], None] | None,
    ) -> None:
        self.runs: list[LevelRun] = []
        self.ceiling: ClientCeiling | None = None
        self.processes = 1
        self.run_s = RUN_S[0]
        self.findings: list[Finding] = []
        self._levels = list(levels)
        self._rounds = rounds
        self._tell = tell
        self._on_points = on_points or (lambda _points: None)

    @property
    def points(self) -> tuple[CurvePoint, ...]:
        return () if self.ceiling is None else points_of(self.runs, self.ceiling, self.processes)

    @property
    def trusted(self) -> list[LevelRun]:
        """Without those of a concurrency at which the client may have been the limit."""
        beyond = {point.concurrency for point in self.points if point.beyond_client}
        return [run for run in self.runs if run.concurrency not in beyond]

    def try_out(
        self, target: Target, mix: Mix, run_s: float | None, processes: int | None, database: Database | None
    ) -> None:
        """Every statement once and again on one connection, and what this client can do without one. Raises the
        DatabaseError of a statement that fails."""
        self._tell("trying the statements", 0.0)
        connection = target.connect()
        try:
            alone_s = _alone_s(target, mix, connection)
            self.ceiling = ceiling_of(lambda: target.run(connection, "SELECT 1"))
        finally:
            target.close(connection)
        self.run_s = run_s or min(max(RUN_S[0], OPERATIONS * alone_s), RUN_S[1])
        self.processes = processes or processes_for(self._levels[-1], alone_s, self.ceiling, database)

    def run(self, crew: Crew, guard: Guard) -> None:
        """All rounds, up and down in turn, so that what changes with the time is not taken for the concurrency's
        doing. The first ends where the throughput has fallen; the others are of the same levels."""
        for number, level in enumerate(self._order()):
            self._tell(f"{level} at once", number / (self._rounds * len(self._levels)))
            try:
                crew.grow(level)
            except TooManyConnectionsError as error:
                self._give_up(level, error)
                continue
            if not self._measure(level, crew, guard):
                return
            self._on_points(self.points)

    def _order(self) -> Iterator[int]:
        for level in tuple(self._levels):
            if level in self._levels:
                yield level
            if has_fallen([point.throughput_per_s for point in self.points]):
                self._levels = [known for known in self._levels if known <= level]
                break
        for number in range(1, self._rounds):
            yield from [*self._levels] if number % 2 == 0 else [*reversed(self._levels)]

    def _measure(self, level: int, crew: Crew, guard: Guard) -> bool:
        """False when the whole sweep must end; what such a run had measured by then is not counted."""
        window = Window(time.time() + _LEAD_S, self.run_s, warm_s(self.run_s))
        crew.begin(level, window)
        must_end = guard.wait(_LEAD_S + window.warm_s + window.seconds)
        if must_end:
            crew.halt()
        tally = crew.finish()
        if must_end:
            return False
        _report(tally, guard)
        found = run_of(level, window.seconds, tally)
        if found is not None:
            self.runs.append(found)
        return not guard.stop.is_set()

    def _give_up(self, level: int, error: DatabaseError) -> None:
        """Somebody else has taken the slots meanwhile."""
        self._levels = [known for known in self._levels if known < level]
        if not any(finding.code == "PS424" for finding in self.findings):
            self.findings.append(
                Finding(
                    code="PS424",
                    severity="warning",
                    message=f"The server took no {level} connections, and nothing is known beyond. {error.message}",
                    remedy="Repeat it when fewer others are connected.",
                )
            )


def _report(tally: Tally, guard: Guard) -> None:
    guard.done(len(tally.latencies_s))
    if tally.errors:
        guard.failed(DatabaseError(tally.last_error), tally.errors)


def _alone_s(target: Target, mix: Mix, connection: Any) -> float:
    """Mean seconds of an operation, with the weights of the statements."""
    source = random.Random(0)  # noqa: S311 - no secret
    for statement in mix.statements:
        target.run(connection, statement.text, statement.draw(source))
    count, start = 0, time.perf_counter()
    while (spent := time.perf_counter() - start) < _TRIAL_S:
        target.run(connection, *mix.draw(source))
        count += 1
    return spent / count
