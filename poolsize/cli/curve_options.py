"""The statements of `poolsize curve`, as they are typed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from poolsize.errors import FileError, UsageError

_RANGE: Final = re.compile(r"\s*([a-z_]\w*)\s*=\s*(-?\d+)\s*\.\.\s*(-?\d+)\s*", re.IGNORECASE)


def texts_of(given: Sequence[str], files: Sequence[Path]) -> tuple[str, ...]:
    """Those of --sql, then those of the files. Raises FileError for one that cannot be read."""
    return (*given, *map(_read, files))


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise FileError(f"The statement's file {file} cannot be read: {reason}.") from None


def weights_of(given: str | None) -> tuple[float, ...]:
    """`3,1`."""
    if given is None:
        return ()
    try:
        return tuple(map(float, given.split(",")))
    except ValueError:
        raise UsageError(f"--weights {given!r} is no row of numbers, such as 3,1.") from None


def ranges_of(given: Sequence[str]) -> dict[str, tuple[int, int]]:
    """`id=1..1000`, each name once."""
    found: dict[str, tuple[int, int]] = {}
    for one in given:
        match = _RANGE.fullmatch(one)
        if match is None:
            raise UsageError(f"--param {one!r} is no name with a range of whole numbers, such as id=1..1000.")
        if match[1] in found:
            raise UsageError(f"--param gives {match[1]} twice.")
        found[match[1]] = int(match[2]), int(match[3])
    return found
