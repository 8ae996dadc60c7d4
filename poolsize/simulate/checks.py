"""What cannot be simulated."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import Final

import msgspec

from poolsize.datatypes import Trace
from poolsize.queueing import Open
from poolsize.simulate.length import slowest_hold_s
from poolsize.simulate.scenario import Scenario
from poolsize.simulate.semantics import OWN_SETTINGS, semantics_of

_DEFAULTS: Final = {field.name: field.default for field in msgspec.structs.fields(Scenario)}
_MOST_CONNECTIONS: Final = 262_143
"""The largest max_connections of any server: PostgreSQL's (18, MAX_BACKENDS)."""

Objection = tuple[str, bool]
"""A sentence, and whether it holds."""


def check(scenario: Scenario) -> None:
    """Raise ValueError for what no pool can be, or what would never settle, and UsageError for unknown semantics."""
    for sentence, is_so in _objections(scenario):
        if is_so:
            raise ValueError(sentence)


def _objections(scenario: Scenario) -> Iterator[Objection]:
    yield from _to_settings(scenario)
    if isinstance(scenario.load, Trace):
        yield from _to_trace(scenario.load, scenario.pools)
    elif isinstance(scenario.load, Open):
        yield from _to_stream(scenario, scenario.load.rate_per_s)


def _to_settings(scenario: Scenario) -> Iterator[Objection]:
    kind = semantics_of(scenario.semantics)
    yield "a pool has at least one connection", scenario.capacity < 1
    yield (
        f"no database has more than {_MOST_CONNECTIONS} connections",
        (scenario.capacity * scenario.pools > _MOST_CONNECTIONS),
    )
    kept = scenario.pool_size
    yield f"a pool of {scenario.capacity} connections cannot keep {kept}", not 0 <= kept <= scenario.capacity
    is_sqlalchemys = kind.name.startswith("sqlalchemy")
    yield "SQLAlchemy's pool_size is at least 1, since 0 means without a limit there", is_sqlalchemys and kept == 0
    for name in OWN_SETTINGS:
        is_foreign = name not in kind.settings and getattr(scenario, name) != _DEFAULTS[name]
        yield f"{kind.name} has no {name.removesuffix('_s')}", is_foreign
    yield "no time is below 0", not scenario.timeout_s >= 0.0
    for name in ("setup_s", "reset_s", "reserve_timeout_s", "python_s", "retry_delay_s", "idle_timeout_s"):
        value = getattr(scenario, name)
        yield f"{name} = {value} is no time", value is not None and not 0.0 <= value < math.inf
    yield "there is at least one pool", scenario.pools < 1
    counts = (scenario.max_waiting or 0, scenario.reserve_size, scenario.retries)
    yield "no count is below 0", min(counts) < 0


def _to_trace(trace: Trace, pools: int) -> Iterator[Objection]:
    arrivals, holds = trace.arrivals_s, trace.holds_s
    yield "a trace is that of one pool", pools != 1
    yield "a trace has at least two requests, at different times", len(arrivals) < 2 or arrivals[0] == arrivals[-1]
    yield (
        "the arrivals of a trace begin at 0 or later, and do not fall",
        (any(not after >= before for before, after in pairwise((0.0, *arrivals)))),
    )
    if holds is not None:
        yield "a trace has as many holds as arrivals", len(holds) != len(arrivals)
        yield "no hold is below 0", any(not hold >= 0.0 for hold in holds)


def _to_stream(scenario: Scenario, rate_per_s: float) -> Iterator[Objection]:
    yield "without a request there is nothing to simulate", rate_per_s == 0.0
    places = scenario.capacity + scenario.reserve_size
    waits_for_ever = scenario.timeout_s == math.inf and scenario.max_waiting is None
    yield (
        f"{rate_per_s:g} requests/s are more than {places} connections can serve, and without a timeout their queue "
        "grows for ever",
        waits_for_ever and rate_per_s * slowest_hold_s(scenario) >= places,
    )
    yield "the requests compute more than one interpreter can", rate_per_s * scenario.python_s >= 1.0
