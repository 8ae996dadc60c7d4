"""What was asked before: the document of `poolsize history --json`."""

from __future__ import annotations

from poolsize.datatypes.facts import DatabaseFacts
from poolsize.datatypes.quantities import ErrorReport, Value
from poolsize.datatypes.recommendation import Recommendation


class StoredProbe(Value, frozen=True):
    """A probe from the history. Each layer's `others` is the highest that it or an earlier stored probe of this target
    saw, with the time in `others_at`, since a quiet moment must not size the pool."""

    facts: DatabaseFacts
    saved_at: str
    """ISO 8601, UTC."""


class StoredRecommendation(Value, frozen=True):
    """A recommendation from the history."""

    recommendation: Recommendation
    saved_at: str


class HistoryEntry(Value, frozen=True):
    """One stored document, in a line."""

    id: int
    kind: str
    """probe, recommend or curve."""
    target: str
    saved_at: str
    summary: str
    changes: tuple[str, ...] = ()
    """What is different from the last one before it of the same kind and target that did not fail: of an answer what
    was asked, too."""
    reproduce: str = ""
    """The command that gives this answer again; empty of a probe."""


class HistoryDocument(Value, frozen=True):
    """The whole list, newest first."""

    schema_version: int = 1
    command: str = "history"
    poolsize_version: str = ""
    store: str = ""
    """Where it is kept, with any password masked."""
    entries: tuple[HistoryEntry, ...] = ()
    error: ErrorReport | None = None
