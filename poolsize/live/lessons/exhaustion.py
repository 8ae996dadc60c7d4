"""What happens at the server's limit: connections are opened until one is refused."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any, Final, NamedTuple

from poolsize.datatypes import Lesson, LessonTable
from poolsize.errors import DatabaseError, TooManyConnectionsError
from poolsize.live.lab_tally import clock
from poolsize.live.lessons.lesson import Stage
from poolsize.units import duration, plural

_BEYOND: Final = 10
"""Attempts beyond what was free at the start: superusers have some more, and others may have left."""
_AGAIN_S: Final = 2.0
"""How long the place of a session that was closed may stay taken: the server ends it in its own time."""


class Refusal(NamedTuple):
    words: str
    after_s: float


def teach(stage: Stage) -> Lesson | None:
    """See `Teach`."""
    with ExitStack() as opened:
        connections, refusal = _fill(stage, opened)
        if stage.guard.stop.is_set():
            return None
        if refusal is None or not connections:
            raise DatabaseError(
                f"The server let {plural(len(connections), 'connection')} in: nothing can be shown of it."
            )
        on_open_s = _time_of_one(stage, connections[0])
        stage.target.close(connections.pop())
        again_s = _admitted_after(stage, opened)
    return Lesson(
        name="exhaustion",
        title="What happens at the server's limit",
        setting="Connections are opened one after the other until the server refuses one; then one is closed.",
        table=LessonTable(
            columns=("", ""),
            rows=(
                ("opened before the first refusal", str(len(connections) + 1)),
                ("the refusal came after", duration(refusal.after_s)),
                ("a statement on an open connection meanwhile", duration(on_open_s)),
                ("after one was closed, the next was let in after", duration(again_s)),
            ),
        ),
        measured={"opened": len(connections) + 1, "refused_after_s": refusal.after_s, "admitted_after_s": again_s},
        seen=f"{plural(len(connections) + 1, 'connection')} were let in, and the next was told no within "
        f"{duration(refusal.after_s)}: {refusal.words} Nobody waits in line at a server: a client without a place gets "
        "this error at once, whether it is a request, a migration or the person who looks for the cause. Whoever has a "
        f"connection notices nothing (a statement took {duration(on_open_s)}), so that half of a service fails while "
        "the other half is well. A pool turns the refusals into a wait, as long as all pools together stay below the "
        "limit.",
    )


def _fill(stage: Stage, opened: ExitStack) -> tuple[list[Any], Refusal | None]:
    """All that can be had; no refusal where it was ended early."""
    connections: list[Any] = []
    most = stage.connections + _BEYOND
    while len(connections) < most and not stage.guard.stop.is_set():
        start_s = clock()
        try:
            connections.append(stage.target.connect())
        except TooManyConnectionsError as error:
            return connections, Refusal(error.message, clock() - start_s)
        opened.callback(stage.target.close, connections[-1])
        stage.tell(f"{plural(len(connections), 'connection')} open", 0.9 * len(connections) / most)
    return connections, None


def _time_of_one(stage: Stage, connection: Any) -> float:
    start_s = clock()
    stage.target.ping(connection)
    return clock() - start_s


def _admitted_after(stage: Stage, opened: ExitStack) -> float:
    start_s = clock()
    while True:
        try:
            opened.callback(stage.target.close, stage.target.connect())
            return clock() - start_s
        except TooManyConnectionsError:
            if clock() - start_s > _AGAIN_S:
                raise
