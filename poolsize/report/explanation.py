"""The output of `recommend --explain`: the formula by hand, every limit, every input, every finding with its remedy."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from poolsize.datatypes import Recommendation
from poolsize.report.summary import STYLES, candidates, head, next_commands, ways
from poolsize.report.words import predicted_lines, settings_line
from poolsize.units import duration


def explanation(answer: Recommendation) -> RenderableType:
    """Everything that is known of the answer."""
    return Group(
        *head(answer),
        Text(),
        candidates(answer),
        *_notes(answer),
        Text("\nHow it follows", style="bold"),
        *(Text(f"  {line}") for line in answer.workings),
        Text("\nPredicted for one pool", style="bold"),
        *(Text(f"  {line}") for line in predicted_lines(answer)),
        Text("\nLimits", style="bold"),
        _limits(answer),
        Text("\nInputs", style="bold"),
        _inputs(answer),
        *_ranges(answer),
        *_scope(answer),
        *([Text("\nIt would fit with one of", style="bold"), *ways(answer)] if answer.ways_to_fit else []),
        *_findings(answer),
        next_commands(answer),
    )


def _notes(answer: Recommendation) -> Iterator[Text]:
    """Why a row beside the answer is none, where that takes a sentence."""
    for row in answer.alternatives:
        if row.obstacle and row.note:
            yield Text(f"  {row.label}: {row.note}", style="dim")


def _limits(answer: Recommendation) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("  layer")
    for title in ("limit", "others", "worst case", "margin"):
        table.add_column(title, justify="right")
    table.add_column("")
    for check in answer.limits:
        table.add_row(
            f"  {check.name}{' *' if check.name == answer.binding else ''}",
            f"{check.limit:g}",
            f"{check.others:g}",
            f"{check.demand:.4g}",
            f"{check.margin:.4g}",
            check.source,
        )
    return table


def _inputs(answer: Recommendation) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    for name, quantity in answer.inputs.items():
        table.add_row(f"  {name}", f"{quantity.value:.6g}", quantity.origin, quantity.source)
    return table


def _ranges(answer: Recommendation) -> Iterator[Text]:
    if not answer.ranges:
        return
    yield Text("\nThe answer stays the same", style="bold")
    for one in answer.ranges:
        low = "any" if one.low is None else _in_unit(one.low, one.unit)
        high = "any" if one.high is None else _in_unit(one.high, one.unit)
        first = ", the first to break it" if one.name == answer.breaks_first else ""
        yield Text(f"  {one.name} from {low} to {high}{first}")


def _in_unit(value: float, unit: str) -> str:
    return duration(value) if unit == "s" else f"{value:.4g} {unit}"


def _scope(answer: Recommendation) -> Iterator[Text]:
    if answer.scope is None:
        return
    pooler, app = answer.scope.pooler, answer.scope.pooler.application
    yield Text("\nOne shared PgBouncer instead", style="bold")
    yield Text(f"  recommended: {answer.scope.recommended}, since {answer.scope.reason}")
    yield Text(
        f"  default_pool_size={pooler.default_pool_size} (per user and database pair) "
        f"min_pool_size={pooler.min_pool_size} reserve_pool_size={pooler.reserve_pool_size} "
        f"reserve_pool_timeout={pooler.reserve_pool_timeout_s:g} max_client_conn={pooler.max_client_conn} "
        f"query_wait_timeout={pooler.query_wait_timeout_s:g} pool_mode={pooler.pool_mode}"
    )
    yield Text(f"  in front of it: {settings_line(app)}")


def _findings(answer: Recommendation) -> Iterator[Text]:
    if answer.findings:
        yield Text("\nFindings", style="bold")
    for finding in answer.findings:
        yield Text(f"  {finding.code} {finding.message}", style=STYLES[finding.severity])
        if finding.remedy:
            yield Text(f"        {finding.remedy}")
