"""Runs of one engine or the other, whichever the scenario would be given."""

from __future__ import annotations

from typing import Any

from poolsize.queueing import Closed, Hold, Open
from poolsize.simulate import Scenario, Simulated, Trace
from poolsize.simulate.length import EVENTS, RECURSION, length_of
from poolsize.simulate.run import Piece, run_events, run_recursion
from poolsize.simulate.sample import joined


def scenario_of(load: Open | Closed | Trace, hold: Hold, capacity: int, **settings: Any) -> Scenario:
    """A pool that keeps all of its connections unless said otherwise."""
    return Scenario(load=load, hold=hold, capacity=capacity, **{"pool_size": capacity, **settings})


def recursion(scenario: Scenario, *, seed: int = 0, replications: int = 400, requests: int = 2000) -> Simulated:
    length = length_of(scenario, RECURSION, replications, requests)
    piece = Piece(scenario, seed, 0, length.warm_up, length.requests, length.replications)
    return Simulated(scenario, length, run_recursion(piece), "recursion")


def events(scenario: Scenario, *, seed: int = 0, replications: int = 20, requests: int = 3000) -> Simulated:
    length = length_of(scenario, EVENTS, replications, requests)
    pieces = [
        Piece(scenario, seed, number, length.warm_up, length.requests, 1) for number in range(length.replications)
    ]
    return Simulated(scenario, length, joined([run_events(piece) for piece in pieces]), "event by event")


def waits_of(trace: Trace, capacity: int, **settings: Any) -> list[float]:
    """The wait of each request of a replayed trace, in the order of their arrivals."""
    found = replayed(trace, capacity, **settings)
    return [float(wait) for wait in found.sample.path[:, 1]]


def replayed(trace: Trace, capacity: int, **settings: Any) -> Simulated:
    return events(scenario_of(trace, Hold(1.0), capacity, **settings), replications=1)


def assert_within(found: Simulated, name: str | float, exact: float, *, widths: float = 1.6) -> None:
    """The exact value is in the 95 % interval, made so many times wider: by 1.6 it is one of 99.8 %."""
    value = found.quantile(name) if isinstance(name, float) else getattr(found, name)
    low, high = found.interval(name)
    assert value - (value - low) * widths <= exact <= value + (high - value) * widths, (name, value, (low, high), exact)
