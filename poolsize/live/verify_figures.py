"""The figures of a run, each with its interval."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np

from poolsize.live.verify_intervals import (
    Range,
    batch_means,
    batch_numbers,
    batches_for,
    of_a_mean,
    of_a_quantile,
    of_a_share,
    quantile,
)
from poolsize.live.verify_visits import Floats, Requests

QUANTILES: Final = {"p95_wait_s": 0.95, "p99_wait_s": 0.99}
WAITS: Final = ("mean_wait_s", *QUANTILES)
"""Figures that are times."""


class Figure(NamedTuple):
    """One number and its interval."""

    name: str
    value: float
    range: Range


class Batches(NamedTuple):
    """The run cut into equal times."""

    number: int
    of_request: Floats
    """The batch of each request."""
    seconds: float
    """Of each."""


def batches_of(seen: Requests) -> Batches:
    count = batches_for(seen.asked_s, seen.wait_s, seen.begin_s, seen.end_s)
    numbers = batch_numbers(seen.asked_s, seen.begin_s, seen.end_s, count)
    return Batches(count, numbers, seen.seconds / count)


def figures_of(seen: Requests, capacity: int, batches: Batches) -> Iterator[Figure]:
    """All but the connections on the server, which are counted there. At least one request is needed."""
    edges: Floats = seen.begin_s + batches.seconds * np.arange(batches.number + 1, dtype=np.float64)
    busy = seen.busy_s(edges) / (batches.seconds * capacity)
    yield Figure("utilization", float(busy.mean()), of_a_mean(busy))
    yield _share("wait_probability", seen.wait_s > 0.0, batches)
    waits = batch_means(seen.wait_s, batches.of_request, batches.number)
    # Each request counts the same, not each batch: a batch with many has long waits.
    yield Figure("mean_wait_s", float(seen.wait_s.mean()), _around(float(seen.wait_s.mean()), of_a_mean(waits)))
    ordered = np.sort(seen.wait_s)
    for name, q in QUANTILES.items():
        found = of_a_quantile(seen.wait_s, batches.of_request, batches.number, q)
        yield Figure(name, quantile(ordered, q), found)
    yield _share("timeout_probability", seen.is_late, batches)
    numbers = batch_numbers(seen.opened_s, seen.begin_s, seen.end_s, batches.number)
    opened = np.bincount(numbers.astype(np.int64), minlength=batches.number) / batches.seconds
    yield Figure("opens_per_s", float(opened.mean()), _of_a_rate(opened, seen.seconds))


def late_share(seen: Requests, goal_s: float, batches: Batches) -> Figure:
    """P(wait > goal_s)."""
    return _share("late_probability", seen.wait_s > goal_s, batches)


def _share(name: str, is_so: np.ndarray[tuple[int, ...], np.dtype[np.bool_]], batches: Batches) -> Figure:
    flags = is_so.astype(np.float64)
    shares = batch_means(flags, batches.of_request, batches.number)
    middle = float(flags.mean())
    return Figure(name, middle, _around(middle, of_a_share(shares, len(flags)), most=1.0))


def _around(value: float, found: Range, most: float = math.inf) -> Range:
    """An interval that holds the value itself, where the batches' mean is a little beside it."""
    return Range(min(found.low, value), min(max(found.high, value), most))


def _of_a_rate(per_s: Floats, seconds: float) -> Range:
    """Of events; where none was seen, three in the whole time would have been missed in one case of twenty."""
    found = of_a_mean(per_s)
    least = -math.log(0.05) / seconds if not per_s.any() else 0.0
    return Range(found.low, max(found.high, least))
