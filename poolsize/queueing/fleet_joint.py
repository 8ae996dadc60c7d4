"""Pools that share a database, taken together: the law of how many connections it works for at once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from poolsize.queueing.fleet_pools import Pools, queue_of, slowdowns
from poolsize.queueing.fleet_sums import PoolWeights, summed
from poolsize.queueing.floats import Floats
from poolsize.queueing.full_pool import Queue
from poolsize.queueing.model import Usl


class Given(NamedTuple):
    """A pool of one group, for each number m = 0, 1, ... of active connections of the whole fleet."""

    full: Floats
    """P(all its connections are held)."""
    held: Floats
    """Mean number of its held connections."""
    active: Floats
    """Mean number of those that the database works for."""
    queue: Queue


class Joint(NamedTuple):
    """The fleet by its number m of active connections."""

    log_law: Floats
    """ln P(m), up to a constant; -inf where the queue of a full pool would grow for ever."""
    groups: tuple[Given, ...]
    down_per_s: Floats
    """Rate from m to m - 1, 1/s."""

    def law(self, states: slice) -> Floats:
        """P(m | m is one of `states`), and 0 for the others."""
        law = np.zeros_like(self.log_law)
        law[states] = np.exp(self.log_law[states] - self.log_law[states].max())
        law /= law.sum()
        return law

    def rarest(self, least: int, most: int) -> int:
        """The m of `least`..`most` that the fleet has least often, among those where all queues settle."""
        log_law = self.log_law[least : most + 1]
        return least + int(np.argmin(np.where(np.isfinite(log_law), log_law, math.inf)))


def solve_jointly(groups: Sequence[Pools], capacities: Sequence[int], usl: Usl) -> Joint:
    """The stationary law of the whole fleet, counted by m.

    Without waiting (timeout 0) the fleet is reversible, and a state is as likely as the product of (lambda S)^b / b!
    over the b held connections of each pool, of the binomial law of those at work, and of phi(1) ... phi(m): exact for
    any pools. So P(m) is phi(1) ... phi(m) times the coefficient of x^m in a product of polynomials, one for each
    pool. With waiting, a full pool stands for its queue too, in the law that this would settle to if m stayed: exact
    for one pool (but for the application's part, within some percent) and without slow-down, and otherwise on the safe
    side, since a queue needs time to grow. Kelly, Reversibility and Stochastic Networks (1979), ch. 1 and 3.
    """
    pools = [PoolWeights.of(group, capacity) for group, capacity in zip(groups, capacities, strict=True)]
    counts = [group.count for group in groups]
    most = sum(count * pool.most for count, pool in zip(counts, pools, strict=True))
    slowdown = slowdowns(usl, most)
    queues = [queue_of(g, c, g.rate_full(c, slowdown)) for g, c in zip(groups, capacities, strict=True)]
    log_queues = np.stack([queue.log_weight for queue in queues])
    is_settled = np.isfinite(log_queues).all(axis=0)
    sums = summed(pools, counts, np.where(is_settled, log_queues, 0.0))
    log_law = np.where(is_settled, sums.log_weight + np.cumsum(np.log(slowdown)) - math.log(slowdown[0]), -math.inf)
    given = tuple(
        Given(full, held, active, queue) for (full, held, active), queue in zip(sums.means, queues, strict=True)
    )
    return Joint(log_law, given, _down_per_s(groups, capacities, given, slowdown))


def _down_per_s(groups: Sequence[Pools], capacities: Sequence[int], given: Sequence[Given], slowdown: Floats) -> Floats:
    """What the database completes per second, but for what is replaced at once from the queue of a full pool."""
    down = np.zeros_like(slowdown)
    for group, capacity, pool in zip(groups, capacities, given, strict=True):
        if group.database_s > 0.0:
            by_full = pool.full * group.rate_full(capacity, slowdown)
            by_others = np.maximum(pool.active / (group.database_s * slowdown) - by_full, 0.0)
            down += group.count * (by_others + by_full * np.exp(-pool.queue.log_weight))
    return down
