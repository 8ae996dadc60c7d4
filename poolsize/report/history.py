"""The history as a list for a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from poolsize.datatypes import HistoryDocument, HistoryEntry


def history_report(document: HistoryDocument) -> RenderableType:
    """Each stored probe and recommendation, newest first, and below it what it found and what changed since the one
    before it of the same kind and target."""
    if not document.entries:
        return Text(f"Nothing is stored yet in {document.store}.")
    width = len(str(document.entries[0].id))
    return Group(*(part for entry in document.entries for part in _entry(entry, width)))


def _entry(entry: HistoryEntry, width: int) -> Iterator[RenderableType]:
    when = entry.saved_at[: len("2026-01-31T09:30")].replace("T", " ")
    head = Text(f"{entry.id:>{width}}  {when} UTC  {entry.kind}", style="bold", no_wrap=True, overflow="ellipsis")
    yield head.append(f"  {entry.target}" if entry.target else "", style="not bold")
    indent = (0, 0, 0, width + 2)
    yield Padding(Text(entry.summary), indent)
    if entry.changes:
        yield Padding(Text(f"changed: {', '.join(entry.changes)}", style="yellow"), indent)
    if entry.reproduce:
        yield Padding(Text(entry.reproduce, style="dim", no_wrap=True, overflow="ellipsis"), indent)
