"""Facts and a request -> the recommendation. No I/O: whoever calls has read the database, the profile or the store."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from poolsize.datatypes import DatabaseFacts, Recommendation, Request

__all__ = ["recommend"]


def recommend(request: Request, facts: DatabaseFacts | None = None) -> Recommendation:
    """The settings that meet the goal, held against every limit in `facts` (from `probe`, `stated_facts` or
    `provider_facts`; None: PostgreSQL's default of 100 connections, assumed).

    Raises UsageError for options that are impossible or contradict each other, and WorkloadError for numbers that no
    workload has, such as more checkouts than the threads can make.
    """
    from poolsize.recommend.document import recommendation  # here: `import poolsize` stays a matter of a millisecond

    return recommendation(request, facts)
