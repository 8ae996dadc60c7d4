"""Times and counts as people read and write them."""

from __future__ import annotations

import re
from typing import Final

from poolsize.errors import UsageError

_SECONDS_PER: Final = {"us": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
_LONG_S: Final = 7200.0
"""From two hours on nobody counts in seconds."""
_DURATION: Final = re.compile(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*([a-zµμ]+)\s*", re.IGNORECASE)


def duration(seconds: float) -> str:
    """Three digits in the unit that needs few zeros: `350 µs`, `20 ms`, `1.5 s`, `8 h`."""
    rounded = float(f"{seconds:.3g}")  # or 999.9 ms would be 1e+03 ms
    if rounded < 1e-3:
        return f"{rounded * 1e6:.3g} µs"
    if rounded < 1:
        return f"{rounded * 1e3:.3g} ms"
    return f"{seconds:.4g} s" if rounded < _LONG_S else f"{seconds / 3600:.3g} h"


def parse_duration(text: str) -> float:
    """Seconds of `10ms`, `1.5 s`, `2m`. A number without a unit is refused, since 20 might be meant either way."""
    match = _DURATION.fullmatch(text)
    unit = match[2].casefold() if match else ""  # which makes the micro sign a Greek mu, as others write it
    if match is None or unit not in _SECONDS_PER:
        raise UsageError(f"'{text}' is not a time: write a number with its unit, such as 20ms, 1.5s or 2m.")
    return float(match[1]) * _SECONDS_PER[unit]


def plural(count: int, noun: str) -> str:
    """`1 process`, `4 processes`."""
    if count == 1:
        return f"1 {noun}"
    return f"{count} {noun}{'es' if noun.endswith('s') else 's'}"


def rate(per_s: float) -> str:
    """`35/s`, `19,200/s`: three digits."""
    return f"{_three_digits(per_s)}/s"


def amount(number: float, unit: str) -> str:
    """`12 ms`, `1,990 connections`, `0.5`: three digits, of a count all of them."""
    if unit == "s":
        return duration(number)
    text = f"{number:,.0f}" if number == int(number) else _three_digits(number)
    return f"{text} {unit}".rstrip()


def size(bytes_: float) -> str:
    """`850 kB`, `12 MB`, `1.5 GB`, in powers of 1024, as memory is sold."""
    for unit, length in (("GB", 2**30), ("MB", 2**20)):
        if bytes_ >= length:
            return f"{_three_digits(bytes_ / length)} {unit}"
    return f"{_three_digits(bytes_ / 2**10)} kB"


def _three_digits(number: float) -> str:
    rounded = float(f"{number:.3g}")
    return f"{rounded:,.0f}" if rounded >= 100 else f"{rounded:g}"
