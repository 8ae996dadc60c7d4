"""Many open pools without a bound on how many wait: the closed form of M/M(n)/c+D."""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from poolsize.queueing.batch import Batch, Figures, Ints, Unqueued
from poolsize.queueing.floats import Floats

_LN2: Final = math.log(2.0)
_MOST_NATS: Final = 709.0
"""e to this is the largest double."""
_SERIES_BELOW: Final = 0.5
_SERIES_TERMS: Final = 16
"""As in the closed form for one pool."""


class OpenWaits(NamedTuple):
    """What the law of the wait is made of; in overload pi_c is divided, and the rest multiplied, by e^(theta D)."""

    batch: Batch
    below: Unqueued
    pi: Floats
    theta: Floats
    power: Floats
    """The exponent of what the rest is multiplied by."""
    end: Floats
    """e^(-theta D), times that."""

    @property
    def settles(self) -> NDArray[np.bool_]:
        """Some have an answer: not those that are asked for more than they can serve, and nobody gives up."""
        return np.isfinite(self.batch.timeout_s) | (self.batch.births(self.batch.servers) < self.batch.full_rate)

    def at(self, chosen: Ints) -> OpenWaits:
        """Some of them."""
        batch, below, *rest = self
        return OpenWaits(batch.at(chosen), below.at(chosen), *(column[chosen] for column in rest))

    def exceeds(self, t_s: Floats) -> Floats:
        """P(wait > t) for t <= D."""
        integral = _integral(self.theta, t_s, self.batch.timeout_s)
        return np.where(self.settles, self.pi * (self.batch.full_rate * integral + self.end), 1.0)

    def figures(self) -> Figures:
        """What follows from it."""
        batch, below, settles = self.batch, self.below, self.settles
        rate, servers, timeout_s = batch.births(batch.servers), batch.servers, batch.timeout_s
        nothing = np.zeros_like(rate)
        queued = self.pi * rate * _integral(self.theta, nothing, timeout_s)
        all_below = below.weight + below.full
        inverse = _inverse_times_exp(below, self.power)
        free = np.multiply(self.pi, inverse, out=np.ones_like(rate), where=self.pi > 0.0)
        busy = free * (below.busy + servers * below.full) / all_below + queued * servers
        timed_out = self.pi * self.end
        late_s = np.multiply(timeout_s, self.end, out=np.zeros_like(rate), where=self.end > 0.0)
        mean_s = self.pi * (batch.full_rate * _first_moment(self.theta, timeout_s) + late_s)
        with np.errstate(divide="ignore"):  # ln 0
            log_empty = np.log(free) + below.log_first - below.exponent * _LN2 - np.log(all_below)
        return Figures(
            wait_probability=np.minimum(self.exceeds(nothing), 1.0),
            timeout_probability=np.where(settles, timed_out, 0.0),
            refused_probability=nothing,
            mean_wait_s=np.where(settles, mean_s, np.inf),
            utilization=np.where(settles, busy / batch.capacity, 1.0),
            throughput_per_s=np.where(settles, rate * (1.0 - timed_out), batch.full_rate),
            log_empty=np.where(settles, log_empty, -np.inf),
        )


def open_waits(batch: Batch, below: Unqueued) -> OpenWaits:
    """The closed form of `solve_open`."""
    rate, timeout_s = batch.births(batch.servers), batch.timeout_s
    theta = batch.full_rate - rate
    theta = np.where(np.isinf(timeout_s) & (theta <= 0.0), 1.0, theta)  # any: what never settles is known
    power = np.multiply(theta, timeout_s, out=np.zeros_like(theta), where=theta < 0.0)
    end = np.exp(-np.multiply(theta, timeout_s, out=np.zeros_like(theta), where=theta > 0.0))
    pi = 1.0 / (_inverse_times_exp(below, power) + rate * _integral(theta, np.zeros_like(theta), timeout_s))
    return OpenWaits(batch, below, pi, theta, power, end)


def _inverse_times_exp(below: Unqueued, power: Floats) -> Floats:
    """e^power / P(n = c | nobody waits)."""
    all_below = below.weight + below.full
    with np.errstate(over="ignore"):  # infinite: the last connection is as good as never needed
        return np.where(
            below.exponent == 0,
            all_below * np.exp(power),
            np.exp(np.log(all_below) + below.exponent * _LN2 + power),
        )


def _integral(theta: Floats, start: Floats, end: Floats) -> Floats:
    """The integral of e^(-theta w) over [start, end], times e^(theta end) where theta < 0."""
    forever = np.isinf(end)
    with np.errstate(divide="ignore", invalid="ignore"):  # 0 / 0, 1 / 0, inf - inf, where the other branch is taken
        length = np.where(forever, 1.0, end - start)
        z = np.abs(theta) * length
        part = np.where(z > 0.0, -np.expm1(-z) / np.abs(theta), length)
        rest = 1.0 / theta
    return np.exp(-np.maximum(theta, 0.0) * start) * np.where(forever, rest, part)


def _first_moment(theta: Floats, end: Floats) -> Floats:
    """The integral of w e^(-theta w) over [0, end], times e^(theta end) where theta < 0."""
    forever = np.isinf(end)
    length = np.where(forever, 1.0, end)
    z = theta * length
    scale = np.exp(np.minimum(z, 0.0))
    series = sum((-z) ** k / (math.factorial(k) * (k + 2)) for k in range(_SERIES_TERMS))
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):  # where another branch is taken
        closed = (scale - np.exp(np.minimum(-z, 0.0)) * (1.0 + z)) / theta**2
        rest = 1.0 / theta**2
    return np.where(forever, rest, np.where(np.abs(z) < _SERIES_BELOW, length**2 * series * scale, closed))
