"""From a scenario to its result: by which engine, in which pieces, with which random numbers."""

from __future__ import annotations

from typing import Final

import numpy as np
from msgspec import Struct

from poolsize.datatypes import Trace
from poolsize.errors import UsageError
from poolsize.parallel import Progress, mapped
from poolsize.queueing import Closed
from poolsize.simulate.checks import check
from poolsize.simulate.laws import holds
from poolsize.simulate.length import EVENTS, RECURSION, length_of
from poolsize.simulate.recursion import FifoPools
from poolsize.simulate.replication import Replication
from poolsize.simulate.sample import Floats, Sample, joined
from poolsize.simulate.scenario import Scenario
from poolsize.simulate.semantics import SEMANTICS
from poolsize.simulate.simulated import Simulated
from poolsize.simulate.sources import Poisson, Recorded, Source, Threads

_COLUMNS: Final = 1000
"""Replications that the recursion takes at once. The pieces of a run are the same however many processes work on them,
and so is the answer."""
_MOST_WAITS: Final = 100_000_000
"""0.8 GB, and as much again while they are sorted; a thousandth of it settles most questions."""
_MOST_ROWS: Final = 2000
"""Connections beyond which a step of the recursion costs more than the events of as many requests."""


class Sampling(Struct, frozen=True):
    """Which random numbers, and how many. None: what settles in about a second."""

    seed: int = 0
    replications: int | None = None
    requests: int | None = None
    """Measured in each of them."""


class Piece(Struct, frozen=True):
    """Some replications of a scenario. Which ones, with `seed`, says which random numbers they get."""

    scenario: Scenario
    seed: int
    number: int
    warm_up: int
    requests: int
    replications: int
    """1 event by event."""


def simulated(
    scenario: Scenario,
    sampling: Sampling,
    *,
    processes: int = 1,
    scheduler: str | None = None,
    on_progress: Progress | None = None,
) -> Simulated:
    """Simulate it, as `simulate` says."""
    check(scenario)
    by_recursion = is_recursive(scenario)
    effort = RECURSION if by_recursion else EVENTS
    length = length_of(scenario, effort, sampling.replications, sampling.requests)
    if length.replications * length.requests > _MOST_WAITS:
        raise UsageError(f"{length.replications:,} × {length.requests:,} waits are more than can be kept.")
    at_once = _COLUMNS if by_recursion else 1
    pieces = [
        Piece(
            scenario, sampling.seed, number, length.warm_up, length.requests, min(at_once, length.replications - first)
        )
        for number, first in enumerate(range(0, length.replications, at_once))
    ]
    run = run_recursion if by_recursion else run_events
    samples = mapped(run, pieces, processes=processes, scheduler=scheduler, on_progress=on_progress)
    return Simulated(scenario, length, joined(samples), "recursion" if by_recursion else "event by event")


def is_recursive(scenario: Scenario) -> bool:
    """Whether the recursion does all that happens in it."""
    load = scenario.load
    is_plain = (
        scenario.usl is None
        and scenario.pools == 1
        and scenario.retries == 0
        and scenario.max_waiting is None
        and scenario.start == "empty"
        and scenario.capacity <= _MOST_ROWS
        and not (isinstance(load, Closed) and load.threads > _MOST_ROWS)
        and not (isinstance(load, Trace) and load.holds_s is not None)
    )
    return is_plain and SEMANTICS[scenario.semantics].is_fifo(scenario)


def _rng(piece: Piece) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence(piece.seed, spawn_key=(piece.number,)))


def run_events(piece: Piece) -> Sample:
    """Its one replication, event by event: all semantics and settings."""
    return Replication(piece.scenario, _rng(piece), warm_up=piece.warm_up, requests=piece.requests).run()


def run_recursion(piece: Piece) -> Sample:
    """All its replications at once: FIFO pools."""
    scenario, columns, rng = piece.scenario, piece.replications, _rng(piece)
    draw = holds(rng, scenario.hold)
    load = scenario.load
    capacity = min(scenario.capacity, load.threads) if isinstance(load, Closed) else scenario.capacity

    def draw_holds(requests: int) -> Floats:
        drawn = draw((requests, columns))
        drawn += scenario.reset_s
        return drawn

    pools = FifoPools(
        _source(scenario, rng, columns),
        draw_holds,
        capacity=capacity,
        pool_size=min(scenario.pool_size, capacity),
        timeout_s=scenario.timeout_s,
        setup_s=scenario.setup_s,
        replications=columns,
    )
    return pools.run(piece.warm_up, piece.requests)


def _source(scenario: Scenario, rng: np.random.Generator, columns: int) -> Source:
    load = scenario.load
    if isinstance(load, Trace):
        return Recorded(np.array(load.arrivals_s))
    if isinstance(load, Closed):
        return Threads(rng, load.threads, load.think_s, scenario.timeout_s, columns)
    return Poisson(rng, load.rate_per_s, columns)
