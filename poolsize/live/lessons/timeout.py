"""What a pool's timeout looks like: the same crowd on the same pool, with several bounds on the wait."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from poolsize.datatypes import LabRun, Lesson, LessonTable
from poolsize.live.lab_connections import Connections
from poolsize.live.lab_half import Bench, Half
from poolsize.live.lab_requests import Crowd
from poolsize.live.lab_ways import POOL_TIMEOUT_S, PooledConnections
from poolsize.live.lessons.lesson import Stage
from poolsize.units import duration

POOL: Final = 2
REQUESTS: Final = 60
HOLD_S: Final = 0.05
TIMEOUTS_S: Final = (0.25, 0.75, POOL_TIMEOUT_S)


def teach(stage: Stage) -> Lesson | None:
    """See `Teach`."""
    runs: list[LabRun] = []
    for number, timeout_s in enumerate(TIMEOUTS_S):
        run = _run(stage, timeout_s, number / len(TIMEOUTS_S))
        if run is None:
            return None
        runs.append(run)
    return Lesson(
        name="timeout",
        title="What a pool's timeout looks like, and what it changes",
        setting=f"{REQUESTS} requests of {duration(HOLD_S)} at the same moment, through a pool of {POOL}.",
        table=LessonTable(
            columns=("pool_timeout", "served", "timed out", "response p50 of those served", "p99"),
            rows=tuple(_row(timeout_s, run) for timeout_s, run in zip(TIMEOUTS_S, runs, strict=True)),
        ),
        measured={
            f"served_within_{timeout_s:g}_s": run.served for timeout_s, run in zip(TIMEOUTS_S, runs, strict=True)
        },
        seen=_seen(runs[0], runs[-1]),
    )


def _run(stage: Stage, timeout_s: float, share: float) -> LabRun | None:
    """None where it was ended early."""
    crowd = Crowd(requests=REQUESTS, request_time_s=HOLD_S, hold_s=HOLD_S)
    half = Half(
        f"pool_timeout {duration(timeout_s)}",
        crowd,
        _pool_with(timeout_s),
        Bench(stage.target, stage.guard),
        refusals_matter=True,
    )
    half.run(lambda what, part: stage.tell(what, share + part / len(TIMEOUTS_S)))
    return None if stage.guard.stop.is_set() else half.result


def _pool_with(timeout_s: float) -> Callable[[Connections], PooledConnections]:
    return lambda connections: PooledConnections(connections, POOL, timeout_s=timeout_s)


def _row(timeout_s: float, run: LabRun) -> tuple[str, ...]:
    p50, p99 = ("" if value is None else duration(value) for value in (run.p50_s, run.p99_s))
    return duration(timeout_s), str(run.served), str(run.errors), p50, p99


def _seen(short: LabRun, long: LabRun) -> str:
    said = next(iter(short.error_kinds), "")
    told = f' The others were told: "{said}"' if said else ""
    return (
        f"A pool of {POOL} serves {POOL / HOLD_S:g} requests of {duration(HOLD_S)} in a second, and {REQUESTS} came at "
        f"once. With a timeout of {duration(TIMEOUTS_S[0])} it served {short.served} of them, soon; with "
        f"{duration(TIMEOUTS_S[-1])} it served {long.served}, the last after {duration(long.p99_s or 0.0)}.{told} A "
        "timeout makes nothing faster: it decides who is told no, and when. It should end before the caller gives up, "
        "so that nobody works for one who has left; and where it is met every day, the pool is too small or the holds "
        "too long."
    )
