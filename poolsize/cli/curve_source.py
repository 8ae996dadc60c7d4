"""The capacity curve that `--curve` names: the last one, or a file's."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from poolsize.cli.saving import with_history
from poolsize.datatypes import Curve
from poolsize.errors import UsageError
from poolsize.live.curve_file import read_curve

LAST: Final = "last"


def curve_for(given: str, target: str | None = None) -> Curve:
    """`last` is the newest in the history that has a law: of `target`, a masked DSN, where one is given, since another
    database's says nothing of it. Raises FileError for a file, UsageError where there is no curve."""
    if given != LAST:
        return read_curve(Path(given))
    stored = with_history(lambda store: store.latest_curve(target))
    if stored is None:
        of = f" of {target}" if target else ""
        raise UsageError(f"The history has no capacity curve{of}.", next=("poolsize curve DSN",))
    return stored.curve
