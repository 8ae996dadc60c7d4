"""What comes out of the model: `Wait`."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

PRECISION = 1e-13
STEPS = 100
"""Ten are usual, and the most in 15,000 waits of random pools were 38."""

Range = tuple[float, float]


@dataclass(frozen=True)
class Wait:
    """How a request fares at the pool, as arrivals see it. Probabilities are over all requests that the pool took, and
    of those one that times out waited for the whole timeout. A request that a full waiting room refuses gets its error
    at once: it has no wait, and counts in `refused_probability` alone. So refused + (1 - refused) × timeout of all
    requests fail."""

    wait_probability: float
    """P(no connection is free at once)."""
    timeout_probability: float
    mean_wait_s: float
    utilization: float
    """Share of the capacity that is checked out, 0..1."""
    throughput_per_s: float
    """Checkouts that got a connection, per second."""
    opens_per_s: float
    """Connections opened beyond the kept ones, per second; 0 without a `pool_size`."""
    timeout_s: float
    method: str
    """How it was obtained."""
    tail: Callable[[float], float]
    """P(wait > t) for 0 <= t < timeout_s, decreasing."""
    log_empty: float
    """ln P(no connection is held)."""
    refused_probability: float = 0.0
    """P(`max_waiting` requests wait already), over all requests."""
    other: Wait | None = None
    """The same pool by the other model, where the law of the holds is not exponential and there is another model."""
    is_bracketed: bool = True
    """The truth is known, or between this and `other`. Not where one model alone only approximates the holds."""

    def exceeds(self, t_s: float) -> float:
        """P(wait > t_s), 0..1: 0 from the timeout on, since nobody waits longer."""
        return 0.0 if t_s >= self.timeout_s else self.tail(t_s)

    def quantile(self, q: float) -> float:
        """The wait that a share `q` (0..1) of the requests does not exceed, seconds. The timeout itself when more
        than 1 - q time out; infinite when the queue never settles."""
        allowed = allowed_share(q)
        if self.wait_probability <= allowed:
            return 0.0
        if self.timeout_probability > allowed or allowed == 0.0 or self.mean_wait_s == math.inf:
            return self.timeout_s
        high = self._above(allowed)
        return crossing(lambda t: math.log(max(self.exceeds(t), sys.float_info.min) / allowed), high)

    @property
    def bracket(self) -> Bracket | None:
        """What the models for this pool span: nothing for exponential holds, where the chain is exact. None where
        only a simulation tells how far off the model is."""
        return Bracket(self, self.other or self) if self.is_bracketed else None

    def _above(self, allowed: float) -> float:
        """Some time that is exceeded with at most this probability."""
        high = self.mean_wait_s
        while high < self.timeout_s and self.exceeds(high) > allowed:
            high *= 2
        return min(high, self.timeout_s)


class Bracket(NamedTuple):
    """From the more hopeful of two models to the other, figure by figure. The size that a goal needs was between those
    of the two models in 94 of the 96 pools that were simulated for it, and in the other two off by one connection
    (docs/theory/accuracy.md); a figure itself need not be."""

    one: Wait
    other: Wait

    @property
    def mean_wait_s(self) -> Range:
        return _range(self.one.mean_wait_s, self.other.mean_wait_s)

    @property
    def timeout_probability(self) -> Range:
        return _range(self.one.timeout_probability, self.other.timeout_probability)

    def exceeds(self, t_s: float) -> Range:
        """P(wait > t_s)."""
        return _range(self.one.exceeds(t_s), self.other.exceeds(t_s))

    def quantile(self, q: float) -> Range:
        """The wait that a share `q` of the requests does not exceed, seconds."""
        return _range(self.one.quantile(q), self.other.quantile(q))


def allowed_share(q: float) -> float:
    """The share of requests that may exceed the quantile of `q`. Raises ValueError for no share of them."""
    if not 0.0 <= q <= 1.0:
        raise ValueError(f"A quantile is that of a share between 0 and 1, not {q}.")
    return 1.0 - q


def _range(one: float, other: float) -> Range:
    return min(one, other), max(one, other)


def crossing(falling: Callable[[float], float], high: float) -> float:
    """Where a function that is above 0 at 0 and not above it at `high` crosses 0. Regula falsi after Illinois: the
    logarithm of a wait's tail is nearly a straight line, so that a few steps do what 50 halvings would."""
    low, above, below = 0.0, falling(0.0), falling(high)
    last = 0.0
    for _ in range(STEPS):
        t = high - below * (high - low) / (below - above)
        value = falling(t)
        if abs(value) <= PRECISION or high - low <= PRECISION * high:
            return t
        stays = last * value > 0.0  # the same end moves twice, so the other one is made to
        if value > 0.0:
            low, above, below = t, value, below / 2 if stays else below
        else:
            high, below, above = t, value, above / 2 if stays else above
        last = value
    return high
