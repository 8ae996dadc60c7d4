"""What max_overflow really does: the same bursts on a pool that keeps few connections and on one that keeps all."""

from __future__ import annotations

from typing import Final

from poolsize.datatypes import LabRun, Lesson, LessonTable
from poolsize.errors import PoolsizeError
from poolsize.live.lab_connections import Connections
from poolsize.live.lab_requests import Crowd, Run
from poolsize.live.lab_server import ServerMeter
from poolsize.live.lab_tally import Tally
from poolsize.live.lab_ways import PooledConnections
from poolsize.live.lab_work import sleeper
from poolsize.live.lessons.lesson import Stage
from poolsize.units import duration

BURSTS: Final = 20
AT_ONCE: Final = 10
KEPT: Final = 2
HOLD_S: Final = 0.02
"""Of each request, which does nothing else."""
PAUSE_S: Final = 0.1
"""Between two bursts: nobody needs a connection."""


def teach(stage: Stage) -> Lesson | None:
    """See `Teach`."""
    few = _bursts(stage, KEPT, 0.0)
    many = _bursts(stage, AT_ONCE, 0.5)
    if few is None or many is None:
        return None
    return Lesson(
        name="overflow",
        title="What max_overflow really does under bursts",
        setting=f"{BURSTS} bursts of {AT_ONCE} requests of {duration(HOLD_S)} at once, {duration(PAUSE_S)} apart.",
        table=LessonTable(
            columns=("pool_size + max_overflow", "opened", "response p50", "p95", "server's CPU"),
            rows=(_row(f"{KEPT} + {AT_ONCE - KEPT}", few), _row(f"{AT_ONCE} + 0", many)),
        ),
        measured={"opened_with_overflow": few.connections_opened, "opened_without": many.connections_opened},
        seen=f"Both pools may have {AT_ONCE} connections. SQLAlchemy's closes those beyond pool_size as soon as they "
        f"are given back with nobody waiting, so that with {KEPT} + {AT_ONCE - KEPT} nearly each burst had to open "
        f"{AT_ONCE - KEPT} again: {few.connections_opened} in {BURSTS} bursts, each in a request's own time and at the "
        f"server's expense. The pool that keeps {AT_ONCE} opened {many.connections_opened}. max_overflow is for what "
        "is rare; what is needed every second belongs in pool_size. Both count against the server's limit.",
    )


def _row(name: str, run: LabRun) -> tuple[str, ...]:
    cpu = "" if run.server_cpu_s is None else duration(run.server_cpu_s)
    p50, p95 = (duration(run.p50_s or 0.0), duration(run.p95_s or 0.0))
    return name, str(run.connections_opened), p50, p95, cpu


def _bursts(stage: Stage, size: int, share: float) -> LabRun | None:
    """None where they were ended early."""
    tally = Tally()
    connections = Connections(stage.target, tally)
    pool = PooledConnections(connections, size, max_overflow=AT_ONCE - size)
    with ServerMeter(stage.processes, PAUSE_S) as meter:
        try:
            for number in range(BURSTS):
                stage.tell(f"{size} + {AT_ONCE - size}, burst {number + 1}", share + 0.5 * number / BURSTS)
                _burst(stage, pool, connections, tally)
                if stage.guard.wait(PAUSE_S):
                    return None
        finally:
            pool.close()
    return tally.run(BURSTS * AT_ONCE, *meter.spent)


def _burst(stage: Stage, pool: PooledConnections, connections: Connections, tally: Tally) -> None:
    def failed(error: Exception) -> None:
        tally.fail(str(error))
        if isinstance(error, PoolsizeError):
            stage.guard.failed(error)

    Run(
        Crowd(requests=AT_ONCE, request_time_s=HOLD_S, hold_s=HOLD_S),
        pool,
        sleeper(stage.target, HOLD_S),
        tally=tally,
        failures=(PoolsizeError,),
        failed=failed,
        stop=stage.guard.stop,
        interrupted=stage.guard.interrupted,
        abort=connections.abort,
    ).to_its_end(lambda: None)
