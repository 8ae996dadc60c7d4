"""What is said of `--own`, in every dialect, where it separates nothing."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from poolsize.datatypes import Finding

_LISTED: Final = 5
"""Names that a sentence lists."""


def unmatched(names: Sequence[str], seen: Collection[str]) -> tuple[Finding, ...]:
    """A finding where one of `names` is the name of no session. `seen` are those of the sessions that could be this
    service's."""
    missing = [name for name in dict.fromkeys(names) if name not in seen]
    if not missing:
        return ()
    listed = ", ".join(sorted(seen)[:_LISTED]) + (" and more" if len(seen) > _LISTED else "")
    return (
        Finding(
            code="PS105",
            severity="warning",
            message=f"No session that this account sees has the name {' or '.join(map(repr, missing))} that --own "
            f"gives; the names are: {listed or 'none'}. What is not own counts as another service's.",
            remedy="Mend the name, or probe while the service is connected.",
        ),
    )
