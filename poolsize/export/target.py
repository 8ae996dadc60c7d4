"""What a target of `poolsize export` looks like."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from poolsize.export.setup import Setup


@dataclass(frozen=True)
class Target:
    """One entry of TARGETS."""

    name: str
    title: str
    summary: str
    """What it is, for the help."""
    suffix: str
    """Of the file that it is written to: `.py`."""
    comment: str
    """What begins a comment there."""
    body: Callable[[Setup], str]
    """The text below the comment that every target shares."""
    is_pooler: bool = False
    """It configures the shared pooler itself."""
