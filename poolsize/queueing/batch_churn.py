"""Connections opened per second in many pools, by the sums of resistances of `churn`, as logarithms."""

from __future__ import annotations

from typing import Final

import numpy as np

from poolsize.queueing.batch import Batch, Ints, Kinds, kinds_of
from poolsize.queueing.churn import Semantics
from poolsize.queueing.floats import Floats

_AT_ONCE: Final = 2**20
"""Kinds of pools times numbers of held connections that are worked on at once."""


def opens_per_s(batch: Batch, log_empty: Floats, pool_size: Ints, semantics: Semantics) -> Floats:
    """For each pool that keeps `pool_size` of its connections; 0 where it keeps them all."""
    opens = np.zeros(len(pool_size))
    for kept in np.unique(pool_size).tolist():
        some = np.flatnonzero((pool_size == kept) & (kept < batch.servers))
        if len(some):
            logs = _log_opens(batch.at(some), kept, semantics)
            opens[some] = np.exp(logs + log_empty[some]) / batch.hold_s[some]
    return opens


def _log_opens(batch: Batch, kept: int, semantics: Semantics) -> Floats:
    """ln of the openings in a mean hold, less ln P(no connection is held)."""
    kinds, last = kinds_of(batch), batch.servers - 1
    most = int(last.max()) + 1
    found = np.empty(len(last))
    step = max(_AT_ONCE // most, 1)
    for first in range(0, len(kinds.offered), step):
        threads = None if kinds.threads is None else kinds.threads[first : first + step]
        part = Kinds(kinds.of, kinds.offered[first : first + step], threads)
        here = np.flatnonzero((kinds.of >= first) & (kinds.of < first + step))
        found[here] = _summed(part, batch.unit_rates, most, kept, semantics)[last[here], kinds.of[here] - first]
    return found


def _summed(kinds: Kinds, unit_rates: Floats, most: int, kept: int, semantics: Semantics) -> Floats:
    """Rows c - 1 = 0..most - 1 of the same, for a capacity of c; a column a kind."""
    log_births = np.log(np.stack([kinds.births(b) for b in range(most)]))
    log_steps = log_births[:-1] - np.log(unit_rates[1:most, None])
    log_law = np.cumsum(np.concatenate([np.zeros((1, log_births.shape[1])), log_steps]), axis=0)
    log_flows = log_births + log_law  # lambda_b P(b held), the inverse of a resistance
    if semantics == "sqlalchemy":
        none = np.full((kept, log_flows.shape[1]), -np.inf)
        log_flows = np.concatenate([none, -_log_window_sums(-log_flows, kept + 1)])
    else:
        log_flows[:kept] = -np.inf
    return np.logaddexp.accumulate(log_flows, axis=0)


def _log_window_sums(logs: Floats, width: int) -> Floats:
    """ln of the sums of each `width` neighbouring rows: of the end of one block of that width and the start of the
    next, so that nothing is subtracted."""
    count = len(logs)
    missing = -count % width
    blocks = np.concatenate([logs, np.full((missing, logs.shape[1]), -np.inf)]).reshape(-1, width, logs.shape[1])
    starts = np.logaddexp.accumulate(blocks, axis=1).reshape(-1, logs.shape[1])
    ends = np.logaddexp.accumulate(blocks[:, ::-1], axis=1)[:, ::-1].reshape(-1, logs.shape[1])
    whole = count - width + 1
    inside = np.arange(whole)[:, None] % width != 0
    sums: Floats = np.logaddexp(ends[:whole], np.where(inside, starts[width - 1 : width - 1 + whole], -np.inf))
    return sums
