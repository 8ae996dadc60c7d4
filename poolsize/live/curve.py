"""The capacity curve of a database: its throughput and latency at rising concurrency, and the law that they follow.

planned = plan_curve(parse(dsn), CurveOptions())
print(planned.plan.sentence)
found = planned.run()
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from msgspec import field
from msgspec.structs import replace

from poolsize._version import __version__
from poolsize.datatypes import DatabaseFacts, Value
from poolsize.datatypes.curve import Curve, CurvePoint
from poolsize.dsn import Dsn
from poolsize.errors import UsageError
from poolsize.live.budget import HEARTBEAT, Plan, check_open_files, connections_for_load
from poolsize.live.curve_crew import Crew, ThreadCrew
from poolsize.live.curve_findings import error_of, findings_of
from poolsize.live.curve_fit import law_of
from poolsize.live.curve_levels import levels_up_to
from poolsize.live.curve_processes import Order, ProcessCrew
from poolsize.live.curve_sweep import PER_RUN_S, RUN_S, Sweep, warm_s
from poolsize.live.guard import Guard
from poolsize.live.statements import BUILT_IN, Mix, Range, mix_of
from poolsize.live.target import STATEMENT_TIMEOUT_S, Reach, Target, target_of
from poolsize.probe.dialect import ProbeOptions, Progress
from poolsize.probe.dialects import ask

UP_TO: Final = 64
"""More than most databases have busy at once; a sweep to it takes less than half a minute."""
ROUNDS: Final = 3
"""Each level is measured so often, at different times: what the scatter of a run is, and what changed meanwhile."""
_PROBE: Final = ProbeOptions(budget_s=5.0, samples=1, burst=0)
"""For the free slots."""
_START_S: Final = 2.0
"""Connections, the trial, the client's ceiling."""


class CurveOptions(Value, frozen=True):
    """What is run, and how much. Seconds and counts."""

    statements: tuple[str, ...] = ()
    """Empty: the built-in one. `:name` stands for a value of `ranges`."""
    weights: tuple[float, ...] = ()
    ranges: dict[str, Range] = field(default_factory=dict)
    up_to: int = UP_TO
    """The highest concurrency."""
    at_most: int | None = None
    """Connections at once, the heartbeat's with them; None: a quarter of the free slots."""
    run_s: float | None = None
    """How long each run is measured; None: as long as it takes for a good mean."""
    rounds: int = ROUNDS
    processes: int | None = None
    """Client processes; None: as many as it takes."""
    allow_writes: bool = False
    statement_timeout_s: float = STATEMENT_TIMEOUT_S
    seed: int = 0


@dataclass(frozen=True)
class PlannedCurve:
    """What is known before anything is run: to be asked about."""

    dsn: Dsn
    options: CurveOptions
    facts: DatabaseFacts
    levels: tuple[int, ...]
    plan: Plan

    def run(
        self,
        *,
        on_progress: Progress | None = None,
        on_points: Callable[[tuple[CurvePoint, ...]], None] | None = None,
        interrupts: tuple[type[BaseException], ...] = (KeyboardInterrupt,),
    ) -> Curve:
        """The curve, or as much of it as there was before something ended it; see `Curve.stopped`.

        An exception of `interrupts` ends it early. Raises the children of DatabaseError for what fails before the
        first run: a statement that the server refuses, say.
        """
        target = target_of(self.dsn, _reach(self.options, self.facts))
        mix = _mix(target, self.options)
        begun = datetime.now(UTC).isoformat(timespec="seconds")
        sweep = Sweep(self.levels, self.options.rounds, on_progress or (lambda _what, _share: None), on_points)
        with Guard(target, interrupts=interrupts) as guard:
            sweep.try_out(target, mix, self.options.run_s, self.options.processes, self.facts.database)
            with closing(self._crew(target, mix, sweep.processes)) as crew:
                sweep.run(crew, guard)
        return self._document(sweep, guard, begun)

    def _crew(self, target: Target, mix: Mix, processes: int) -> Crew:
        if processes == 1:
            return ThreadCrew(target, mix, self.options.seed)
        text = self.dsn.reveal()
        return ProcessCrew([Order(text, target.reach, mix, self.options.seed + i) for i in range(processes)])

    def _document(self, sweep: Sweep, guard: Guard, begun: str) -> Curve:
        database = self.facts.database
        found = Curve(
            poolsize_version=__version__,
            measured_at=begun,
            target=self.dsn.masked,
            database=database,
            statements=_texts(self.options, self.dsn),
            is_built_in=not self.options.statements,
            points=sweep.points,
            usl=law_of(sweep.trusted),
            ceiling=sweep.ceiling,
            processes=sweep.processes,
            run_s=sweep.run_s,
            usual_beat_s=guard.usual_beat_s,
            slowest_beat_s=guard.slowest_beat_s,
            stopped=guard.stopped,
            error=error_of(guard.stopped),
        )
        return replace(found, findings=(*sweep.findings, *findings_of(found)))


def plan_curve(dsn: Dsn, options: CurveOptions | None = None, *, on_progress: Progress | None = None) -> PlannedCurve:
    """Probe briefly for the free slots, and plan within them. Raises UsageError for what makes no sense, and what a
    probe raises."""
    options = options or CurveOptions()
    _check(dsn, options)
    facts = ask(dsn, _PROBE, on_progress)
    levels = levels_up_to(connections_for_load(facts, options.up_to, options.at_most))
    connections = levels[-1] + HEARTBEAT
    check_open_files(connections)
    what = "the capacity curve with " + ("your statements" if options.statements else "a built-in statement")
    warning = "Writes are allowed." if options.allow_writes else "Read-only."
    place = facts.database.place if facts.database else dsn.masked
    return PlannedCurve(dsn, options, facts, levels, Plan(what, place, connections, _seconds(options, levels), warning))


def curve(
    dsn: Dsn,
    options: CurveOptions | None = None,
    *,
    on_progress: Progress | None = None,
    interrupts: tuple[type[BaseException], ...] = (KeyboardInterrupt,),
) -> Curve:
    """Plan and run in one: whoever calls has asked whether it may. Raises what both of them raise."""
    return plan_curve(dsn, options, on_progress=on_progress).run(on_progress=on_progress, interrupts=interrupts)


def _check(dsn: Dsn, options: CurveOptions) -> None:
    """As far as it can be said before anything is asked."""
    if dsn.dialect == "sqlite":
        raise UsageError(
            "SQLite has no server, and so no curve of its own: a read runs on the processor of the process that asks."
        )
    if options.rounds < 1 or options.up_to < 1 or (options.processes is not None and options.processes < 1):
        raise UsageError("Rounds, processes and concurrency are at least 1.")
    if not options.statements and (options.weights or options.ranges):
        raise UsageError("Weights and parameters are those of statements of your own: give one with --sql.")
    _mix(target_of(dsn), options)


def _seconds(options: CurveOptions, levels: Sequence[int]) -> float:
    run_s = options.run_s or RUN_S[0]
    return _START_S + options.rounds * len(levels) * (run_s + warm_s(run_s) + PER_RUN_S)


def _reach(options: CurveOptions, facts: DatabaseFacts) -> Reach:
    is_pooled = facts.database is not None and facts.database.pooler is not None
    return Reach(options.allow_writes, options.statement_timeout_s, is_pooled=is_pooled)


def _mix(target: Target, options: CurveOptions) -> Mix:
    return mix_of(target, _texts(options, target.dsn), options.weights, options.ranges)


def _texts(options: CurveOptions, dsn: Dsn) -> tuple[str, ...]:
    return options.statements or (BUILT_IN[dsn.dialect],)
