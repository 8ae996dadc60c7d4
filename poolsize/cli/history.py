"""`poolsize history`."""

from __future__ import annotations

from typing import Annotated

from poolsize._version import __version__
from poolsize.cli.options import Json, count
from poolsize.cli.output import emit
from poolsize.datatypes import HistoryDocument
from poolsize.history import history_entries
from poolsize.store import open_store


def history(
    limit: Annotated[int, count(least=1, help="Entries at most.")] = 20,
    as_json: Json = False,
) -> None:
    """List what was probed and recommended, newest first, and what changed.

    Kept in a SQLite file of your state folder, or in the database of POOLSIZE_STORE.
    """
    store = open_store()
    entries = history_entries(store, limit=limit)
    document = HistoryDocument(poolsize_version=__version__, store=store.name, entries=entries)
    from poolsize.report.history import history_report  # here: --json needs no rich

    emit(document, "" if as_json else history_report(document), as_json=as_json)
