"""Facts and a request -> the recommendation. No I/O: whoever calls has read the database, the profile or the store."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from poolsize.datatypes import DatabaseFacts, Recommendation, Request

__all__ = ["recommend"]


def recommend(
    request: Request,
    facts: DatabaseFacts | None = None,
    *,
    certify: bool = True,
    on_progress: Callable[[str, float], None] | None = None,
) -> Recommendation:
    """The settings that meet the goal, held against every limit in `facts` (from `probe`, `stated_facts` or
    `provider_facts`; None: PostgreSQL's default of 100 connections, assumed).

    An answer for a workload that somebody stated or observed is certified by a simulation of a second or two; where
    the models leave the size open, the simulation finds it. `certify=False` leaves both out. `on_progress` is told
    what is simulated, and the share of it that is done.

    Raises UsageError for options that are impossible or contradict each other, and WorkloadError for numbers that no
    workload has, such as more checkouts than the threads can make.
    """
    from poolsize.recommend.document import recommendation  # here: `import poolsize` stays a matter of a millisecond

    return recommendation(request, facts, certify=certify, on_progress=on_progress)
