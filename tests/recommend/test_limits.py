"""Each limit is a layer with others of its own; the worst case is held against every one."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from poolsize.datatypes import DatabaseFacts, Layer, Quantity, SessionGroup
from poolsize.providers import provider_facts, stated_facts
from tests.recommend.asked import answered, behind_pgbouncer, capacity, facts_of, sqlite_facts

LOAD: dict[str, Any] = {"workers": 4, "rate_per_s": 200, "hold_s": 0.02}
"""Four connections in each of four pools."""


def test_each_layer_has_its_own_others_and_the_smallest_margin_binds() -> None:
    answer = answered(
        facts_of(
            Layer(name="server", limit=97, others=60),
            Layer(name="database", limit=50, others=5),
            Layer(name="role", limit=20, others=0),
        ),
        **LOAD,
    )
    assert {check.name: check.margin for check in answer.limits} == {"server": 21, "database": 29, "role": 4}
    assert answer.binding == "role"
    assert answer.verdict == "fits"


def test_other_roles_sessions_do_not_use_up_a_roles_limit() -> None:
    facts = facts_of(Layer(name="server", limit=97, others=80), Layer(name="role", limit=16, others=0))
    answer = answered(facts, **LOAD)
    assert (answer.verdict, answer.binding) == ("fits", "role")
    assert {check.name: check.others for check in answer.limits} == {"server": 80, "role": 0}


@pytest.mark.parametrize(
    ("stated", "seen", "others"), [(None, None, 3), (None, 0, 3), (None, 7, 7), (0, 7, 0), (20, 7, 20)]
)
def test_others_on_the_server_are_those_seen_and_at_least_three_unless_stated(
    stated: int | None, seen: int | None, others: int
) -> None:
    answer = answered(
        facts_of(Layer(name="server", limit=97, others=seen), Layer(name="role", limit=50)), others=stated, **LOAD
    )
    assert {check.name: check.others for check in answer.limits} == {"server": others, "role": 0}
    origin = "stated" if stated is not None else "measured" if others > 3 else "assumed"
    assert answer.inputs["others"].origin == origin
    assert answer.inputs["others"].value == others


def test_the_services_own_sessions_do_not_shrink_its_pool() -> None:
    """All 97 slots are taken, 90 of them by the service itself."""
    own = SessionGroup(application="shop", user="app", address=None, count=90, own=True)
    busy = facts_of(Layer(name="server", limit=97, used=97, others=7), sessions=(own,))
    calm = facts_of(Layer(name="server", limit=97, used=7, others=7))
    assert answered(busy, **LOAD).settings == answered(calm, **LOAD).settings
    assert answered(busy, **LOAD).limits == answered(calm, **LOAD).limits


def test_more_others_than_the_limit_leave_nothing() -> None:
    answer = answered(facts_of(Layer(name="server", limit=10, others=12)), **LOAD)
    assert (answer.verdict, answer.settings) == ("does_not_fit", None)
    assert answer.limits[0].margin == 10 - 12 - 16


def test_the_best_that_fits_is_the_largest_that_does() -> None:
    """Four pools of four connections would meet the goal."""
    for room, fitting in ((16, 4), (15, 3), (12, 3), (11, 2), (4, 1)):
        answer = answered(facts_of(Layer(name="server", limit=room)), others=0, **LOAD)
        assert capacity(answer) == fitting
        assert (answer.verdict == "fits") == (fitting == 4)


def test_the_limits_of_a_statement_and_of_a_provider_are_told_apart() -> None:
    stated = answered(stated_facts(100), **LOAD)
    assert stated.inputs["max_connections"] == Quantity(value=100, origin="stated", source="--max-connections 100")
    assert stated.limits[0].limit == 97
    estimated = answered(provider_facts("rds-postgresql", memory_bytes=8 * 2**30), **LOAD)
    assert estimated.inputs["max_connections"].origin == "assumed"
    assert "PS190" in [finding.code for finding in estimated.findings]


POOLER = (
    Layer(name="pooler", limit=20, others=0),
    Layer(name="pooler database", limit=50, others=10),
    Layer(name="pooler client side", limit=100, others=30),
    Layer(name="pooler client side of the user", limit=60, others=0),
)
"""As PgBouncer's console gives them, for a pair of user and database."""


def test_behind_a_pooler_in_transaction_mode_the_pools_are_clients_and_share_its_server_connections() -> None:
    answer = answered(behind_pgbouncer(*POOLER), **LOAD)
    demands = {check.name: check.demand for check in answer.limits}
    assert demands["pooler client side"] == demands["pooler client side of the user"] == 16 == answer.worst_case
    assert demands["pooler"] == demands["pooler database"] == 8, "4 erlangs in one pool"
    assert {check.name: check.others for check in answer.limits}["pooler client side"] == 30
    assert answer.verdict == "fits"
    assert answer.scope is None, "there is a pooler already"


def test_in_session_mode_each_pool_keeps_server_connections() -> None:
    answer = answered(behind_pgbouncer(*POOLER, pool_mode="session"), **LOAD)
    assert {check.demand for check in answer.limits} == {16}


def test_a_pooler_whose_server_side_is_too_small_is_a_no_that_names_it() -> None:
    layers = (Layer(name="pooler", limit=5, others=0), Layer(name="pooler client side", limit=100, others=0))
    answer = answered(behind_pgbouncer(*layers), **LOAD)
    assert (answer.verdict, answer.binding) == ("does_not_fit", "pooler")
    assert [(way.change, way.number) for way in answer.ways_to_fit if "raise" in way.change] == [
        ("raise the limit of the pooler, for about 15 MB of the server's memory, by", 3)
    ]


def test_a_pooler_whose_client_side_is_too_small_costs_no_memory_to_mend() -> None:
    layers = (Layer(name="pooler", limit=20, others=0), Layer(name="pooler client side", limit=10, others=0))
    answer = answered(behind_pgbouncer(*layers), **LOAD)
    assert (answer.verdict, answer.binding) == ("does_not_fit", "pooler client side")
    assert [(way.change, way.number) for way in answer.ways_to_fit if "raise" in way.change] == [
        ("raise the limit of the pooler client side by", 6)
    ]
    assert answer.memory_bytes == 8 * 5 * 2**20, "only the pooler's connections are the server's"


def test_sqlite_has_one_writer_and_no_count_of_connections() -> None:
    """20 transactions/s of 20 ms keep the writer busy for 40 % of the time, were all of them writing."""
    answer = answered(sqlite_facts(), workers=2, rate_per_s=20, hold_s=0.02)
    assert answer.verdict == "fits"
    assert [(check.name, check.limit) for check in answer.limits] == [("writer", 1)]
    assert answer.limits[0].demand == pytest.approx(0.4)
    assert answer.settings is not None
    assert not answer.settings.pool_pre_ping
    assert answer.scope is None
    assert answer.memory_bytes is None


def test_more_writing_than_one_writer_can_do_misses_the_goal_whatever_the_size() -> None:
    answer = answered(sqlite_facts(), workers=2, rate_per_s=100, hold_s=0.02)
    assert (answer.verdict, answer.is_no, answer.binding) == ("misses_goal", True, "writer")
    assert {row.verdict for row in answer.neighbours} == {"misses_goal"}
    assert answer.settings is not None, "the readers' pool is sized all the same"
    assert [way.number for way in answer.ways_to_fit] == [pytest.approx(0.5), None]
    half = answered(sqlite_facts(), workers=2, rate_per_s=100 * 0.5, hold_s=0.02)
    assert half.verdict == "fits"


@pytest.mark.parametrize(("dialect", "megabytes"), [("postgresql", 5), ("mysql", 3), ("mariadb", 3)])
def test_memory_is_assumed_by_kind_of_server_and_measured_where_it_was(dialect: str, megabytes: int) -> None:
    facts = facts_of(Layer(name="server", limit=100), dialect=dialect)
    assert answered(facts, **LOAD).memory_bytes == 16 * megabytes * 2**20
    measured = msgspec.convert(
        {**msgspec.to_builtins(facts), "memory": {"bytes": 1000, "origin": "measured"}}, DatabaseFacts
    )
    assert answered(measured, **LOAD).memory_bytes == 16_000
