"""What a person sees of an answer: three lines that say it, all of it in 80 × 24, everything on request."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console, RenderableType

from poolsize.datatypes import Database, DatabaseFacts, Layer, Recommendation, Request, SessionGroup, limits_of
from poolsize.providers import provider_facts, stated_facts
from poolsize.recommend import recommend
from poolsize.report.explanation import explanation
from poolsize.report.summary import summary


def shown(renderable: RenderableType, width: int = 80) -> list[str]:
    out = io.StringIO()
    Console(file=out, width=width, highlight=False).print(renderable)
    return [line.rstrip() for line in out.getvalue().splitlines()]


def answer(facts: DatabaseFacts | None = None, **request: Any) -> Recommendation:
    return recommend(Request(**{"workers": 4, **request}), facts, certify=False)


ORDINARY = {
    "workers alone": answer(),
    "stated": answer(stated_facts(100), rate_per_s=80, hold_s=0.02),
    "beside the present settings": answer(stated_facts(100), rate_per_s=80, hold_s=0.02, current=(5, 10)),
    "does not fit": answer(stated_facts(60), instances=6, rate_per_s=2400, hold_s=0.02),
    "nothing fits": answer(stated_facts(20), instances=6, rate_per_s=2400, hold_s=0.02, current=(5, 10)),
    "async": answer(stated_facts(100), worker_type="uvicorn", rate_per_s=500, hold_s=0.005),
    "uneven holds": answer(stated_facts(100), worker_type="uvicorn", rate_per_s=500, hold_s=0.005, hold_p95_s=0.019),
    "FastAPI": answer(stated_facts(500), worker_type="fastapi-sync", rate_per_s=100, hold_s=0.02),
    "FastAPI that does not fit": answer(
        stated_facts(100), worker_type="fastapi-sync", rate_per_s=100, hold_s=0.02, current=(5, 10)
    ),
    "a provider": answer(provider_facts("rds-postgresql", memory_bytes=8 * 2**30), rate_per_s=80, hold_s=0.02),
}


@pytest.mark.parametrize("name", ORDINARY)
def test_the_summary_fits_a_terminal_of_80_by_24(name: str) -> None:
    lines = shown(summary(ORDINARY[name]))
    assert len(lines) <= 24, "\n".join(lines)
    assert max(map(len, lines)) <= 80


def test_the_first_line_is_the_settings_the_second_the_sum_the_third_the_origins() -> None:
    lines = shown(summary(ORDINARY["stated"]), width=200)
    assert lines[:3] == [
        "pool_size=3 max_overflow=0 pool_timeout=1 pool_recycle=1800 pool_pre_ping=True",
        "Worst case 1 instance × 4 processes × 1 pool × 3 = 12 of 94 (server 97 - 3 others)",
        "Stated: 80 checkouts/s, hold 20 ms. Assumed: threads 8, skew 1, connect 20 ms, goal p99 10 ms. "
        "Limits: --max-connections 100.",
    ]


def test_a_no_is_the_first_line() -> None:
    assert shown(summary(ORDINARY["does not fit"]))[0] == "No: what meets the goal does not fit."
    assert not any(line.startswith("Best that fits") for line in shown(summary(ORDINARY["nothing fits"])))


def test_trouble_that_is_no_question_of_size_is_the_first_line() -> None:
    forgotten = SessionGroup(
        application="shop", user="app", address=None, count=3, idle_in_transaction=3,
        oldest_idle_in_transaction_s=4000.0, own=True,
    )  # fmt: skip
    facts = DatabaseFacts(
        database=Database(dialect="postgresql"),
        limits=limits_of((Layer(name="server", limit=97, used=3, others=0),)),
        sessions=(forgotten,),
    )
    found = answer(facts, rate_per_s=80, hold_s=0.02)
    lines = shown(summary(found))
    assert lines[0] == "Not a question of size (PS201): see below."
    assert any("idle in transaction" in line for line in lines)


def test_from_an_assumed_workload_no_wait_is_printed() -> None:
    for lines in (shown(summary(ORDINARY["workers alone"])), shown(explanation(ORDINARY["workers alone"]))):
        text = "\n".join(lines)
        assert "p99 0" not in text
        assert "Assumed: 100 checkouts/s, hold 20 ms" in text
        assert "up to" in text or "meets the goal up to" in text


def test_everything_is_explained() -> None:
    found = ORDINARY["stated"]
    text = "\n".join(shown(explanation(found), width=300))
    for line in found.workings:
        assert line in text
    for name, quantity in found.inputs.items():
        assert name in text
        assert quantity.origin in text
    for finding in found.findings:
        assert finding.message in text
        assert finding.remedy in text
    for check in found.limits:
        assert check.source in text


def test_colours_are_for_a_terminal_alone() -> None:
    assert "\x1b" not in "\n".join(shown(summary(ORDINARY["stated"])))
    out = io.StringIO()
    Console(file=out, width=80, force_terminal=True, color_system="standard").print(summary(ORDINARY["stated"]))
    assert "\x1b[" in out.getvalue()
