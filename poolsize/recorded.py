"""Read what was recorded of a workload: a trace of requests, a histogram of holds.

A trace has a line for each request, `arrival` or `arrival,hold`; a histogram one for each value, `value,count`.
Arrivals are seconds from any origin, or ISO 8601 times; holds and values are seconds, or have a unit, as 20ms. Fields
are parted by a comma, a semicolon or a tab; a first line of words is a heading, empty lines and those that begin with #
are skipped.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

from poolsize.datatypes import Trace
from poolsize.errors import FileError, UsageError
from poolsize.queueing import Hold
from poolsize.units import parse_duration

_PARTED: Final = re.compile(r"[,;\t]")


class _Line(NamedTuple):
    number: int
    fields: list[str]


def read_trace(path: Path) -> Trace:
    """The requests of the file in the order of their arrivals, the first at 0. Raises FileError for a file that cannot
    be read, UsageError for one that is no trace."""
    lines = list(_lines(path, _arrival))
    columns = {len(line.fields) for line in lines}
    if not columns <= {1, 2} or len(columns) > 1:
        raise UsageError(f"{path} is no trace: each line is an arrival, or each is an arrival and a hold.")
    requests = sorted(tuple(_read(path, line, _arrival, _time)) for line in lines)
    if len(requests) < 2 or requests[0][0] == requests[-1][0]:
        raise UsageError(f"{path} is no trace: at least two requests at different times are needed.")
    begin = requests[0][0]
    holds = tuple(request[1] for request in requests) if columns == {2} else None
    return Trace(tuple(request[0] - begin for request in requests), holds)


def read_histogram(path: Path) -> Hold:
    """Holds by the values and counts of the file. Raises FileError for a file that cannot be read, UsageError for one
    that is no histogram."""
    lines = list(_lines(path, _time))
    if not lines or {len(line.fields) for line in lines} != {2}:
        raise UsageError(f"{path} is no histogram: each line is a value and a count.")
    values, counts = zip(*(_read(path, line, _time, _number) for line in lines), strict=True)
    try:
        return Hold.from_histogram(values, counts)
    except ValueError as error:
        raise UsageError(f"{path} is no histogram: {error}") from None


def _lines(path: Path, first_field: Callable[[str], float]) -> Iterator[_Line]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise FileError(f"{path} cannot be read: {reason}.") from None
    is_first = True
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        fields = [field.strip().strip('"') for field in _PARTED.split(line)]
        if not (is_first and _is_heading(fields[0], first_field)):
            yield _Line(number, fields)
        is_first = False


def _is_heading(field: str, read: Callable[[str], float]) -> bool:
    try:
        read(field)
    except (ValueError, UsageError):
        return bool(re.match(r"[^\W\d]", field))
    return False


def _read(path: Path, line: _Line, *readers: Callable[[str], float]) -> Iterator[float]:
    for field, read in zip(line.fields, readers, strict=False):
        try:
            number = read(field)
        except (ValueError, UsageError, OverflowError):
            number = math.nan
        if not math.isfinite(number):
            raise UsageError(
                f"{path}, line {line.number}: {field!r} is no {'time' if read is not _number else 'count'}."
            )
        yield number


def _arrival(field: str) -> float:
    try:
        return float(field)
    except ValueError:
        time = datetime.fromisoformat(field)
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()


def _time(field: str) -> float:
    seconds = _number(field) if re.fullmatch(r"[\d.eE+-]+", field) else parse_duration(field)
    if seconds < 0.0:
        raise ValueError
    return seconds


def _number(field: str) -> float:
    number = float(field)
    if number < 0.0:
        raise ValueError
    return number
