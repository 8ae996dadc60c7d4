"""The whole answer, assembled from the decision and everything that is said beside it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import msgspec

from poolsize._version import __version__
from poolsize.datatypes import (
    Certificate,
    DatabaseFacts,
    Predicted,
    Recommendation,
    Request,
    ScopeComparison,
    Verdict,
)
from poolsize.providers import stated_facts
from poolsize.recommend.bench import Progress
from poolsize.recommend.candidates import alternatives, current, neighbours
from poolsize.recommend.certify import certified
from poolsize.recommend.decision import Decision, decide, predicted_of
from poolsize.recommend.findings import findings_of
from poolsize.recommend.inputs import inputs_of
from poolsize.recommend.memory import worst_case_bytes
from poolsize.recommend.ranges import breaks_first, ranges
from poolsize.recommend.scope import compare_scopes
from poolsize.recommend.situation import situate
from poolsize.recommend.ways import ways_to_fit
from poolsize.recommend.workings import workings_of

_DEFAULT_CONNECTIONS: Final = 100
"""max_connections of a PostgreSQL as it is installed (initdb writes it), and of most managed ones at least."""


def recommendation(
    request: Request, facts: DatabaseFacts | None, *, certify: bool = True, on_progress: Progress | None = None
) -> Recommendation:
    """See `recommend`."""
    decision = decide(situate(request, facts or _default_facts()))
    certificate = None
    if certify:
        decision, certificate = certified(decision, on_progress)
    if on_progress is not None and not decision.pool.is_exact:
        on_progress("finding how far it holds", 1.0)
    return _document(decision, certificate)


def _default_facts() -> DatabaseFacts:
    facts = stated_facts(_DEFAULT_CONNECTIONS)
    assert facts.limits is not None  # noqa: S101 - stated_facts always has them
    limits = msgspec.structs.replace(facts.limits, origin="assumed", source="PostgreSQL's default, assumed")
    return msgspec.structs.replace(facts, limits=limits)


def _document(decision: Decision, certificate: Certificate | None) -> Recommendation:
    situation = decision.situation
    facts, deployment = situation.facts, situation.deployment
    found, scope = ranges(decision), compare_scopes(decision)
    binding = decision.binding
    return Recommendation(
        poolsize_version=__version__,
        made_at=datetime.now(UTC).isoformat(timespec="seconds"),
        target=facts.target,
        verdict=decision.verdict,
        settings=decision.settings,
        predicted=_predicted(decision),
        deployment=deployment,
        database=facts.database,
        worst_case=decision.worst_case,
        worst_case_sum=deployment.worst_case_sum(decision.summed),
        limits=decision.checks,
        binding=binding.name if binding else None,
        limits_source=facts.limits.source if facts.limits else "",
        findings=findings_of(decision, certificate),
        inputs=inputs_of(situation),
        neighbours=neighbours(decision),
        alternatives=alternatives(decision),
        current=current(decision),
        scope=scope,
        ranges=found,
        breaks_first=breaks_first(decision, found),
        ways_to_fit=ways_to_fit(decision, scope),
        memory_bytes=worst_case_bytes(decision),
        certificate=certificate,
        nobody_waits=decision.nobody_waits,
        hold_law=situation.workload.law,
        workings=workings_of(decision),
        assumed_workload=situation.assumed_workload,
        next=_next(decision.verdict, scope),
    )


def _predicted(decision: Decision) -> Predicted | None:
    choice = decision.choice
    if choice is None:
        return None
    return predicted_of(choice, decision.pool, decision.situation, simulated=decision.simulated.get(choice.capacity))


def _next(verdict: Verdict, scope: ScopeComparison | None) -> tuple[str, ...]:
    """What to write: the pooler's side where that is the answer, nothing where there is none."""
    if scope is not None and scope.recommended == "shared":
        return ("poolsize export pgbouncer",)
    return ("poolsize export sqlalchemy",) if verdict == "fits" else ()
