"""The history as a list for a terminal."""

from __future__ import annotations

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from poolsize.datatypes import HistoryDocument


def history_report(document: HistoryDocument) -> RenderableType:
    """A line for each stored probe and recommendation, newest first, with what changed."""
    if not document.entries:
        return Text(f"Nothing is stored yet in {document.store}.")
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for title in ("", "when", "what", "target", "result", "changed"):
        table.add_column(title)
    for entry in document.entries:
        when = entry.saved_at.replace("T", " ").removesuffix("Z")
        table.add_row(str(entry.id), when, entry.kind, entry.target, entry.summary, "\n".join(entry.changes))
    return table
