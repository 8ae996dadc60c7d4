"""The points of a curve as they come, on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from poolsize.datatypes import CurvePoint
    from poolsize.probe.dialect import Progress

Shown = Callable[[tuple["CurvePoint", ...]], None]


@contextmanager
def growing() -> Iterator[tuple[Progress, Shown]]:
    """A table and a bar on stderr where that is a terminal, nothing elsewhere; gone at the end, when the whole is
    printed. Told (what, share done), and the points so far."""
    if not sys.stderr.isatty():
        yield lambda _what, _share: None, lambda _points: None
        return
    from rich.console import Console, Group, RenderableType  # here: nothing but a terminal needs them
    from rich.live import Live
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from poolsize.report.curve import curve_table  # here: it imports rich

    bar = Progress(TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    task = bar.add_task("starting", total=1.0)
    parts: list[RenderableType] = [bar]
    with Live(Group(bar), console=Console(stderr=True), transient=True) as live:

        def shown(points: tuple[CurvePoint, ...]) -> None:
            parts[:] = [curve_table(points), bar]
            live.update(Group(*parts))

        yield lambda what, share: bar.update(task, description=what, completed=share), shown
