"""Memory sizes as people write them."""

from __future__ import annotations

import re
from typing import Final

from poolsize.errors import UsageError

MIB: Final = 2**20
GIB: Final = 2**30

_UNITS: Final = {"M": MIB, "G": GIB, "T": 2**40}
_SIZE: Final = re.compile(r"\s*(\d{1,6}(?:\.\d{1,6})?)\s*([MGT])(?:I?B)?\s*", re.IGNORECASE)


def parse_size(text: str) -> int:
    """Bytes in `8GB`, `0.5 GB`, `512MiB`, `1TB`.

    Powers of 1024, with or without the i: providers sell a "16 GB" instance with 16 GiB. A number without a unit is
    refused, since a guess could be wrong by a thousand. Raises UsageError.
    """
    match = _SIZE.fullmatch(text)
    size = round(float(match[1]) * _UNITS[match[2].upper()]) if match else 0
    if size < 1:
        raise UsageError(
            f"{text!r} is not a size of memory: write a number above 0 and its unit, such as 8GB or 512MB."
        )
    return size


def size_text(size: int) -> str:
    """`8 GB`, `15.25 GB`, `512 MB`."""
    number, unit = (size / GIB, "GB") if size >= GIB else (size / MIB, "MB")
    return f"{round(number, 2):.10g} {unit}"
