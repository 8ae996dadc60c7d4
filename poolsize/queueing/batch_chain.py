"""Many pools with a finite source or a bound on how many wait: the chain of `solve_chain`."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np

from poolsize.queueing.batch import STEP, Batch, Figures, Ints, Unqueued
from poolsize.queueing.batch_poisson import reversed_hazards, still_waiting
from poolsize.queueing.chain import NEGLIGIBLE
from poolsize.queueing.floats import Floats

_NATS: Final = -math.log(NEGLIGIBLE)
_MOST_CELLS: Final = 2**20
"""Of states times pools that are worked on at once: 8 MiB an array, so that a few of them fit into a processor's last
cache."""


class ChainWaits(NamedTuple):
    """Some pools with about as long queues; rows j = 1..J of those who wait, a column a pool."""

    chosen: Ints
    """Which of the batch."""
    batch: Batch
    queued: Floats
    """pi_(c+j) / lambda, s."""
    figures: Figures

    def at(self, chosen: Ints) -> ChainWaits:
        """Some of them."""
        figures = Figures(*(column[chosen] for column in self.figures))
        return ChainWaits(self.chosen[chosen], self.batch.at(chosen), self.queued[:, chosen], figures)

    def exceeds(self, t_s: Floats) -> Floats:
        """P(wait > t) for t <= D."""
        count = len(self.queued)
        if count == 0:
            return np.where(t_s < self.batch.timeout_s, self.figures.wait_probability, 0.0)
        rate = self.batch.full_rate
        left = still_waiting(count, rate * t_s, rate * self.batch.timeout_s)
        law: Floats = rate * np.sum(self.queued * left, axis=0)
        return law


def chain_waits(batch: Batch, below: Unqueued) -> Iterator[ChainWaits]:
    """Pool after pool, from the shortest queue to the longest."""
    longest = longest_queues(batch)
    order = np.argsort(longest, kind="stable")
    first = 0
    while first < len(order):
        size = max(_MOST_CELLS // (int(longest[order[first]]) + 1), 1)
        chosen = order[first : first + size]
        while size > 1 and size * (int(longest[chosen[-1]]) + 1) > 2 * _MOST_CELLS:
            size //= 2
            chosen = chosen[:size]
        first += len(chosen)
        yield _solved(chosen, batch.at(chosen), below.at(chosen), longest[chosen])


def longest_queues(batch: Batch) -> Ints:
    """The most waiting requests that are not too unlikely to matter; at least as many as for one pool."""
    c, came = batch.servers, batch.births(batch.servers)
    in_time = np.multiply(came, batch.timeout_s, out=np.zeros_like(came), where=came > 0.0)
    third = _NATS / 3.0
    in_time = in_time + third + np.sqrt(third**2 + 2.0 * _NATS * in_time) + 1.0
    ratio = came / batch.full_rate
    with np.errstate(divide="ignore"):  # nobody comes
        patient = np.where(ratio < 1.0, _NATS / -np.log(np.minimum(ratio, 1.0 - 1e-9)) + 1.0, np.inf)
    room = batch.max_waiting
    if batch.rate_per_s is None:
        room = np.minimum(room, batch.threads - c)
        away = batch.think_s * batch.full_rate  # threads that think, while a request ends as often as one comes
        fewest = np.maximum(away - np.sqrt(2.0 * _NATS * away) - 1.0, 0.0)
        patient = np.where(ratio < 1.0, patient, batch.threads - c - np.floor(fewest))
    longest = np.floor(np.minimum(np.minimum(room, in_time), patient))
    return np.where(batch.timeout_s > 0.0, longest, 0.0).astype(np.int64)


def _solved(chosen: Ints, batch: Batch, below: Unqueued, longest: Ints) -> ChainWaits:
    count = int(longest.max())
    servers, full_rate = batch.servers, batch.full_rate
    timeouts = _timeout_rates(count, batch)
    births = np.stack([batch.births(servers + j) for j in range(count + 1)])
    weights, scale = _weights(births, full_rate + timeouts, longest, below)
    # The last one to wait is the first who may not.
    refused = (births * weights)[longest, np.arange(len(chosen))] * (longest == batch.max_waiting)
    taken = births * weights
    taken[longest, np.arange(len(chosen))] *= longest != batch.max_waiting
    below_births, below_weight, below_busy = (np.ldexp(x, -scale) for x in (below.births, below.weight, below.busy))
    late = taken.sum(axis=0)
    arrivals = below_births + late
    total = below_weight + weights.sum(axis=0)
    queued = weights[1:] / arrivals
    timed_out = np.where(batch.timeout_s > 0.0, np.sum(timeouts * queued, axis=0), late / arrivals)
    figures = Figures(
        wait_probability=late / arrivals,
        timeout_probability=timed_out,
        refused_probability=refused / (arrivals + refused),
        mean_wait_s=np.sum(np.arange(1, count + 1)[:, None] * queued, axis=0),
        utilization=(below_busy + servers * weights.sum(axis=0)) / total / batch.capacity,
        throughput_per_s=(below_births + full_rate * weights[1:].sum(axis=0)) / total,
        log_empty=below.log_first - np.log(total) - (scale + below.exponent) * math.log(2.0),
    )
    return ChainWaits(chosen, batch, queued, figures)


def _timeout_rates(count: int, batch: Batch) -> Floats:
    """Rows delta_1..delta_count, 1/s."""
    some = batch.timeout_s > 0.0
    timeout_s = np.where(some, batch.timeout_s, np.inf)
    hazards = reversed_hazards(count, batch.full_rate * timeout_s)[1:]
    rates: Floats = np.arange(1, count + 1)[:, None] / timeout_s * hazards
    return rates


def _weights(births: Floats, deaths: Floats, longest: Ints, below: Unqueued) -> tuple[Floats, Ints]:
    """Rows j = 0..J of the weights of c + j, on the scale of `below` times 2^-scale."""
    weights = np.zeros_like(births)
    weights[0] = below.full
    scale = np.zeros(births.shape[1], dtype=np.int64)
    for j in range(len(deaths)):
        weights[j + 1] = np.where(j < longest, weights[j] * (births[j] / deaths[j]), 0.0)
        large = weights[j + 1] > 2.0**STEP
        if large.any():
            weights[: j + 2, large] = np.ldexp(weights[: j + 2, large], -STEP)
            scale[large] += STEP
    return weights, scale
