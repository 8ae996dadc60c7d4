"""Results as values of the JSON document, which are small enough to come back from another machine by the thousand."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

import numpy as np

from poolsize.datatypes import Estimate, Moment, SimulatedPool
from poolsize.parallel import Progress, mapped
from poolsize.simulate.run import Sampling, simulated
from poolsize.simulate.sample import Floats
from poolsize.simulate.scenario import Scenario
from poolsize.simulate.simulated import Simulated

MOMENTS: Final = 60
"""Stretches of the picture, each a column of a terminal of 80."""


def simulated_pools(
    scenarios: Sequence[Scenario],
    sampling: Sampling,
    *,
    processes: int = 1,
    scheduler: str | None = None,
    on_progress: Progress | None = None,
) -> tuple[SimulatedPool, ...]:
    """Each scenario simulated: several side by side, the replications of a single one."""
    if len(scenarios) == 1:
        (scenario,) = scenarios
        found = simulated(scenario, sampling, processes=processes, scheduler=scheduler, on_progress=on_progress)
        return (as_document(found),)
    each = partial(_simulated_pool, sampling=sampling)
    return tuple(mapped(each, scenarios, processes=processes, scheduler=scheduler, on_progress=on_progress))


def _simulated_pool(scenario: Scenario, sampling: Sampling) -> SimulatedPool:
    return as_document(simulated(scenario, sampling))


def as_document(found: Simulated) -> SimulatedPool:
    """Its numbers, each with its interval."""

    def estimate(name: str) -> Estimate:
        return _estimate(getattr(found, name), found.interval(name))

    def quantile(q: float) -> Estimate:
        return _estimate(found.quantile(q), found.interval(q))

    return SimulatedPool(
        capacity=found.scenario.capacity,
        pool_size=found.scenario.pool_size,
        wait_probability=estimate("wait_probability"),
        timeout_probability=estimate("timeout_probability"),
        refused_probability=estimate("refused_probability"),
        failure_probability=estimate("failure_probability"),
        mean_wait_s=estimate("mean_wait_s"),
        mean_acquire_s=estimate("mean_acquire_s"),
        p50_wait_s=quantile(0.5),
        p95_wait_s=quantile(0.95),
        p99_wait_s=quantile(0.99),
        utilization=estimate("utilization"),
        throughput_per_s=estimate("throughput_per_s"),
        opens_per_s=estimate("opens_per_s"),
        requests=found.arrivals,
        replications=found.length.replications,
        is_settled=found.length.is_settled,
        method=found.method,
        moments=moments_of(found.sample.path),
    )


def _estimate(value: float, interval: tuple[float, float]) -> Estimate:
    low, high = interval
    return Estimate(value=_finite(value), low=_finite(low), high=_finite(high))


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None


def moments_of(path: Floats) -> tuple[Moment, ...]:
    """The run of `path`, (time, wait) of each request, in equal stretches of time."""
    ends = path[-1, 0] * np.arange(1, MOMENTS + 1) / MOMENTS
    parts = np.split(path[:, 1], np.searchsorted(path[:, 0], ends[:-1], side="right"))
    return tuple(
        Moment(time_s=float(end), mean_wait_s=_of(part, np.mean), max_wait_s=_of(part, np.max))
        for end, part in zip(ends, parts, strict=True)
    )


def _of(waits: Floats, number: Callable[[Floats], np.floating]) -> float | None:
    return float(number(waits)) if len(waits) else None
