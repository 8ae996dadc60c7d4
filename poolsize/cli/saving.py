"""The history as commands use it in passing: where it cannot be had, that is one note and not a failure."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, TypeVar

from poolsize.cli.output import note
from poolsize.errors import FileError

if TYPE_CHECKING:
    from collections.abc import Callable

    from poolsize.store import Kept, Store

T = TypeVar("T")
_note_once = cache(note)


def keep(document: Kept, *, unless: bool) -> None:
    """Append it to the history, `unless` --no-save was given."""
    if not unless:
        with_history(lambda store: store.save(document))


def with_history(act: Callable[[Store], T]) -> T | None:
    """What `act` gives, None where the history cannot be used."""
    from poolsize.store import open_store  # here: SQLAlchemy takes longer to load than all of a recommendation

    try:
        return act(open_store())
    except FileError as error:
        _note_once(f"The history is not used: {error.message}")
        return None
