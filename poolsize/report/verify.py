"""Predicted beside measured, as text."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from poolsize.datatypes.verify import Goal, Senses, Verification, VerifiedRow
from poolsize.report.words import probability, settings_line
from poolsize.units import duration, plural, rate

_LABELS: Final = {
    "utilization": "busy",
    "wait_probability": "P(wait)",
    "mean_wait_s": "mean wait",
    "p95_wait_s": "p95 wait",
    "p99_wait_s": "p99 wait",
    "timeout_probability": "P(timeout)",
    "opens_per_s": "opened",
    "connections": "connections",
}


def verification_report(document: Verification) -> RenderableType:
    return Group(*_parts(document))


def _parts(document: Verification) -> Iterator[RenderableType]:
    yield Text(f"{document.pool_version or document.pool} under {_load(document)}", style="bold")
    if document.settings is not None:
        yield Text(settings_line(document.settings), style="dim")
    yield Text()
    if document.stopped is not None:
        yield Text(f"Ended early: {document.stopped.reason}", style="yellow")
    if not document.rows:
        yield Text("Too few requests were seen to say anything.")
        return
    yield _table(document)
    yield Text()
    yield from (Text(line) for line in _verdict(document))
    yield from (Text(line, style="dim") for line in _how(document))
    if document.next:
        yield Text(f"Next: {', or '.join(document.next)}", style="cyan")


def _load(document: Verification) -> str:
    inputs = {name: quantity.value for name, quantity in document.inputs.items()}
    if "rate_per_s" in inputs:
        who = f"{rate(inputs['rate_per_s'])}"
    elif "threads" in inputs:
        who = f"{plural(int(inputs['threads']), 'thread')} that think {duration(inputs['think_s'])}"
    else:
        who = f"{inputs['recorded_requests']:,.0f} recorded requests"
    held = "sleeps" if document.is_sleep else "the given statement, expected to take"
    varies = f", scv {inputs['hold_scv']:.3g}" if document.hold_law not in ("constant", "exponential") else ""
    return f"{who}, {held} of {duration(inputs['hold_s'])} ({document.hold_law}{varies})"


def _table(document: Verification) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("")
    for title in ("predicted", "measured"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("interval", no_wrap=True)
    table.add_column("")
    is_other = bool(document.changes)
    if is_other:
        table.add_column("as measured", justify="right", no_wrap=True)
    for row in document.rows:
        form = _form(row.metric)
        cells = [_LABELS[row.metric], _value(row.predicted, form), _value(row.measured, form), _interval(row, form)]
        cells.append({True: "inside", False: "[red]outside[/red]", None: "?"}[row.inside])
        if is_other:
            cells.append("" if row.metric == "connections" else _value(row.from_measured_inputs, form))
        table.add_row(*cells)
    return table


def _form(metric: str) -> Callable[[float], str]:
    if metric.endswith("_wait_s"):
        return duration
    if metric == "opens_per_s":
        return rate
    return "{:.0f}".format if metric == "connections" else probability


def _value(value: float | None, form: Callable[[float], str]) -> str:
    return "∞" if value is None else form(value) if value else "0"


def _interval(row: VerifiedRow, form: Callable[[float], str]) -> str:
    if row.metric == "connections":
        return ""
    low = form(row.low) if row.low else "0"
    return f"{low} to {form(row.high) if row.high else '0'}" if row.high is not None else f"above {low}"


def _verdict(document: Verification) -> Iterator[str]:
    outside = [row for row in document.rows if row.inside is False]
    if outside:
        yield f"{len(outside)} of {len(document.rows)} predictions lie outside of what was measured."
    elif all(row.inside for row in document.rows):
        yield "Every prediction lies inside of what was measured."
    yield from (change.sentence for change in document.changes)
    if outside and document.changes and all(row.is_explained for row in outside):
        yield "With the inputs as measured the prediction is right: state those."
    elif outside and any(row.is_explained is False for row in outside):
        yield "The measured inputs do not explain it all: the pool or the machine did otherwise than the model says."
    if document.goal is not None:
        yield _goal(document.goal)
    for note in dict.fromkeys(row.note for row in document.rows if row.inside is None and row.note):
        yield f"Not judged where the figure is {note}." if note.startswith("shorter") else f"Not judged: {note}."


def _goal(goal: Goal) -> str:
    words = {
        "met": "The goal is met",
        "missed": "The goal is missed",
        "open": "The run was too short to tell whether the goal is met",
    }
    span = f"{probability(goal.low)} to {probability(goal.high)}"
    late = f"{probability(goal.late_share)} ({span}) waited over {duration(goal.p99_wait_s)}"
    return f"{words[goal.verdict]}: {late}; 1 % may."


def _how(document: Verification) -> Iterator[str]:
    yield (
        f"{document.requests:,} requests in {duration(document.duration_s)} after a warm-up of "
        f"{duration(document.warm_up_s)}; intervals from {document.batches} batch means, no shorter than simulated "
        "runs of this length differ; all of them hold with 95 %."
    )
    if document.errors:
        yield f"{plural(document.errors, 'request')} failed, and are in no figure."
    if document.is_sleep:
        yield "Sleeps in the database test the pool's arithmetic, not your SQL: give that with --sql."
    if document.senses is not None:
        yield from _senses(document.senses)


def _senses(senses: Senses) -> Iterator[str]:
    yield (
        f"This client asked {duration(senses.delay_p50_s)} late (p99 {duration(senses.delay_p99_s)}) and took a "
        f"connection over in {duration(senses.handover_p50_s)} (p99 {duration(senses.handover_p99_s)}), which is no "
        f"part of the waits; it sees waits from {duration(senses.sees_from_s)} on, and can make "
        f"{rate(senses.ceiling_per_s)} by itself."
    )
