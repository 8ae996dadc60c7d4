"""A recommendation as Markdown, for a pull request: settings, sum, origins, caveats, and how to get it again."""

from __future__ import annotations

from collections.abc import Iterator

from poolsize.datatypes import Recommendation
from poolsize.report.words import (
    certified_line,
    origin_line,
    predicted_lines,
    settings_line,
    sum_line,
    verdict_line,
    way_line,
)


def markdown(answer: Recommendation) -> str:
    """The whole text, ending in a newline."""
    return "\n".join(
        [
            "## Connection pool",
            "",
            *_verdict(answer),
            "",
            sum_line(answer),
            "",
            origin_line(answer),
            "",
            *_certified(answer),
            *_candidates(answer),
            *_predicted(answer),
            *_limits(answer),
            *_inputs(answer),
            *_caveats(answer),
            *_reproduce(answer),
            "",
        ]
    )


def _verdict(answer: Recommendation) -> Iterator[str]:
    if not answer.is_no:
        yield f"`{verdict_line(answer)}`"
        return
    yield f"**{verdict_line(answer)}**"
    if answer.settings is not None:
        yield ""
        yield f"Best that fits: `{settings_line(answer.settings)}`"
    if answer.ways_to_fit:
        yield ""
        yield "It would fit with one of:"
        yield ""
        yield from (f"- {way_line(way)}" for way in answer.ways_to_fit)


def _certified(answer: Recommendation) -> Iterator[str]:
    line = certified_line(answer)
    if line is not None:
        yield line
        yield ""


def _candidates(answer: Recommendation) -> Iterator[str]:
    if answer.current is not None:
        current = answer.current
        worst = "no bound" if current.worst_case is None else str(current.worst_case)
        yield f"Now: `{settings_line(current.settings)}`, worst case {worst}, {current.verdict.replace('_', ' ')}."
        yield f"Changes: {current.note}."
        yield ""


def _predicted(answer: Recommendation) -> Iterator[str]:
    yield "### Predicted for one pool"
    yield ""
    yield from (f"- {line}" for line in predicted_lines(answer))
    yield ""


def _limits(answer: Recommendation) -> Iterator[str]:
    if answer.limits:
        yield "| limit | of | others | worst case | margin | |"
        yield "|---|---:|---:|---:|---:|---|"
    for check in answer.limits:
        name = f"**{check.name}**" if check.name == answer.binding else check.name
        numbers = f"{check.limit:g} | {check.others:g} | {check.demand:.4g} | {check.margin:.4g}"
        yield f"| {name} | {numbers} | {_cell(check.source)} |"
    yield ""


def _inputs(answer: Recommendation) -> Iterator[str]:
    yield "| input | value | origin | |"
    yield "|---|---:|---|---|"
    for name, quantity in answer.inputs.items():
        yield f"| `{name}` | {quantity.value:.6g} | {quantity.origin} | {_cell(quantity.source)} |"
    yield ""


def _caveats(answer: Recommendation) -> Iterator[str]:
    if answer.findings:
        yield "### Caveats"
        yield ""
    for finding in answer.findings:
        remedy = f" {finding.remedy}" if finding.remedy else ""
        yield f"- {finding.code} ({finding.severity}): {finding.message}{remedy}"
    if answer.findings:
        yield ""


def _reproduce(answer: Recommendation) -> Iterator[str]:
    if answer.reproduce:
        yield f"Again with: `{answer.reproduce}` (poolsize {answer.poolsize_version}, {answer.made_at})"


def _cell(text: str) -> str:
    """A pipe would end the cell, and a line the row."""
    return text.replace("|", "\\|").replace("\n", " ")
