"""Many pools in one pass: `sweep`, and `Waits`, the arrays that come of it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from poolsize.queueing.batch import Batch, Figures, Ints, unqueued
from poolsize.queueing.batch_chain import ChainWaits, chain_waits
from poolsize.queueing.batch_churn import opens_per_s
from poolsize.queueing.batch_open import OpenWaits, open_waits
from poolsize.queueing.churn import Semantics
from poolsize.queueing.crossings import crossings
from poolsize.queueing.floats import Floats
from poolsize.queueing.model import Closed, Hold, Open, Usl
from poolsize.queueing.rates import completion_rates
from poolsize.queueing.solve import NO_TIME_S, chain_name
from poolsize.queueing.wait import allowed_share

_IDLE: Final = 1e-150
"""Erlangs. A load below it is none."""
_ABOVE_0: Final = sys.float_info.min


@dataclass(frozen=True, eq=False)
class OpenLoads:
    """Many open loads: their rates, 1/s, of any shape."""

    rate_per_s: ArrayLike


@dataclass(frozen=True, eq=False)
class ClosedLoads:
    """Many finite sources: their threads, and their think times in seconds, of shapes that go together."""

    threads: ArrayLike
    think_s: ArrayLike


@dataclass(frozen=True, eq=False)
class Waits:
    """How requests fare at each of many pools: the figures of `Wait`, as arrays of the shape of what is asked."""

    wait_probability: Floats
    timeout_probability: Floats
    mean_wait_s: Floats
    utilization: Floats
    throughput_per_s: Floats
    opens_per_s: Floats
    refused_probability: Floats
    capacity: Ints
    timeout_s: Floats
    log_empty: Floats
    method: str
    laws: tuple[tuple[Ints, OpenWaits | ChainWaits], ...]
    """Of some pools each, by their places in the flattened arrays, the law of the wait."""

    def exceeds(self, t_s: ArrayLike) -> Floats:
        """P(wait > t_s), for one t or for one a pool: 0 from the timeout on."""
        t = np.broadcast_to(np.asarray(t_s, dtype=np.float64), self.timeout_s.shape).ravel()
        found = np.zeros(t.shape)
        for chosen, law in self.laws:
            timeout_s = law.batch.timeout_s
            found[chosen] = np.where(t[chosen] < timeout_s, law.exceeds(np.minimum(t[chosen], timeout_s)), 0.0)
        return found.reshape(self.timeout_s.shape)

    def quantile(self, q: float) -> Floats:
        """The wait that a share `q` (0..1) of the requests does not exceed, seconds, as of `Wait`."""
        allowed = allowed_share(q)
        waits, timeouts, means = (
            x.ravel() for x in (self.wait_probability, self.timeout_probability, self.mean_wait_s)
        )
        late = waits > allowed
        between = late & (timeouts <= allowed) & np.isfinite(means) & (allowed > 0.0)
        found = np.where(late & ~between, self.timeout_s.ravel(), 0.0)
        for chosen, law in self.laws:
            some = np.flatnonzero(between[chosen])
            if len(some):
                found[chosen[some]] = _quantiles(law.at(some), means[chosen[some]], allowed)
        return found.reshape(self.timeout_s.shape)


def sweep(
    load: Open | Closed | OpenLoads | ClosedLoads,
    hold: Hold | ArrayLike,
    capacity: ArrayLike,
    *,
    timeout_s: ArrayLike = np.inf,
    usl: Usl | None = None,
    max_waiting: ArrayLike | None = None,
    pool_size: ArrayLike | None = None,
    semantics: Semantics = "sqlalchemy",
) -> Waits:
    """`solve` for every pool that the arguments make when numpy broadcasts them: a range of capacities, or thousands
    of pools with each its load, hold (`Hold`, or mean holds in seconds), capacity and timeout.

    The same recursions as for one pool, so that pools which differ in their capacity or timeout alone share one pass.
    Holds of any law are taken as exponential here, and `method` says so; general holds are solved one by one.
    Raises ValueError for numbers that no pool has, TypeError and ValueError for shapes that do not go together.

    >>> waits = sweep(Open(rate_per_s=8.0), Hold(mean_s=1.0), range(9, 12), timeout_s=0.5)
    >>> waits.timeout_probability.round(4).tolist()
    [0.068, 0.0342, 0.0155]
    """
    usl = usl if usl is not None and (usl.alpha or usl.beta) else None
    shape, batch, kept = _batch(load, hold, capacity, timeout_s, usl, max_waiting, pool_size)
    asked = np.flatnonzero(batch.births(batch.servers * 0) * batch.hold_s > _IDLE)
    figures = Figures(*(np.zeros(len(batch.capacity)) for _ in Figures._fields))
    laws = []
    for some, law, found in _solved(batch.at(asked), is_bounded=max_waiting is not None):
        chosen = asked[some]
        laws.append((chosen, law))
        for column, values in zip(figures, found, strict=True):
            column[chosen] = values
    opens = np.zeros(len(batch.capacity))
    if kept is not None:
        opens[asked] = opens_per_s(batch.at(asked), figures.log_empty[asked], kept[asked], semantics)
    law_name = hold.law_name if isinstance(hold, Hold) else "exponential"
    return Waits(
        **{name: column.reshape(shape) for name, column in figures._asdict().items()},
        opens_per_s=opens.reshape(shape),
        capacity=batch.capacity.reshape(shape),
        timeout_s=batch.timeout_s.reshape(shape),
        method=chain_name(law_name, usl, is_open=batch.rate_per_s is not None, is_bounded=max_waiting is not None),
        laws=tuple(laws),
    )


def _batch(
    load: Open | Closed | OpenLoads | ClosedLoads,
    hold: Hold | ArrayLike,
    capacity: ArrayLike,
    timeout_s: ArrayLike,
    usl: Usl | None,
    max_waiting: ArrayLike | None,
    pool_size: ArrayLike | None,
) -> tuple[tuple[int, ...], Batch, Ints | None]:
    """The common shape, and all flattened; None where nothing is said of `pool_size`."""
    mean_s, app_share = (hold.mean_s, hold.app_s / hold.mean_s) if isinstance(hold, Hold) else (hold, 0.0)
    is_open = isinstance(load, Open | OpenLoads)
    asked_rate, asked_threads, asked_think = _source(load)
    columns = np.broadcast_arrays(
        _checked("rate", asked_rate, 0.0),
        _checked("number of threads", asked_threads, 1.0),
        _checked("think time", asked_think, _ABOVE_0),
        _checked("mean hold", mean_s, _ABOVE_0),
        _checked("capacity", capacity, 1.0),
        _checked("timeout", timeout_s, 0.0, most=np.inf),
        np.inf if max_waiting is None else _checked("max_waiting", max_waiting, 0.0),
        _checked("pool_size", 0 if pool_size is None else pool_size, 0.0),
    )
    rate, threads, think, means, capacities, timeouts, waiting, kept = (np.ravel(column) for column in columns)
    most = int(capacities.max(initial=1.0))
    batch = Batch(
        rate if is_open else None,
        threads.astype(np.int64),
        think,
        means,
        capacities.astype(np.int64),
        np.where(timeouts > NO_TIME_S, timeouts, 0.0),
        waiting,
        np.array(completion_rates(Hold(1.0, app_s=app_share), usl, most)),
    )
    return columns[0].shape, batch, None if pool_size is None else kept.astype(np.int64)


def _source(load: Open | Closed | OpenLoads | ClosedLoads) -> tuple[ArrayLike, ArrayLike, ArrayLike]:
    """Rate, threads and think time, with any number for those that there are not."""
    if isinstance(load, Open | OpenLoads):
        return load.rate_per_s, 1, 1.0
    return 0.0, load.threads, load.think_s


def _checked(name: str, values: ArrayLike, least: float, *, most: float = sys.float_info.max) -> Floats:
    found = np.asarray(values, dtype=np.float64)
    if not np.all((found >= least) & (found <= most)):
        raise ValueError(f"Each {name} must be {'above 0' if least == _ABOVE_0 else f'{least:g} or more'}, and finite.")
    return found


def _solved(batch: Batch, *, is_bounded: bool) -> Iterator[tuple[Ints, OpenWaits | ChainWaits, Figures]]:
    """Places in the batch, and the law and the figures of these pools."""
    if not len(batch.capacity):
        return
    below = unqueued(batch)
    if batch.rate_per_s is None or is_bounded:
        for part in chain_waits(batch, below):
            yield part.chosen, part, part.figures
    else:
        law = open_waits(batch, below)
        yield np.arange(len(batch.capacity)), law, law.figures()


def _quantiles(law: OpenWaits | ChainWaits, mean_s: Floats, allowed: float) -> Floats:
    """Where the tail of the wait is `allowed`, for pools where it is more at 0 and less at the timeout."""
    timeout_s = law.batch.timeout_s

    def exceeds(t: Floats) -> Floats:
        return np.where(t < timeout_s, law.exceeds(np.minimum(t, timeout_s)), 0.0)

    high = np.minimum(mean_s, timeout_s)
    while (above := (high < timeout_s) & (exceeds(high) > allowed)).any():
        high = np.where(above, np.minimum(2.0 * high, timeout_s), high)
    return crossings(lambda t: np.log(np.maximum(exceeds(t), sys.float_info.min) / allowed), high)
