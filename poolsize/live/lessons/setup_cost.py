"""What a connection costs: a statement on a fresh one each time, and the same on one that is kept."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from typing import Any, Final, NamedTuple

from poolsize.datatypes import Lesson, LessonTable
from poolsize.live.lab_server import ServerMeter
from poolsize.live.lab_tally import clock
from poolsize.live.lessons.lesson import Stage
from poolsize.probe.sampling import percentile
from poolsize.units import duration, rate

_EACH_S: Final = 2.5
_MOST: Final = 2000
"""Of each kind: more tell nothing new, and the server may log each login."""
_BUSY_PER_S: Final = 200.0
"""Requests per second of a middling service, for which the cost is reckoned."""


class Times(NamedTuple):
    """Seconds: what each took, and the server's processor for one, where that is known."""

    taken_s: list[float]
    cpu_s: float | None


def teach(stage: Stage) -> Lesson | None:
    """See `Teach`."""
    target = stage.target

    def fresh() -> None:
        connection = target.connect()
        try:
            target.ping(connection)
        finally:
            target.close(connection)

    opened = _repeat(stage, fresh, "a connection for each statement", 0.0)
    kept = _on_one(stage)
    cost_s = median(opened.taken_s) - median(kept.taken_s)
    times = median(opened.taken_s) / median(kept.taken_s)
    return Lesson(
        name="setup-cost",
        title="What a connection costs, and what keeping it saves",
        setting="The same trivial statement, one after the other, from one thread.",
        table=LessonTable(
            columns=("", "p50", "p95", "per second", "server's CPU for one"),
            rows=(
                _row("a connection each", opened),
                _row("one for all", kept),
            ),
        ),
        measured={"fresh_p50_s": median(opened.taken_s), "kept_p50_s": median(kept.taken_s), "connection_s": cost_s},
        seen=f"A statement that takes {duration(median(kept.taken_s))} takes {duration(median(opened.taken_s))}, "
        f"{times:.3g} times as long, where it must open its connection first: {duration(cost_s)} for the network, TLS "
        f"where there is any, the login, and the server's new session. {_cpu(opened, kept)}A pool pays it once a "
        "connection. From farther away, or with TLS, it costs more: poolsize probe measures it from where you are.",
    )


def _cpu(opened: Times, kept: Times) -> str:
    if opened.cpu_s is None or kept.cpu_s is None:
        return ""
    busy = (opened.cpu_s - kept.cpu_s) * _BUSY_PER_S
    return f"At {rate(_BUSY_PER_S)} the server alone would spend {busy:.2g} processors on it. "


def _row(name: str, times: Times) -> tuple[str, ...]:
    taken_s = times.taken_s
    cpu = "" if times.cpu_s is None else duration(times.cpu_s)
    p50, p95 = (duration(percentile(taken_s, share)) for share in (0.5, 0.95))
    return name, p50, p95, rate(len(taken_s) / sum(taken_s)), cpu


def _on_one(stage: Stage) -> Times:
    connection: Any = stage.target.connect()
    try:
        return _repeat(stage, lambda: stage.target.ping(connection), "all on one connection", 0.5)
    finally:
        stage.target.close(connection)


def _repeat(stage: Stage, act: Callable[[], None], what: str, share: float) -> Times:
    """At least once."""
    taken_s: list[float] = []
    start_s = clock()
    with ServerMeter(stage.processes, _EACH_S) as meter:
        while not taken_s or (clock() - start_s < _EACH_S and len(taken_s) < _MOST and not stage.guard.stop.is_set()):
            begun_s = clock()
            act()
            taken_s.append(clock() - begun_s)
            if len(taken_s) % 20 == 1:
                stage.tell(what, share + 0.5 * (clock() - start_s) / _EACH_S)
    cpu_s = meter.spent.cpu_s
    return Times(taken_s, None if cpu_s is None else cpu_s / len(taken_s))
