"""Lay out the Python of a snippet, as a formatter would."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from typing import Final, NamedTuple

WIDTH: Final = 79
"""Columns of a snippet and of its comments: PEP 8's, which every project's linter accepts."""


class Argument(NamedTuple):
    """One named argument, or one key of a dictionary, with the Python that it is set to."""

    name: str
    source: str
    comment: str = ""


def call(name: str, first: str, arguments: Iterable[Argument]) -> str:
    """`name(first, name=source, ...)`, an argument a line."""
    lines = [_line(f"{argument.name}={argument.source}", argument.comment) for argument in arguments]
    return "\n".join([f"{name}(", f"    {first},", *lines, ")"])


def dictionary(entries: Iterable[Argument], *, depth: int = 0) -> str:
    """`{"name": source, ...}`, an entry a line; `depth` is that of the line it begins on."""
    lines = [_line(f'"{entry.name}": {entry.source}', entry.comment, depth + 1) for entry in entries]
    return "\n".join(["{", *lines, f"{'    ' * depth}}}"])


def comments(remarks: Iterable[str]) -> str:
    """Each remark as comment lines, each with its newline."""
    return "".join(f"{line}\n" for remark in remarks for line in wrapped(remark, "#"))


def wrapped(text: str, marker: str) -> list[str]:
    """Comment lines that begin with `marker`, those after the first indented."""
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=f"{marker} ",
        subsequent_indent=f"{marker}   ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def number(value: float) -> str:
    """A number as a person writes it: 2 and 0.25."""
    return str(int(value)) if value == int(value) else str(round(value, 3))


def _line(source: str, comment: str, depth: int = 1) -> str:
    indent = "    " * depth
    line = f"{indent}{source},"
    if not comment:
        return line
    beside = f"{line}  # {comment}"
    return beside if len(beside) <= WIDTH else "\n".join([*wrapped(comment, f"{indent}#"), line])
