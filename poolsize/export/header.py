"""The comment above every snippet: the verdict, the sum, the inputs with their origin, the command."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, get_args

from poolsize.datatypes import Deployment, LimitCheck, Origin, Recommendation, Verdict
from poolsize.export.setup import Setup
from poolsize.export.source import wrapped
from poolsize.units import amount, duration, rate, size

_NO: Final[dict[Verdict | None, str]] = {
    "does_not_fit": "WARNING: this does not fit. The goal needs more connections than a limit allows; these are the "
    "best settings within the limits.",
    "misses_goal": "WARNING: this misses the goal, which no number of connections meets; these are the best settings "
    "within the limits.",
    None: "WARNING: whether this fits is not known.",
}


def header(setup: Setup, marker: str) -> str:
    """Comment lines that begin with `marker`, each with its newline. No secret, no control character: a name in
    the database cannot end the comment."""
    recommendation = setup.recommendation
    lines = [line for text in _texts(setup) for line in wrapped(_safe(text), marker)]
    if recommendation.reproduce:
        # In one line, whatever its length, so that it can be pasted.
        lines.append(f"{marker} Again: {_safe(recommendation.reproduce)}")
    return "".join(f"{line}\n" for line in lines)


def _texts(setup: Setup) -> Iterator[str]:
    recommendation = setup.recommendation
    if recommendation.verdict == "fits" or _pooler_fits(setup):
        yield f"{_made(recommendation)} {_fit(setup)}"
    else:
        yield _NO[recommendation.verdict]
        yield from _ways(recommendation)
        yield _made(recommendation)
    for finding in recommendation.findings:
        if finding.severity == "blocking":
            yield f"BLOCKING {finding.code}: {finding.message} {finding.remedy}".rstrip()
    yield from _sum(setup)
    yield from _inputs(recommendation)


def _pooler_fits(setup: Setup) -> bool:
    """What does not fit as a pool per process may fit through one pooler."""
    recommendation, scope = setup.recommendation, setup.recommendation.scope
    if setup.pooler is None or scope is None or recommendation.verdict != "does_not_fit":
        return False
    rooms = [check.limit - check.others for check in recommendation.limits if check.unit == "connections"]
    return bool(rooms) and scope.shared_connections <= min(rooms)


def _fit(setup: Setup) -> str:
    if setup.recommendation.verdict == "fits":
        return "It fits: the goal is met within every limit."
    return "It fits through this PgBouncer, not with a pool per process."


def _made(recommendation: Recommendation) -> str:
    program = f"poolsize {recommendation.poolsize_version}".rstrip()
    target = f" for {recommendation.target}" if recommendation.target else ""
    made = f", {recommendation.made_at}" if recommendation.made_at else ""
    return f"{program}{target}{made}."


def _ways(recommendation: Recommendation) -> Iterator[str]:
    for way in recommendation.ways_to_fit:
        yield f"It would fit with: {way.change}{'' if way.number is None else f': {amount(way.number, way.unit)}'}."


def _sum(setup: Setup) -> Iterator[str]:
    recommendation, scope = setup.recommendation, setup.recommendation.scope
    source = f" ({recommendation.limits_source})" if recommendation.limits_source else ""
    binding = next((check for check in recommendation.limits if check.name == recommendation.binding), None)
    if setup.pooler and scope:
        yield (
            f"Through one PgBouncer: {scope.shared_connections} server connections at most, "
            f"with a pool per process {scope.per_process_connections}."
        )
    elif recommendation.deployment:
        yield from _per_process(recommendation.deployment, setup.settings.capacity, recommendation.worst_case_sum)
    if binding:
        yield f"Binding: {_limit(binding)}{source}."
    elif recommendation.binding:
        yield f"Binding: {recommendation.binding}{source}."


def _per_process(deployment: Deployment, capacity: int, needed: str) -> Iterator[str]:
    """The sum of what is exported; where it does not fit, that of what the goal needs beside it."""
    exported = deployment.worst_case_sum(capacity)
    yield f"Worst case: {exported} connections."
    if needed not in ("", exported):
        yield f"The goal needs: {needed} connections."


def _limit(check: LimitCheck) -> str:
    others = f" less {amount(check.others, '')} of others" if check.others else ""
    return f"{check.name}, {amount(check.limit, check.unit)}{others}"


def _inputs(recommendation: Recommendation) -> Iterator[str]:
    """A paragraph for each origin: `Assumed: hold 20 ms (profile web-oltp), skew 1.`"""
    for origin in get_args(Origin):
        named = [
            _amount(name, quantity.value) + (f" ({quantity.source})" if quantity.source else "")
            for name, quantity in recommendation.inputs.items()
            if quantity.origin == origin
        ]
        if named:
            yield f"{origin.capitalize()}: {', '.join(named)}."


def _amount(name: str, value: float) -> str:
    if name.endswith("_per_s"):
        return f"{_words(name.removesuffix('_per_s'))} {rate(value)}"
    if name.endswith("_s"):
        return f"{_words(name.removesuffix('_s'))} {duration(value)}"
    if name.endswith("_bytes"):
        return f"{_words(name.removesuffix('_bytes'))} {size(value)}"
    return f"{_words(name)} {amount(value, '')}"


def _words(name: str) -> str:
    return name.replace("_", " ")


# Targets and commands come masked; a document from a file may have been written by another hand.
_PASSWORDS: Final = (
    (re.compile(r"(://[^:@/\s]*):[^\s]*@"), r"\1:***@"),
    (re.compile(r"(?i)\b(password|passwd|pwd|sslpassword)(\s*=\s*)('[^']*'|[^\s&'\"]+)"), r"\1\2***"),
)


def _safe(text: str) -> str:
    for pattern, mask in _PASSWORDS:
        text = pattern.sub(mask, text)
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
