"""The default output of `recommend`, for a terminal of 80 × 24: the answer first, then why, then what else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.table import Table
from rich.text import Text

from poolsize.datatypes import Candidate, Recommendation
from poolsize.report.words import (
    certified_line,
    origin_line,
    percent,
    probability,
    settings_line,
    sum_line,
    verdict_line,
    wait_text,
    way_line,
)
from poolsize.units import plural, rate

STYLES: Final = {"blocking": "bold red", "warning": "yellow", "note": "dim"}


class _Detail(NamedTuple):
    """How much is said beside the answer."""

    findings: int
    remedies: bool = False
    scope: bool = True
    changes: bool = True
    ways: int = 9


_DETAILS: Final = (
    _Detail(3, remedies=True),
    _Detail(3),
    _Detail(2),
    _Detail(2, scope=False),
    _Detail(1, scope=False),
    _Detail(1, scope=False, changes=False),
    _Detail(1, scope=False, changes=False, ways=2),
    _Detail(1, scope=False, changes=False, ways=1),
)
"""From the most to the least, which still names the gravest finding."""
_LINES: Final = 24
"""Of a terminal that nobody made larger."""


class _Summary:
    """As much as fits the terminal that was never made larger, at the width that there is."""

    def __init__(self, answer: Recommendation) -> None:
        self._answer = answer

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        forms = (Group(*_parts(self._answer, detail)) for detail in _DETAILS)
        shown = next(forms)
        while len(console.render_lines(shown, options, pad=False)) > _LINES:
            shorter = next(forms, None)
            if shorter is None:
                break
            shown = shorter
        yield shown


def summary(answer: Recommendation) -> RenderableType:
    """At most 24 lines of 80 columns for ordinary input."""
    return _Summary(answer)


def _parts(answer: Recommendation, detail: _Detail) -> Iterator[RenderableType]:
    yield from head(answer)
    yield Text()
    yield candidates(answer)
    if answer.current is not None and detail.changes:
        yield Text(f"From the present settings: {answer.current.note}.")
    if answer.ways_to_fit:
        yield Text("It would fit with one of:", style="bold")
        yield from list(ways(answer))[: detail.ways]
    if detail.scope:
        yield from _scope(answer)
    yield from _findings(answer, detail)
    yield next_commands(answer)


def head(answer: Recommendation) -> Iterator[Text]:
    """The settings or the verdict, the sum that binds, what was measured or assumed; and where the answer is no, the
    best that fits."""
    yield Text(verdict_line(answer), style="bold green" if not answer.is_no else "bold red")
    yield Text(sum_line(answer))
    yield Text(origin_line(answer), style="dim")
    if answer.is_no and answer.settings is not None:
        yield Text(f"Best that fits: {settings_line(answer.settings)}")
    certified = certified_line(answer)
    if certified is not None:
        yield Text(certified, style="dim")


def candidates(answer: Recommendation) -> Table:
    """The neighbours, and what else was asked to be put beside them."""
    exact = not answer.assumed_workload
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="dim")
    table.add_column("")
    for title in ("size+over", "worst"):
        table.add_column(title, justify="right", no_wrap=True)
    if exact:
        for title in ("busy", "p95", "p99", "timeouts"):
            table.add_column(title, justify="right", no_wrap=True)
    table.add_column("up to", justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    rows = [*answer.neighbours, *answer.alternatives, *((answer.current,) if answer.current else ())]
    for row in rows:
        table.add_row(*_cells(row, answer, exact=exact), style="bold" if row.label == "c" else "")
    return table


def _cells(row: Candidate, answer: Recommendation, *, exact: bool) -> list[str]:
    own_type = answer.deployment.worker_type if answer.deployment and answer.alternatives else row.label
    label = (own_type if row.label == "c" else row.label).removeprefix("gunicorn-")
    worst = "no bound" if row.worst_case is None else str(row.worst_case)
    cells = [label, f"{row.settings.pool_size}+{row.settings.max_overflow}", worst]
    predicted = row.predicted
    if exact:
        waits = (predicted.p95_wait_s, predicted.p99_wait_s)
        cells += [
            percent(predicted.utilization),
            *(wait_text(wait, row.settings.pool_timeout_s) for wait in waits),
            probability(predicted.timeout_probability),
        ]
    return [*cells, _up_to(row), row.obstacle]


def _up_to(row: Candidate) -> str:
    """With a < where not the goal ends it but the threads, which are then all busy."""
    most = row.predicted.holds_up_to_per_s
    if most is None:
        return ""
    return f"<{rate(most)}" if row.predicted.limited_by == "threads" else rate(most)


def ways(answer: Recommendation) -> Iterator[Text]:
    """What would make it fit."""
    for way in answer.ways_to_fit:
        yield Text(f"  - {way_line(way)}")


def _scope(answer: Recommendation) -> Iterator[Text]:
    if answer.scope is not None:
        scope = answer.scope
        yield Text(
            f"Per process {scope.per_process_connections} connections, one shared PgBouncer "
            f"{scope.shared_connections}: {scope.recommended}, since {scope.reason}."
        )


def _findings(answer: Recommendation, detail: _Detail) -> Iterator[Text]:
    """Notes are for whoever asks for everything."""
    grave = [finding for finding in answer.findings if finding.severity != "note"][: detail.findings]
    for finding in grave:
        yield Text(f"{finding.code} {finding.message}", style=STYLES[finding.severity])
        if finding.severity == "blocking" and finding.remedy and detail.remedies:
            yield Text(f"      {finding.remedy}")
    more = len(answer.findings) - len(grave)
    if more:
        yield Text(f"{plural(more, 'more finding' if grave else 'note')} with --explain.", style="dim")


def next_commands(answer: Recommendation) -> Text:
    """The commands that make sense now; the same one with --explain only by that word, since it may be long."""
    commands = [command for command in answer.next if not command.endswith("--explain")]
    commands += ["--explain for how it follows"] if len(commands) < len(answer.next) else []
    return Text(f"Next: {', or '.join(commands)}", style="cyan") if commands else Text()
