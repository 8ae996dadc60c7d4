"""Many pools side by side: what `solve` does for one, as arrays. One entry a pool."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from poolsize.queueing.floats import Floats

Ints = NDArray[np.int64]

STEP: Final = 400
"""Powers of two by which weights are scaled that leave the range of a double."""


class Batch(NamedTuple):
    """Pools that share the kind of load, the slow-down and the share of a hold that the application takes."""

    rate_per_s: Floats | None
    """Of an open load; else the next two."""
    threads: Ints
    think_s: Floats
    hold_s: Floats
    capacity: Ints
    timeout_s: Floats
    max_waiting: Floats
    """Infinite without a bound."""
    unit_rates: Floats
    """R_0..R_c of the largest capacity, for a mean hold of 1."""

    @property
    def servers(self) -> Ints:
        """Connections that can be held at once."""
        return self.capacity if self.rate_per_s is not None else np.minimum(self.capacity, self.threads)

    @property
    def full_rate(self) -> Floats:
        """R, 1/s."""
        rates: Floats = self.unit_rates[self.servers] / self.hold_s
        return rates

    def births(self, n: Ints) -> Floats:
        """lambda_n of each pool, 1/s."""
        if self.rate_per_s is not None:
            return self.rate_per_s
        births: Floats = np.maximum(self.threads - n, 0) / self.think_s
        return births

    def at(self, chosen: Ints) -> Batch:
        """Some of them."""
        return Batch(
            None if self.rate_per_s is None else self.rate_per_s[chosen],
            self.threads[chosen],
            self.think_s[chosen],
            self.hold_s[chosen],
            self.capacity[chosen],
            self.timeout_s[chosen],
            self.max_waiting[chosen],
            self.unit_rates,
        )


class Figures(NamedTuple):
    """What `Wait` says of one pool."""

    wait_probability: Floats
    timeout_probability: Floats
    refused_probability: Floats
    mean_wait_s: Floats
    utilization: Floats
    throughput_per_s: Floats
    log_empty: Floats


class Unqueued(NamedTuple):
    """Sums over the states n = 0..c - 1 in which a connection is free, relative to the state c, each times
    2^-exponent."""

    weight: Floats
    busy: Floats
    """Times n."""
    births: Floats
    """Times lambda_n, 1/s."""
    log_first: Floats
    """ln of p_0 / p_c, not scaled."""
    exponent: Ints

    @property
    def full(self) -> Floats:
        """The weight of the state c itself."""
        return np.ldexp(1.0, -self.exponent)

    def at(self, chosen: Ints) -> Unqueued:
        """Of some of the pools."""
        weight, busy, births, log_first = (column[chosen] for column in self[:4])
        return Unqueued(weight, busy, births, log_first, self.exponent[chosen])


class Kinds(NamedTuple):
    """Pools that have all but capacity, timeout and the unit of time in common are of one kind."""

    of: Ints
    """The kind of each pool."""
    offered: Floats
    """Of each kind: erlangs that one thread offers while it is away, or all arrivals."""
    threads: Floats | None

    def births(self, n: int) -> Floats:
        """lambda_n of each kind, in a mean hold; 1 thread at least, where a smaller pool of the kind has all."""
        return self.offered if self.threads is None else np.maximum(self.threads - n, 1.0) * self.offered


def kinds_of(batch: Batch) -> Kinds:
    """The kinds there are."""
    if batch.rate_per_s is not None:
        offered, of = np.unique(batch.rate_per_s * batch.hold_s, return_inverse=True)
        return Kinds(of, offered, None)
    # A complex number is a pair that can be sorted.
    pairs, of = np.unique(batch.threads + 1j * (batch.hold_s / batch.think_s), return_inverse=True)
    return Kinds(of, pairs.imag, pairs.real)


def unqueued(batch: Batch) -> Unqueued:
    """From state to state, relative to the last: X_n = (X_(n-1) + x_(n-1)) R_n / lambda_(n-1). So the pools of a kind
    need one pass, in which each takes what is there at its own capacity."""
    servers, kinds = batch.servers, kinds_of(batch)
    order = np.argsort(servers, kind="stable")
    ends = np.searchsorted(servers[order], np.arange(int(servers.max()) + 1), side="right")
    sums = np.zeros((4, len(kinds.offered)))  # weight, busy, births, ln p_0 / p_n
    exponent = np.zeros(len(kinds.offered), dtype=np.int64)
    last, is_scaled = np.ones(len(kinds.offered)), False
    found, scaled = np.empty((4, len(servers))), np.empty(len(servers), dtype=np.int64)
    for n in range(1, len(ends)):
        before = kinds.births(n - 1)
        ratio = batch.unit_rates[n] / before
        sums[0] += last
        sums[1] += (n - 1) * last
        sums[2] += before * last
        sums[:3] *= ratio
        sums[3] += np.log(ratio)
        if is_scaled or sums[0].max() > 2.0**STEP:
            _rescale(sums, exponent)
            last, is_scaled = np.ldexp(1.0, -exponent), bool(exponent.any())
        if ends[n] > ends[n - 1]:
            here = order[ends[n - 1] : ends[n]]
            found[:, here], scaled[here] = sums[:, kinds.of[here]], exponent[kinds.of[here]]
    weight, busy, births, log_first = found
    return Unqueued(weight, busy, births / batch.hold_s, log_first, scaled)


def _rescale(sums: Floats, exponent: Ints) -> None:
    """Keep the sums within the range of a double: large where the last state is rare, small again where the states
    after it are likelier, as on a database that nearly stops."""
    for outside, step in ((sums[0] > 2.0**STEP, STEP), ((sums[0] < 1.0) & (exponent > 0), -STEP)):
        if outside.any():
            sums[:3, outside] = np.ldexp(sums[:3, outside], -step)
            exponent[outside] += step
