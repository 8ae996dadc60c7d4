"""The comment above a snippet says what it follows from, warns first, and can neither leak nor run."""

from __future__ import annotations

import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poolsize.datatypes import Database, Finding, LimitCheck, Origin, Quantity, Way
from poolsize.export import TARGETS, render
from tests.export.recommendations import COMMAND, THREADS, header, recommendation, shared


def comment(target: str = "sqlalchemy", /, **changes: Any) -> list[str]:
    """The lines above the first empty one."""
    return render(target, recommendation(**changes)).partition("\n\n")[0].splitlines()


def test_it_names_the_verdict_the_sum_the_inputs_with_their_origin_and_the_command() -> None:
    assert comment() == header().strip().splitlines()


def test_a_no_is_said_first_with_what_would_make_it_fit() -> None:
    ways = (Way(change="a shorter hold", number=0.012, unit="s"), Way(change="slots", number=120, unit="connections"))
    assert comment(verdict="does_not_fit", ways_to_fit=ways)[:6] == [
        "# WARNING: this does not fit. The goal needs more connections than a limit",
        "#   allows; these are the best settings within the limits.",
        "# It would fit with: a shorter hold: 12 ms.",
        "# It would fit with: slots: 120 connections.",
        "# poolsize 0.1.0 for postgresql://app:***@db.example.com/shop,",
        "#   2026-11-24T21:11:22Z.",
    ]


@pytest.mark.parametrize(
    ("verdict", "first"), [("misses_goal", "# WARNING: this misses the goal"), (None, "# WARNING: whether this fits")]
)
def test_every_verdict_but_fits_is_a_warning(verdict: str | None, first: str) -> None:
    assert comment(verdict=verdict)[0].startswith(first)


def test_a_blocking_finding_stands_before_the_sum_and_a_note_is_left_to_the_report() -> None:
    blocking = Finding(code="PS201", severity="blocking", message="Three sessions idle.", remedy="End them.")
    lines = comment(findings=(blocking, Finding(code="PS102", severity="note", message="Skew is assumed.")))
    assert lines.index("# BLOCKING PS201: Three sessions idle. End them.") < next(
        number for number, line in enumerate(lines) if line.startswith("# Worst case")
    )
    assert "PS102" not in "".join(lines)


def test_what_fits_through_the_pooler_only_is_a_warning_per_process_and_none_for_the_pooler() -> None:
    assert comment(verdict="does_not_fit")[0].startswith("# WARNING")
    assert comment("pgbouncer", verdict="does_not_fit")[:2] == [
        "; poolsize 0.1.0 for postgresql://app:***@db.example.com/shop,",
        ";   2026-11-24T21:11:22Z. It fits through this PgBouncer, not with a pool per",
    ]
    assert comment("pgbouncer", verdict="misses_goal")[0].startswith("; WARNING")
    tight = (LimitCheck(name="role", limit=23, demand=84),)
    assert comment("pgbouncer", verdict="does_not_fit", limits=tight)[0].startswith("; WARNING")


def test_what_is_not_known_leaves_no_trace() -> None:
    assert comment(
        poolsize_version="",
        made_at="",
        target="",
        deployment=None,
        worst_case_sum="",
        limits=(),
        binding=None,
        inputs={},
        reproduce="",
    ) == ["# poolsize. It fits: the goal is met within every limit."]


def test_each_unit_is_written_as_people_write_it() -> None:
    values = {
        "p99_wait_s": 0.0125, "request_timeout_s": 30, "memory_bytes": 3.14159 * 2**20, "max_timeouts": 1e-6,
        "skew": 1.23456, "rate_per_s": 1234.5678, "max_connections": 4321,
    }  # fmt: skip
    inputs = {name: Quantity(value=value, origin="measured") for name, value in values.items()}
    assert comment(inputs=inputs)[-3:-1] == [
        "# Measured: p99 wait 12.5 ms, request timeout 30 s, memory 3.14 MB, max",
        "#   timeouts 1e-06, skew 1.23, rate 1,230/s, max connections 4,321.",
    ]


def test_the_inputs_stand_by_their_origin_the_surest_first() -> None:
    origins: tuple[Origin, ...] = ("assumed", "upper bound", "stated", "observed", "measured")
    inputs = {f"n{number}": Quantity(value=number, origin=origin) for number, origin in enumerate(origins)}
    assert comment(inputs=inputs)[-6:-1] == [
        "# Measured: n4 4.",
        "# Observed: n3 3.",
        "# Stated: n2 2.",
        "# Upper bound: n1 1.",
        "# Assumed: n0 0.",
    ]


def test_what_does_not_fit_shows_the_sum_of_what_is_exported_and_of_what_is_needed() -> None:
    lines = comment(verdict="does_not_fit", worst_case_sum=THREADS.worst_case_sum(20))
    assert lines[4:7] == [
        "# Worst case: (2 + 1) instances × 4 processes × 1 pool × 7 = 84 connections.",
        "# The goal needs: (2 + 1) instances × 4 processes × 1 pool × 20 = 240",
        "#   connections.",
    ]


def test_the_command_stays_in_one_line() -> None:
    long = COMMAND + " --hold 20ms" * 10
    assert comment(reproduce=long)[-1] == f"# Again: {long}"


@pytest.mark.parametrize("target", TARGETS)
def test_a_secret_that_a_hand_written_document_holds_is_masked(target: str) -> None:
    text = render(
        target,
        recommendation(
            target="postgresql://app:hunter2@db/shop?password=hunter2",
            reproduce="poolsize recommend 'postgresql://app:hunt@hunter2@db/shop'",
            inputs={"hold_s": Quantity(value=1, origin="measured", source="host=db password='hunter2 hunter2'")},
        ),
    )
    assert "hunter2" not in text


@given(name=st.text(alphabet=st.sampled_from(string.printable + "\x85\u2028\u2029"), max_size=20))
def test_no_name_ends_the_comment(name: str) -> None:
    changes = {"target": f"x{name}y", "reproduce": f"x{name}y", "worst_case_sum": f"x{name}y"}
    text = render("sqlalchemy", recommendation(**changes))
    body = render("sqlalchemy", recommendation()).split("\n\n", 1)[1]
    head = text.removesuffix(body)
    assert head != text
    assert all(line.startswith("#") or not line for line in head.splitlines())


def test_a_pooler_whose_limits_are_not_known_warns() -> None:
    database = Database(dialect="postgresql")
    lines = comment("pgbouncer", verdict="does_not_fit", limits=(), database=database, scope=shared())
    assert lines[0].startswith("; WARNING")
