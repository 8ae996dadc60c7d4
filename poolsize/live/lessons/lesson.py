"""What every lesson of the lab is given, and what it looks like."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:  # else listing the lessons would load the drivers
    from poolsize.datatypes import DatabaseFacts, Lesson
    from poolsize.live.guard import Guard
    from poolsize.live.lab_server import ServerProcesses
    from poolsize.live.target import Target
    from poolsize.probe.dialect import Progress


@dataclass(frozen=True)
class Stage:
    """Where a lesson is given."""

    target: Target
    guard: Guard
    facts: DatabaseFacts
    connections: int
    """That it may take at once, beside the guard's."""
    processes: ServerProcesses | None
    """The server's, where they are this machine's."""
    tell: Progress


class Teach(Protocol):
    """Run the experiment. Closes all that it opens, and ends early when the guard says so.

    Raises UsageError where the stage is too small for it, and the children of DatabaseError. None: it was ended before
    there was anything to show.
    """

    def __call__(self, stage: Stage) -> Lesson | None: ...


@dataclass(frozen=True)
class Entry:
    """One of LESSONS. `module` has the function `teach`, and is imported when the lesson is given."""

    name: str
    title: str
    """What it shows, as a line of `lab --list`."""
    module: str
    connections: int
    """That it takes at once at most; of one that fills the server, all that are free."""
    fewest: int
    """With fewer it shows nothing."""
    seconds: float
    """About how long it takes."""
    fills_server: bool = False
    """It opens connections until the server refuses one."""
