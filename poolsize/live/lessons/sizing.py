"""What a too small and a too large pool do: one load of statements that compute, through pools of several sizes."""

from __future__ import annotations

from statistics import fmean
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from poolsize.datatypes import Lesson, LessonTable
from poolsize.live.lab_connections import Connections
from poolsize.live.lab_tally import Tally
from poolsize.live.lab_ways import PooledConnections
from poolsize.live.lessons.closed_load import Visit, visits
from poolsize.live.lessons.lesson import Stage
from poolsize.probe.sampling import percentile
from poolsize.units import duration, plural, rate

_COMPUTES: Final = MappingProxyType(
    {
        "postgresql": "SELECT sum(sqrt(i)) FROM generate_series(1, 40000) AS i",
        "mysql": "SELECT BENCHMARK(20000, MD5('poolsize'))",
        "mariadb": "SELECT BENCHMARK(20000, MD5('poolsize'))",
    }
)
"""By dialect: some milliseconds of one of the server's processors, so much more than what this client spends on it."""
_SIZES: Final = (1, 2, 4, 8, 16, 32)
_THREADS: Final = 32
_THINK_S: Final = 0.01
_EACH_S: Final = 1.5
_AS_FAST: Final = 0.85
"""Of the highest throughput: the smallest pool that reaches it is large enough. Between runs of seconds it varies by
some percent, on a machine that does other things by ten."""


class Sized(NamedTuple):
    size: int
    per_s: float
    visits: tuple[Visit, ...]

    @property
    def hold_s(self) -> float:
        return fmean(visit.hold_s for visit in self.visits)

    @property
    def wait_s(self) -> float:
        return fmean(visit.wait_s for visit in self.visits)

    @property
    def response_p99_s(self) -> float:
        return percentile([visit.response_s for visit in self.visits], 0.99)


def teach(stage: Stage) -> Lesson | None:
    """See `Teach`."""
    sizes = [size for size in _SIZES if size <= stage.connections]
    runs = [run for number, size in enumerate(sizes) if (run := _sized(stage, size, number / len(sizes))).visits]
    if not runs:
        return None
    return Lesson(
        name="sizing",
        title="What a too small and a too large pool do",
        setting=f"{_THREADS} threads that send statements which compute, and think {duration(_THINK_S)} between two.",
        table=LessonTable(
            columns=("pool", "per second", "mean wait", "in the database", "response p99"),
            rows=tuple(_row(run) for run in runs),
        ),
        measured={f"per_s_with_{run.size}": run.per_s for run in runs},
        seen=_seen(stage, runs),
    )


def _sized(stage: Stage, size: int, share: float) -> Sized:
    stage.tell(f"a pool of {size}", share)
    if stage.guard.stop.is_set():
        return Sized(size, 0.0, ())
    target = stage.target
    statement = _COMPUTES[target.dsn.dialect]

    def work(checkout: Any) -> None:
        target.run(checkout.dbapi_connection, statement)

    pool = PooledConnections(Connections(target, Tally()), size)
    try:
        done, seconds = visits(pool, work, stage.guard, threads=_THREADS, think_s=_THINK_S, seconds=_EACH_S)
    finally:
        pool.close()
    return Sized(size, len(done) / seconds, tuple(done))


def _row(run: Sized) -> tuple[str, ...]:
    return str(run.size), rate(run.per_s), duration(run.wait_s), duration(run.hold_s), duration(run.response_p99_s)


def _seen(stage: Stage, runs: list[Sized]) -> str:
    most = max(run.per_s for run in runs)
    enough = next(run for run in runs if run.per_s >= _AS_FAST * most)
    processors = stage.facts.database.processors if stage.facts.database is not None else None
    has = f", which has {plural(processors, 'processor')}," if processors else ""
    return (
        f"With {plural(runs[0].size, 'connection')} requests queued in the pool, and the server{has} did "
        f"{rate(runs[0].per_s)}; with {enough.size} it did {rate(enough.per_s)}. "
        f"{_too_many(enough, runs[-1])}Statements that wait for disks or locks want more connections than there are "
        "processors: poolsize curve finds how many."
    )


def _too_many(enough: Sized, largest: Sized) -> str:
    if largest.size == enough.size:
        return ""
    return (
        f"More gained little: with {largest.size} it did {rate(largest.per_s)}, and each statement took "
        f"{duration(largest.hold_s)} in place of {duration(enough.hold_s)}. The queue had only moved from the pool "
        "into the database, where each statement that waits has a session, its memory and its locks. "
    )
