"""What no size mends, and what is worth knowing beside it: each with its code, and only where it is so."""

from __future__ import annotations

from typing import Any

import pytest

from poolsize.datatypes import Database, DatabaseFacts, Finding, Layer, SessionGroup, Unread, limits_of
from poolsize.providers import stated_facts
from tests.recommend.asked import answered, behind_pgbouncer, capacity, codes, decided, facts_of, finding

LOAD: dict[str, Any] = {"workers": 4, "rate_per_s": 200, "hold_s": 0.02}


def sessions(idle: int, oldest_s: float, *, count: int = 10, own: bool = True) -> DatabaseFacts:
    group = SessionGroup(
        application="shop",
        user="app",
        address=None,
        count=count,
        idle_in_transaction=idle,
        oldest_idle_in_transaction_s=oldest_s,
        own=own,
    )
    return facts_of(Layer(name="server", limit=97), sessions=(group,))


def test_half_of_the_sessions_idle_in_transaction_is_no_question_of_size() -> None:
    answer = answered(sessions(5, 4000.0), **LOAD)
    found = finding(answer, "PS201")
    assert found.severity == "blocking"
    assert found.message.startswith("5 sessions of this service are idle in transaction, the oldest for 4000 s")
    assert (answer.verdict, answer.is_no) == ("fits", True)
    assert answer.findings[0] == found, "the gravest first"


def test_a_few_forgotten_transactions_are_a_warning() -> None:
    answer = answered(sessions(4, 61.0), **LOAD)
    assert finding(answer, "PS201").severity == "warning"
    assert not answer.is_no
    assert finding(answered(sessions(1, 61.0), **LOAD), "PS201").message.startswith("1 session of this service is idle")


@pytest.mark.parametrize("facts", [sessions(9, 59.0), sessions(9, 4000.0, own=False), sessions(0, 4000.0)])
def test_short_pauses_and_other_services_transactions_are_none(facts: DatabaseFacts) -> None:
    assert "PS201" not in codes(answered(facts, **LOAD))


def test_nested_checkouts_have_a_floor_and_it_is_a_no_where_it_does_not_fit() -> None:
    nested: dict[str, Any] = {"workers": 2, "threads": 8, "checkouts_per_request": 2, "rate_per_s": 20, "hold_s": 0.02}
    fits = answered(facts_of(Layer(name="server", limit=100)), **nested)
    assert finding(fits, "PS202").severity == "note"
    assert "threads × 1 + 1 = 9" in finding(fits, "PS202").message
    assert (capacity(fits), fits.is_no) == (9, False)
    small = answered(facts_of(Layer(name="server", limit=19)), **nested)
    assert capacity(small) == 8
    assert finding(small, "PS202").severity == "blocking"
    assert "and only 8 fit" in finding(small, "PS202").message


def test_an_assumed_load_does_not_excuse_a_pool_that_can_block_for_good() -> None:
    answer = answered(facts_of(Layer(name="server", limit=19)), workers=2, checkouts_per_request=2)
    assert answer.verdict == "fits"
    assert (finding(answer, "PS202").severity, answer.is_no) == ("blocking", True)


def test_nested_checkouts_without_a_bound_on_requests_need_a_limiter() -> None:
    answer = answered(worker_type="uvicorn", checkouts_per_request=3, rate_per_s=20, hold_s=0.02)
    found = finding(answer, "PS203")
    assert (found.severity, answer.is_no) == ("blocking", True)
    assert f"admit at most {(capacity(answer) - 1) // 2} requests" in found.remedy or capacity(answer) < 3
    bounded = answered(worker_type="uvicorn", threads=10, checkouts_per_request=3, rate_per_s=20, hold_s=0.02)
    assert "PS203" not in codes(bounded)
    assert capacity(bounded) >= 21
    assert "PS203" not in codes(answered(worker_type="uvicorn", rate_per_s=20, hold_s=0.02))


def test_settings_without_a_limit_are_named() -> None:
    for present in ((0, 5), (5, -1)):
        assert finding(answered(current=present, **LOAD), "PS301").severity == "warning"
    assert "PS301" not in codes(answered(current=(5, 10), **LOAD))


@pytest.mark.parametrize(("present", "is_named"), [((5, 3), True), ((5, 2), False), ((20, 0), True)])
def test_a_pool_with_a_connection_for_each_thread_that_runs_dry_leaks(present: tuple[int, int], is_named: bool) -> None:
    assert ("PS302" in codes(answered(current=present, **LOAD))) == is_named


def test_where_a_release_needs_a_thread_each_thread_has_a_connection() -> None:
    request: dict[str, Any] = {"workers": 2, "worker_type": "fastapi-sync", "rate_per_s": 100, "hold_s": 0.02}
    answer = answered(**request)
    found = finding(answer, "PS303")
    assert (capacity(answer), found.severity, answer.is_no) == (40, "warning", False)
    assert "(worst case 80)" in found.remedy
    small = answered(**{**request, "worker_type": "gunicorn-gthread", "threads": 40})
    assert f"needs only {capacity(small)} connections (worst case {2 * capacity(small)})" in found.remedy
    limited = answered(**request, threads=5)
    assert capacity(limited) == 5, "the limit lowered to the capacity"


def test_where_a_connection_for_each_thread_does_not_fit_that_is_a_no() -> None:
    answer = answered(stated_facts(60), workers=2, worker_type="fastapi-sync", rate_per_s=100, hold_s=0.02)
    assert (answer.verdict, finding(answer, "PS303").severity) == ("does_not_fit", "blocking")
    assert capacity(answer) < 27, "all that fit would stall too: as few as the load wants, with what prevents it"
    first = answer.ways_to_fit[0]
    assert f"max_concurrency={capacity(answer)}" in first.change
    assert first.number == 2 * capacity(answer)
    assert {row.obstacle for row in answer.neighbours} == {"can stall", "too many"}
    assert all(row.predicted.holds_up_to_per_s for row in answer.neighbours)


def test_limits_of_a_pooler_that_nobody_could_read_are_told_as_what_they_must_be() -> None:
    facts = behind_pgbouncer(Layer(name="server", limit=37))
    answer = answered(facts, workers=4, rate_per_s=300, hold_s=0.02)
    found = finding(answer, "PS513")
    assert f"max_client_conn of at least {answer.worst_case}" in found.message
    shared = next(check.demand for check in answer.limits if check.name == "server")
    assert f"default_pool_size of at least {shared:g}" in found.message
    read = behind_pgbouncer(Layer(name="server", limit=37), Layer(name="pooler client side", limit=100))
    assert "PS513" not in codes(answered(read, workers=4, rate_per_s=300, hold_s=0.02))


def test_a_limit_that_could_not_be_read_is_told() -> None:
    unread = (Unread(name="limits.layers.role", reason="The server says: permission denied.", remedy="GRANT it"),)
    facts = facts_of(Layer(name="server", limit=97), unread=unread)
    found = finding(answered(facts, rate_per_s=20, hold_s=0.02), "PS103")
    assert "limits.layers.role" in found.message
    assert found.remedy == "GRANT it"


def test_the_spread_of_holds_is_named_where_the_model_does_not_follow_it() -> None:
    heavy = finding(answered(hold_scv=4, rate_per_s=20, hold_s=0.02), "PS401")
    assert (heavy.severity, heavy.remedy) == (
        "warning",
        "Let it be simulated: without --no-certify, or poolsize simulate.",
    )
    even = finding(answered(hold_scv=0.1, rate_per_s=20, hold_s=0.02), "PS401")
    assert even.severity == "note"
    unbounded = finding(answered(hold_scv=4, rate_per_s=20, hold_s=0.02, worker_type="uvicorn"), "PS401")
    assert "by the Volterra equation" in unbounded.message
    for scv in (0.5, 1.0, 2.0):
        assert "PS401" not in codes(answered(hold_scv=scv, rate_per_s=20, hold_s=0.02))


def test_a_hold_from_a_request_time_is_an_upper_bound() -> None:
    answer = answered(request_rate_per_s=20, request_time_s=0.1)
    assert finding(answer, "PS402").message.startswith(
        "The hold is the whole request, 100 ms, at most. From the first query"
    )
    assert "PS402" not in codes(answered(rate_per_s=20, hold_s=0.1))


def test_more_busy_connections_than_processors_can_work_on_are_named_with_the_hold_that_would_do() -> None:
    """Eight erlangs on two processors, which three connections each can keep busy."""
    load: dict[str, Any] = {"workers": 4, "rate_per_s": 400, "hold_s": 0.02}
    found = finding(answered(**load, db_cores=2), "PS404")
    assert found.message.startswith("8 connections are busy on average, and the server has 2 processors")
    assert found.remedy.startswith("A hold of 15 ms or less")
    assert "PS404" not in codes(answered(**{**load, "hold_s": 0.015}, db_cores=2))
    assert "PS404" not in codes(answered(**load))
    probed = DatabaseFacts(
        database=Database(dialect="postgresql", processors=2), limits=limits_of((Layer(name="server", limit=500),))
    )
    assert "PS404" in codes(answered(probed, **load))
    assert "PS404" not in codes(answered(probed, **load, db_cores=4)), "what is stated counts"


def test_what_a_worker_type_makes_of_a_pool_is_told() -> None:
    celery = answered(worker_type="celery-prefork", rate_per_s=1, hold_s=0.02)
    assert "One connection a child is all it can use." in finding(celery, "PS305").message
    assert "worker_process_init" in finding(celery, "PS304").message
    assert not {"PS304", "PS305"} & set(codes(answered(worker_type="waitress", rate_per_s=1, hold_s=0.02)))


def test_what_the_probe_found_is_passed_on_after_what_the_decision_found() -> None:
    seen = Finding(code="PS505", severity="warning", message="Seen.")
    answer = answered(facts_of(Layer(name="server", limit=97), findings=(seen,)), **LOAD)
    assert seen in answer.findings
    order = ["blocking", "warning", "note"]
    ranks = [order.index(found.severity) for found in answer.findings]
    assert ranks == sorted(ranks)


def test_fewer_checkouts_per_request_need_a_fraction() -> None:
    """What PS202's remedy promises."""
    load: dict[str, Any] = {"threads": 8, "request_rate_per_s": 50, "hold_s": 0.02}
    assert decided(**load, checkouts_per_request=1).needed < decided(**load, checkouts_per_request=2).needed / 2
