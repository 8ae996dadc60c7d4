"""What must be known of a capacity curve before it is believed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from poolsize.datatypes import ErrorReport, Finding, Stopped
from poolsize.datatypes.curve import Curve
from poolsize.parallel import usable_processors

SHARED_SHARE: Final = 0.1
"""Of the machine's processors. What the client takes of them is not the database's, and a tenth is as much as a sweep
scatters."""


def findings_of(curve: Curve) -> Iterator[Finding]:
    if curve.is_built_in:
        yield Finding(
            code="PS421",
            severity="warning",
            message="The built-in statement computes and reads nothing: this is the curve of the server's processors, "
            "and not of your workload, which also waits for its disks and its locks.",
            remedy="Give your own statements with --sql or --sql-file.",
        )
    beyond = [point.concurrency for point in curve.points if point.beyond_client]
    if beyond and curve.ceiling is not None:
        yield Finding(
            code="PS422",
            severity="warning",
            message=f"At a concurrency of {_listed(beyond)} this client may have been the limit (a process of it makes "
            f"at most {curve.ceiling.operations_per_s:,.0f} operations/s): the law is fitted without these points.",
            remedy="Use --processes, a larger machine, or a statement that does more.",
        )
    yield from _shared(curve)


def _shared(curve: Curve) -> Iterator[Finding]:
    """The client's work on the database's own processors."""
    if curve.database is None or not curve.database.is_local or not curve.points:
        return
    share = max(point.client_share for point in curve.points) * curve.processes / usable_processors()
    if share > SHARED_SHARE:
        yield Finding(
            code="PS423",
            severity="note",
            message=f"The client ran on the database's own machine and took up to {share:.0%} of its processors, which "
            "the database does not have where its clients are elsewhere.",
            remedy="Run it from another machine, where the application is.",
        )


def _listed(numbers: list[int]) -> str:
    texts = [str(number) for number in numbers]
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} and {texts[-1]}"


def error_of(stopped: Stopped | None) -> ErrorReport | None:
    """A person, or the system, that ends a run is no failure."""
    if stopped is None or stopped.kind in ("interrupted", "terminated"):
        return None
    return ErrorReport(code="unreachable" if stopped.kind == "lost" else "database", message=stopped.reason)
