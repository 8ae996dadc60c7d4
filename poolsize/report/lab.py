"""What the lab saw, as text: the two runs side by side, a picture of their connections, and a paragraph."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from poolsize.datatypes import Lab, LabRun, Lesson, Unread
from poolsize.units import duration, plural, rate, size

_STEPS: Final = "▁▂▃▄▅▆▇█"
_LABEL: Final = 17
"""Width of what stands before a picture's line, so that it fits in 80 columns."""
_QUOTED: Final = 3
"""Kinds of errors."""
_CODE: Final = re.compile(r" \(\w+\)$")

Runs = list[tuple[str, LabRun]]


def lab_report(document: Lab) -> RenderableType:
    """The lessons there are, or one of them, or the runs."""
    if document.lessons:
        return _list(document)
    if document.lesson is not None:
        return Group(*_of_lesson(document, document.lesson))
    if not _runs(document):
        return Text("It was ended before there was anything to show.")
    return Group(*_of_runs(document))


def _list(document: Lab) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    for line in document.lessons:
        table.add_row(line.name, line.title)
    return table


def _of_lesson(document: Lab, lesson: Lesson) -> Iterator[RenderableType]:
    yield Text(lesson.title, style="bold")
    yield Text(f"{lesson.setting} On {document.server}.", style="dim")
    yield Text()
    yield _lesson_table(lesson)
    yield Text()
    yield from _ending(document, lesson.seen)


def _lesson_table(lesson: Lesson) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for number, column in enumerate(lesson.table.columns):
        table.add_column(column, justify="right" if number else "left")
    for row in lesson.table.rows:
        table.add_row(*row)
    return table


def _of_runs(document: Lab) -> Iterator[RenderableType]:
    runs = _runs(document)
    inputs = {name: quantity.value for name, quantity in document.inputs.items()}
    yield Text(
        f"{plural(int(inputs['requests']), 'request')} at once, each {duration(inputs['request_time_s'])} long and "
        f"{duration(inputs['hold_s'])} of it in the database",
        style="bold",
    )
    free = "" if document.free_connections is None else f", {plural(document.free_connections, 'free connection')}"
    yield Text(f"{document.server}{free}", style="dim")
    yield _figures(runs)
    yield from _pictures(runs)
    yield from _errors(runs)
    yield Text()
    yield from _ending(document, document.seen)


def _runs(document: Lab) -> Runs:
    pool = f"a pool of {document.inputs['pool'].value:g}" if "pool" in document.inputs else ""
    named = (
        ("without a pool", document.unpooled),
        (pool, document.pooled),
        ("readers", document.readers),
        ("writers", document.writers),
    )
    return [(name, run) for name, run in named if run is not None]


def _figures(runs: Runs) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("")
    for name, _ in runs:
        table.add_column(name, justify="right", min_width=_LABEL)
    for label, cell in _ROWS:
        cells = [cell(run) for _, run in runs]
        if any(cells):
            table.add_row(label, *cells)
    return table


def _times(*seconds: float | None) -> str:
    return "  ".join("" if one is None else duration(one) for one in seconds).strip()


def _spent(run: LabRun) -> str:
    cpu = "" if run.server_cpu_s is None else duration(run.server_cpu_s)
    memory = "" if run.server_memory_bytes is None else size(run.server_memory_bytes)
    return f"{cpu}  {memory}".strip()


_ROWS: Final[tuple[tuple[str, Callable[[LabRun], str]], ...]] = (
    ("served", lambda run: f"{run.served} of {run.requests}"),
    ("failed", lambda run: str(run.errors or "")),
    ("unfinished", lambda run: str(run.unfinished or "")),
    ("served per second", lambda run: rate(run.requests_per_s)),
    ("response p50, p95, p99", lambda run: _times(run.p50_s, run.p95_s, run.p99_s)),
    ("connections opened", lambda run: str(run.connections_opened)),
    ("most at once", lambda run: str(run.peak_connections)),
    ("server's CPU, memory", _spent),
)


def _pictures(runs: Runs) -> Iterator[Text]:
    """The connections of each run over its time, all by one scale."""
    most = max((run.peak_connections for _, run in runs), default=0)
    if not most:
        return
    yield Text("connections open, from a run's start to its end", style="dim")
    for name, run in runs:
        line = "".join(_step(moment.connections / most) for moment in run.moments)
        yield Text(f"{name:{_LABEL}}{line} {run.peak_connections}")


def _step(share: float) -> str:
    return _STEPS[min(int(share * len(_STEPS)), len(_STEPS) - 1)] if share > 0.0 else " "


def _errors(runs: Runs) -> Iterator[Text]:
    """Without the advice in them: a server may word one refusal in several ways, by when it comes to it."""
    kinds: Counter[str] = Counter()
    for _, run in runs:
        for sentence, count in run.error_kinds.items():
            kinds[_CODE.sub("", sentence.partition(";")[0].rstrip("."))] += count
    for words, count in kinds.most_common(_QUOTED):
        yield Text(f"{count} × {words}", style="red")


def _ending(document: Lab, seen: str) -> Iterator[Text]:
    if seen:
        yield Text(seen)
    if document.beyond_client and document.client_late_s is not None:
        yield Text(
            f"Without any database this machine alone makes such requests up to {duration(document.client_late_s)} "
            "late: the times tell of it as much as of the database. Ask for fewer requests.",
            style="yellow",
        )
    for unread in document.unread:
        yield Text(_unread(unread), style="dim")
    if document.next:
        yield Text(f"Next: {', or '.join(document.next)}", style="cyan")


def _unread(unread: Unread) -> str:
    remedy = f" ({unread.remedy})" if unread.remedy else ""
    return f"Not read: {unread.name}. {unread.reason.rstrip('.')}{remedy}."
