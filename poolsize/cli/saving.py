"""Keep a document in the history; a history that can't be written is one note and not a failure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from poolsize.cli.output import note
from poolsize.errors import FileError

if TYPE_CHECKING:
    from poolsize.datatypes import DatabaseFacts, Recommendation


def keep(document: DatabaseFacts | Recommendation, *, unless: bool) -> None:
    """Append it to the history, `unless` --no-save was given."""
    if unless:
        return
    from poolsize.store import open_store  # here: SQLAlchemy takes longer to load than all of a recommendation

    try:
        open_store().save(document)
    except FileError as error:
        note(f"Not kept in the history: {error.message}")
