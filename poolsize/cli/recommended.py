"""A recommendation that was made before: from the history, or from what `recommend --json` printed."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import msgspec

from poolsize.datatypes import Recommendation
from poolsize.errors import FileError, UsageError


def last_recommendation(purpose: str) -> Recommendation:
    """The newest of the history that has settings; `purpose` says what for, should there be none."""
    from poolsize.store import open_store  # here: `--from` needs no SQLAlchemy

    stored = open_store().latest_recommendation()
    if stored is None:
        raise UsageError(
            f"There is no recommendation in the history {purpose}.", next=("poolsize recommend --workers 4",)
        )
    return stored.recommendation


class _Head(msgspec.Struct):
    """What tells one document from another."""

    command: str
    schema_version: int


_EXPECTED: Final = (Recommendation().command, Recommendation().schema_version)


def read_recommendation(source: str) -> Recommendation:
    """Of a file, or of stdin for `-`. Raises FileError for what cannot be read, or is something else."""
    name = "stdin" if source == "-" else f"The file {source}"
    try:
        data = sys.stdin.buffer.read() if source == "-" else Path(source).read_bytes()
        head = msgspec.json.decode(data, type=_Head)
        if (head.command, head.schema_version) != _EXPECTED:
            raise FileError(
                f"{name} holds version {head.schema_version} of the document of `poolsize {head.command}`; "
                f"what is expected is version {_EXPECTED[1]} of that of `poolsize {_EXPECTED[0]}`."
            )
        return msgspec.json.decode(data, type=Recommendation)
    except OSError as error:
        raise FileError(f"{name} cannot be read: {error.strerror or error}.") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise FileError(f"{name} does not hold what `poolsize recommend --json` prints: {error}.") from None
