"""Repeat a measurement until its median is known well enough, or a bound is reached."""

from __future__ import annotations

import math
import platform
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from statistics import NormalDist, fmean, median
from typing import Final

from poolsize.datatypes import ConnectCost, Phase

RELATIVE_HALF_WIDTH: Final = 0.05
"""Stop when the median's interval is within ±5 %: finer than any decision made from it."""
_Z95: Final = NormalDist().inv_cdf(0.975)

Sample = Mapping[str, float]
"""Phase name -> seconds, in the order in which they happened."""


def median_interval(values: Sequence[float]) -> tuple[float, float]:
    """95 % confidence interval of the median, from order statistics: the k-th smallest and the k-th largest value,
    k = n/2 - z·√n/2 + 1/2 rounded down (David & Nagaraja, Order Statistics, 7.1: the normal approximation to the
    binomial, with its continuity correction). Distribution-free. Needs at least one value; below six the range of
    the values is the best there is, and covers less."""
    ordered = sorted(values)
    n = len(ordered)
    rank = max(math.floor(n / 2 - _Z95 * math.sqrt(n) / 2 + 0.5), 1)
    return ordered[rank - 1], ordered[n - rank]


def percentile(values: Sequence[float], fraction: float) -> float:
    """The smallest value with at least `fraction` (0..1] of the values at or below it."""
    ordered = sorted(values)
    return ordered[max(math.ceil(fraction * len(ordered)) - 1, 0)]


def is_settled(values: Sequence[float]) -> bool:
    """The median's interval is within ±5 % of it."""
    low, high = median_interval(values)
    middle = median(values)
    return high - middle <= RELATIVE_HALF_WIDTH * middle and middle - low <= RELATIVE_HALF_WIDTH * middle


def until_settled(measure: Callable[[], Sample], *, minimum: int, maximum: int, deadline: float) -> Iterator[Sample]:
    """Samples of `measure` until the total's median is settled, `maximum` is reached or `time.monotonic()` passes
    `deadline`; at least one."""
    totals: list[float] = []
    while len(totals) < maximum:
        sample = measure()
        yield sample
        totals.append(sum(sample.values()))
        if time.monotonic() >= deadline or (len(totals) >= minimum and is_settled(totals)):
            return


def connect_cost(samples: Sequence[Sample], *, client: str) -> ConnectCost:
    """The cost of one connection from phase samples; the phases' means sum to the mean exactly."""
    totals = [sum(sample.values()) for sample in samples]
    names = list(dict.fromkeys(name for sample in samples for name in sample))
    phases = tuple(
        Phase(name=name, mean_s=fmean(values), p50_s=median(values))
        for name in names
        for values in [[sample.get(name, 0.0) for sample in samples]]
    )
    return ConnectCost(
        samples=len(samples),
        mean_s=fmean(totals),
        p50_s=median(totals),
        p95_s=percentile(totals, 0.95),
        p99_s=percentile(totals, 0.99),
        p50_interval_s=median_interval(totals),
        phases=phases,
        measured_from=platform.node(),
        client=client,
    )
