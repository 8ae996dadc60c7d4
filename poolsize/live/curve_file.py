"""A capacity curve that was measured before, and what `recommend` may take from it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from poolsize.datatypes import Curve, DatabaseFacts, Finding, Request
from poolsize.errors import FileError, UsageError


def read_curve(file: Path) -> Curve:
    """What `poolsize curve --json` printed. Raises FileError for a file that cannot be read or holds something else."""
    try:
        found = msgspec.json.decode(file.read_bytes(), type=Curve)
    except OSError as error:
        raise FileError(f"The curve {file} cannot be read: {error.strerror}.") from None
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise FileError(f"The file {file} holds no capacity curve, as `poolsize curve --json` prints it.") from None
    if found.command != "curve":  # every document's fields may be missing
        raise FileError(f"The file {file} holds no capacity curve, but what `poolsize {found.command}` printed.")
    return found


def careful_law(curve: Curve) -> tuple[float, float]:
    """alpha and beta for `Request.usl`: those of the most slow-down that the measurements leave open, since a database
    that is taken for faster than it is gets a pool that is too small. Raises UsageError for a curve without a law."""
    if curve.usl is None:
        raise UsageError(
            "The curve has no law: fewer than three levels of concurrency were measured that are the database's own."
        )
    return curve.usl.cautious


def sized_by(request: Request, facts: DatabaseFacts | None, curve: Curve) -> tuple[Request, DatabaseFacts | None]:
    """The same question to `recommend` with the database's law of this curve, and what speaks against it among the
    facts. Raises UsageError for a curve without a law, and for another one stated."""
    if request.usl is not None:
        raise UsageError("--usl and --curve say the same thing: give one of them.")
    place = curve.database.place if curve.database is not None else None
    source = f"capacity curve of {place or curve.target or 'a database'}, {curve.measured_at[:10]}, its cautious end"
    request = msgspec.structs.replace(request, usl=careful_law(curve), usl_source=source)
    if facts is not None:
        facts = msgspec.structs.replace(facts, findings=(*facts.findings, *law_findings(curve)))
    return request, facts


def law_findings(curve: Curve) -> Iterator[Finding]:
    """What speaks against sizing a pool by it."""
    if curve.usl is not None and curve.usl.verdict == "doubtful":
        yield Finding(
            code="PS425",
            severity="warning",
            message=f"The law of the capacity curve is doubtful: {curve.usl.doubts[0]}.",
            remedy="Measure it again while nothing else runs on the database, with --rounds 5 and to a higher --up-to.",
        )
    if curve.is_built_in:
        yield Finding(
            code="PS426",
            severity="warning",
            message="The capacity curve is that of the server's processors, measured without your statements.",
            remedy="Measure it with your own: poolsize curve --sql or --sql-file.",
        )
