"""How many connections load may take of a database, and what is told before it does."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from poolsize.datatypes import DatabaseFacts
from poolsize.errors import TooManyConnectionsError, UsageError
from poolsize.units import duration, plural

SHARE: Final = 0.25
"""Of the free slots: the application may need the others during the run."""
HEARTBEAT: Final = 1
"""The guard's own connection."""
_OTHER_FILES: Final = 32
"""Files that this program has open beside its connections: standard streams, the history, the event loop, libraries."""


@dataclass(frozen=True)
class Plan:
    """What will be run, for the question that is asked before."""

    what: str
    """`the capacity curve with the built-in statement`"""
    place: str
    connections: int
    """At once, the heartbeat's with them."""
    seconds: float
    """About how long."""
    warning: str = ""
    """A sentence of what else it does: fills the server, say."""

    @property
    def sentence(self) -> str:
        held = plural(self.connections, "connection")
        warning = f" {self.warning}" if self.warning else ""
        return f"Runs {self.what} on {self.place}: at most {held} at once, for about {duration(self.seconds)}.{warning}"


def connections_for_load(facts: DatabaseFacts, wanted: int, at_most: int | None = None) -> int:
    """How many connections the load itself may have, 1..`wanted`: with the heartbeat's no more than `at_most`, or
    else than a quarter of the free slots, and never more than are free.

    Raises UsageError where `at_most` leaves none or nobody knows what is free, TooManyConnectionsError where the
    server has too few.
    """
    if facts.database is not None and facts.database.dialect == "sqlite":  # any number of readers
        return wanted if at_most is None else max(min(wanted, at_most), 1)
    if at_most is not None and at_most <= HEARTBEAT:
        raise UsageError(f"--at-most {at_most} leaves no connection for load: one is the heartbeat's.")
    free = facts.limits.free_connections if facts.limits is not None else None
    if free is None:
        if at_most is None:
            raise UsageError("How many connections are free could not be read: say with --at-most how many to take.")
        return min(wanted, at_most - HEARTBEAT)
    allowed = min(int(SHARE * free) if at_most is None else at_most, free) - HEARTBEAT
    if allowed < 1:
        raise TooManyConnectionsError(
            f"Only {plural(free, 'connection')} of this database are free, and load takes at most a quarter of them: "
            "close idle sessions, or say with --at-most how many to take."
        )
    return min(wanted, allowed)


def check_open_files(connections: int) -> None:
    """That many connections can be open in this process. Raises UsageError with the command that allows it."""
    if sys.platform == "win32":  # no limit of its own on sockets
        return
    import resource  # here: POSIX alone has it

    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = connections + max(_open_files(), _OTHER_FILES)
    if limit != resource.RLIM_INFINITY and needed > limit:
        raise UsageError(
            f"{plural(connections, 'connection')} need about {needed} open files, and this shell allows {limit}: "
            f"ulimit -n {2 * needed}, then again."
        )


def _open_files() -> int:
    folder = Path("/dev/fd")
    return len(list(folder.iterdir())) if folder.is_dir() else 0
