"""What is predicted of a pool: by simulation of its own rules, since no formula knows them all.

Runs are simulated that are as long as the real one, so that it is known too how far a single one may be from the
mean of all: the intervals of batch means are too short where a run has seen a few bursts only.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from msgspec import Struct

from poolsize.datatypes import Settings, Trace
from poolsize.live.verify_figures import QUANTILES
from poolsize.live.verify_intervals import CHANCE, Range, Z
from poolsize.live.verify_visits import Floats
from poolsize.queueing import Closed, Hold, Open
from poolsize.simulate import simulate
from poolsize.simulate.sample import Sample
from poolsize.simulate.semantics import SEMANTICS
from poolsize.simulate.simulated import Simulated

_SIMULATED: Final = ("utilization", "wait_probability", "mean_wait_s", "timeout_probability", "opens_per_s")
_RUNS: Final = 500
_MOST_REQUESTS: Final = 4_000_000
_MOST_EVENTS: Final = 300_000
"""In all runs, of the quick engine and of that which goes event by event: a second or two of either."""
_FEWEST_RUNS: Final = 30


class Load(Struct, frozen=True):
    """All that a prediction is from."""

    load: Open | Closed | Trace
    hold: Hold
    settings: Settings
    semantics: str
    """A name in SEMANTICS."""
    setup_s: float
    """What opening a connection takes."""


class Prediction(Struct, frozen=True):
    """Figures by name."""

    values: dict[str, float]
    ranges: dict[str, Range]
    """What the simulation leaves open of them."""
    deviations: dict[str, Range]
    """How far a run of this length may be below (negative) or above them; empty where there is no chance in it."""
    method: str


def predicted(load: Load, requests: int) -> Prediction:
    """For runs of so many requests. Raises ValueError for a load that no pool can serve, so that it never settles."""
    found = _simulated(load, requests)
    values = {name: float(getattr(found, name)) for name in _SIMULATED}
    ranges = {name: Range(*found.interval(name)) for name in _SIMULATED}
    for name, q in QUANTILES.items():
        values[name], ranges[name] = found.quantile(q), Range(*found.interval(q))
    deviations = {}
    if found.sample.replications >= _FEWEST_RUNS:
        runs = _runs(found.sample, load.settings.capacity)
        deviations = {name: _deviation(runs[name] - value) for name, value in values.items()}
    return Prediction(values, ranges, deviations, found.method)


def _simulated(load: Load, requests: int) -> Simulated:
    settings = load.settings
    # PgBouncer keeps all connections that it once opened for longer than a run, and was filled before it.
    kept = settings.capacity if load.semantics == "pgbouncer" else settings.pool_size
    is_quick = kept == settings.capacity or SEMANTICS[load.semantics].opens_after_waiting
    most = (_MOST_REQUESTS if is_quick else _MOST_EVENTS) // requests
    is_recorded = isinstance(load.load, Trace)
    return simulate(
        load.load,
        load.hold,
        settings.capacity,
        timeout_s=settings.pool_timeout_s,
        pool_size=kept,
        semantics=load.semantics,
        setup_s=load.setup_s,
        replications=None if is_recorded else min(max(most, _FEWEST_RUNS), _RUNS),
        arrivals=None if is_recorded else requests,
    )


def _runs(sample: Sample, capacity: int) -> dict[str, Floats]:
    """Each figure of each run."""
    found = {
        "utilization": sample.busy_s / (sample.window_s * capacity),
        "wait_probability": (sample.waits > 0.0).mean(axis=0),
        "mean_wait_s": sample.waits.mean(axis=0),
        "timeout_probability": sample.timed_out / sample.requests,
        "opens_per_s": (sample.opened + sample.opened_at_most) / 2.0 / sample.window_s,
    }
    quantiles = np.quantile(sample.waits, list(QUANTILES.values()), axis=0, method="inverted_cdf")
    return found | dict(zip(QUANTILES, quantiles, strict=True))


def _deviation(apart: Floats) -> Range:
    """The part of the runs that leaves out as many as an interval may; by the normal law where there are too few."""
    if len(apart) * CHANCE < 1.0:
        spread = Z * float(apart.std())
        return Range(-spread, spread)
    low, high = np.quantile(apart, (CHANCE / 2.0, 1.0 - CHANCE / 2.0))
    return Range(min(float(low), 0.0), max(float(high), 0.0))
