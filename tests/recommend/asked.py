"""Questions to `recommend`, and the facts of databases that no server here has."""

from __future__ import annotations

from typing import Any

from poolsize.datatypes import Database, DatabaseFacts, Finding, Layer, Pooler, Recommendation, Request, limits_of
from poolsize.providers import stated_facts
from poolsize.recommend import recommend
from poolsize.recommend.decision import Decision, decide
from poolsize.recommend.situation import situate

PLENTY = stated_facts(100_000)
"""A server whose limit never binds."""


def asked(**request: Any) -> Request:
    """One process unless said otherwise."""
    return Request(**{"workers": 1, **request})


def modelled(request: Request, facts: DatabaseFacts | None = None) -> Recommendation:
    """By the models alone, in milliseconds: what they say is the same however near the goal a size is."""
    return recommend(request, facts, certify=False)


def answered(facts: DatabaseFacts = PLENTY, **request: Any) -> Recommendation:
    """By the models alone."""
    return modelled(asked(**request), facts)


def decided(facts: DatabaseFacts = PLENTY, **request: Any) -> Decision:
    """The decision alone, with what the document does not show: the load of one pool, and what meets the goal."""
    return decide(situate(asked(**request), facts))


def capacity(answer: Recommendation) -> int:
    assert answer.settings is not None
    return answer.settings.capacity


def facts_of(*layers: Layer, dialect: str = "postgresql", **facts: Any) -> DatabaseFacts:
    """A probed database with these limits."""
    return DatabaseFacts(database=Database(dialect=dialect), limits=limits_of(layers), **facts)


def behind_pgbouncer(*layers: Layer, pool_mode: str | None = "transaction") -> DatabaseFacts:
    """A PgBouncer answered the probe."""
    pooler = Pooler(kind="pgbouncer", pool_mode=pool_mode)
    return DatabaseFacts(database=Database(dialect="postgresql", pooler=pooler), limits=limits_of(layers))


def sqlite_facts() -> DatabaseFacts:
    """As the probe of a file gives them."""
    return facts_of(
        Layer(name="writer", limit=1, setting="SQLite lets one connection write at a time"), dialect="sqlite"
    )


def codes(answer: Recommendation) -> list[str]:
    return [finding.code for finding in answer.findings]


def finding(answer: Recommendation, code: str) -> Finding:
    """The one with that code; StopIteration where it is missing."""
    return next(found for found in answer.findings if found.code == code)
