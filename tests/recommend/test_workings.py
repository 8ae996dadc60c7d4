"""The steps by hand, the settings that follow from the way to the server, and every input's origin."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest

from poolsize.datatypes import (
    ConnectCost,
    ConnectionMemory,
    Database,
    DatabaseFacts,
    Layer,
    Quantity,
    ServerTimeouts,
    limits_of,
)
from poolsize.queueing import solve
from tests.recommend.asked import answered, capacity, decided, facts_of

LOAD: dict[str, Any] = {"workers": 4, "instances": 3, "rate_per_s": 600, "hold_s": 0.02}


def line(workings: tuple[str, ...], start: str) -> str:
    return next(one for one in workings if one.startswith(start))


def test_the_steps_lead_from_the_load_to_the_sum() -> None:
    answer = answered(facts_of(Layer(name="server", limit=97, others=5, setting="max_connections 100")), **LOAD)
    steps = answer.workings
    assert steps[0] == "Load of one pool: 600/s ÷ (3 instances × 4 processes) = 50 checkouts/s"
    assert steps[1] == "Connections busy on average: 50/s × 20 ms = 1 erlangs"
    assert steps[2] == "Finite source: 8 threads, each 8 ÷ 50/s - 20 ms = 140 ms between two checkouts"
    assert line(steps, "Worst case: ") == f"Worst case: {answer.worst_case_sum}"
    assert line(steps, "server: ") == "server: 64 of 97 - 5 others = 92 connections, margin 28 (max_connections 100)"


def test_each_share_that_is_late_is_that_of_the_model() -> None:
    answer, decision = answered(**LOAD), decided(**LOAD)
    shown = dict(re.findall(r"(\d+): ([\d.e-]+) %", line(answer.workings, "P(wait > 10 ms)")))
    assert list(shown) == [str(capacity(answer) - 2), str(capacity(answer) - 1), str(capacity(answer))]
    for connections, percent in shown.items():
        late = solve(decision.pool.load, decision.pool.hold, int(connections)).exceeds(0.01)
        assert float(percent) == pytest.approx(late * 100, rel=0.06)


def test_a_skew_pools_and_an_open_source_are_in_the_steps() -> None:
    steps = answered(worker_type="uvicorn", pools=2, skew=1.5, rate_per_s=100, hold_s=0.02).workings
    assert steps[0] == "Load of one pool: 100/s ÷ (1 instance × 1 process) × skew 1.5 ÷ 2 pools = 75 checkouts/s"
    assert steps[2].startswith("Open source")


def test_where_the_rate_and_not_the_wait_decides_the_steps_say_so() -> None:
    """Four threads with holds of 1 ms: with two connections nobody waits for 10 ms, and a tenth of the rate is lost."""
    answer = answered(threads=4, rate_per_s=2000, hold_s=0.001)
    share = line(answer.workings, "Share of 2000/s that gets through with ")
    percents = [float(number) for number in re.findall(r"([\d.]+) %", share)]
    assert percents[0] < 99 <= percents[1]
    assert not any(step.startswith("Share of") for step in answered(**LOAD).workings)


def test_the_floor_of_nested_checkouts_and_the_threads_of_a_release_are_steps() -> None:
    nested = answered(threads=8, checkouts_per_request=2, rate_per_s=20, hold_s=0.02).workings
    assert line(nested, "At least 9 connections, or requests that hold one and want another can block each other")
    stalling = answered(worker_type="fastapi-sync", rate_per_s=20, hold_s=0.02).workings
    assert line(stalling, "One connection for each of 40 threads")


def test_connections_live_shorter_than_the_server_lets_them_idle_and_at_most_half_an_hour_on_a_network() -> None:
    def recycled(idle_s: float | None, *, is_local: bool = False) -> int | None:
        facts = DatabaseFacts(
            database=Database(dialect="postgresql", is_local=is_local),
            limits=limits_of((Layer(name="server", limit=97),)),
            timeouts=ServerTimeouts(idle_session_s=idle_s),
        )
        settings = answered(facts, **LOAD).settings
        assert settings is not None
        return settings.pool_recycle_s

    assert recycled(None) == recycled(28_800) == 1800
    assert recycled(600) == 540
    assert recycled(1) == 1
    assert recycled(None, is_local=True) is None
    assert recycled(28_800, is_local=True) == 25_920


@pytest.mark.parametrize(("round_trip_s", "is_pinged"), [(None, True), (0.001, True), (0.0011, False)])
def test_a_connection_is_pinged_where_that_costs_up_to_a_twentieth_of_the_hold(
    round_trip_s: float | None, is_pinged: bool
) -> None:
    facts = msgspec.structs.replace(facts_of(Layer(name="server", limit=97)), round_trip_s=round_trip_s)
    settings = answered(facts, **LOAD).settings
    assert settings is not None
    assert settings.pool_pre_ping == is_pinged


def test_the_cost_of_opening_is_stated_before_measured_before_assumed() -> None:
    cost = ConnectCost(
        samples=20,
        mean_s=0.005,
        p50_s=0.004,
        p95_s=0.01,
        p99_s=0.02,
        p50_interval_s=(0.0039, 0.0041),
        measured_from="web1",
    )
    measured = facts_of(Layer(name="server", limit=97), connect=cost, round_trip_s=0.0004)
    found = answered(measured, **LOAD).inputs
    assert found["connect_cost_s"] == Quantity(value=0.005, origin="measured", source="probe from web1")
    assert found["round_trip_s"] == Quantity(value=0.0004, origin="measured", source="probe")
    stated = answered(measured, **LOAD, connect_cost_s=0.05).inputs["connect_cost_s"]
    assert stated == Quantity(value=0.05, origin="stated", source="--connect-cost")
    assert answered(**LOAD).inputs["connect_cost_s"].origin == "assumed"


def test_the_memory_of_a_connection_and_the_processors_are_inputs_too() -> None:
    measured = facts_of(
        Layer(name="server", limit=97), memory=ConnectionMemory(bytes=2_000_000, origin="measured", source="psutil")
    )
    found = answered(measured, **LOAD, db_cores=8).inputs
    assert found["connection_memory_bytes"] == Quantity(value=2_000_000, origin="measured", source="psutil")
    assert found["db_cores"] == Quantity(value=8, origin="stated", source="--db-cores")
    assert answered(**LOAD).inputs["connection_memory_bytes"].origin == "assumed"
    assert "db_cores" not in answered(**LOAD).inputs


def test_costly_connections_are_kept_open_and_cheap_ones_are_not() -> None:
    load: dict[str, Any] = {"worker_type": "uvicorn", "rate_per_s": 500, "hold_s": 0.02, "p99_wait_s": 1.0}
    kept = []
    for connect_s in (0.0001, 0.01, 1.0):
        settings = answered(**load, connect_cost_s=connect_s).settings
        assert settings is not None
        kept.append(settings.pool_size)
    assert kept == sorted(kept)
    assert kept[0] < kept[-1]


def test_every_input_of_the_deployment_has_its_origin() -> None:
    request: dict[str, Any] = {"workers": 4, "instances": 3, "surge": 2, "pools": 2, "checkouts_per_request": 2}
    stated = answered(**request, skew=1.2, threads=6, rate_per_s=60, hold_s=0.02, others=9).inputs
    names = ("workers", "threads", "instances", "surge", "pools", "checkouts_per_request", "skew", "others")
    assert {name: (stated[name].origin, stated[name].source) for name in names} == {
        name: ("stated", f"--{name.replace('_', '-')}") for name in names
    }
    assumed = answered(workers=4, rate_per_s=60, hold_s=0.02).inputs
    assert {name for name in names if assumed[name].origin == "stated"} == {"workers"}


def test_what_was_observed_is_not_called_measured() -> None:
    """Limits keep the origin that they came with."""
    facts = facts_of(Layer(name="server", limit=97, others=9))
    assert facts.limits is not None
    observed = msgspec.structs.replace(
        facts, limits=msgspec.structs.replace(facts.limits, origin="observed", source="a log", max_connections=100)
    )
    inputs = answered(observed, **LOAD).inputs
    assert inputs["max_connections"] == Quantity(value=100, origin="observed", source="a log")
    assert inputs["others"] == Quantity(value=9, origin="observed", source="a log")
