"""Why a run on a real database ended before its time."""

from __future__ import annotations

from typing import Literal

from poolsize.datatypes.quantities import Value

StopKind = Literal["interrupted", "terminated", "lost", "errors", "late"]
"""interrupted: Ctrl-C. terminated: SIGTERM. lost: the server went away. errors: too many operations failed. late: the
server took too long to answer a trivial statement."""


class Stopped(Value, frozen=True):
    """The results of such a run are those so far."""

    kind: StopKind
    reason: str
    """A sentence."""
