"""Options that several commands have, declared once."""

from __future__ import annotations

from typing import Annotated

import typer

from poolsize.units import parse_duration

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document (see `poolsize schema`).")]
NoSave = Annotated[bool, typer.Option("--no-save", help="Keep nothing of this in the history.")]


def seconds(text: str | None) -> float | None:
    """A duration option's value, or None."""
    return None if text is None else parse_duration(text)
