"""What waits at a pool whose connections are all held, for each of many speeds of the database or rates of arrivals."""

from __future__ import annotations

import math
from functools import cached_property
from typing import Final, Protocol

import numpy as np

from poolsize.queueing.floats import Floats
from poolsize.queueing.model import Closed
from poolsize.queueing.poisson_logs import poisson_logs
from poolsize.queueing.wait import Wait

_SERIES_TERMS: Final = 20
"""Up to an exponent of 1 the next one is below 1e-20."""
_NEVER: Final = 1e-300
"""Arrivals per second, the inverse of which does not overflow."""


class Queue(Protocol):
    """What waits at a full pool, for each rate at which it completes requests, if that rate stays."""

    log_weight: Floats
    """ln of how many times likelier it is that the pool is full than that it is full with nobody waiting; infinite
    where ever more are waiting."""

    @property
    def arrivals_per_s(self) -> Floats: ...

    @property
    def timeouts_per_s(self) -> Floats: ...

    @property
    def waiting(self) -> Floats:
        """Mean number."""

    def late_per_s(self, t_s: float) -> Floats:
        """Arrivals per second that will wait for more than `t_s`, 0 <= t_s < timeout."""


class OpenQueue:
    """M/M/c+D while full. With theta = R - lambda the next to be served has waited for w with a density in proportion
    to e^(-theta w) up to the timeout D, and with I(t) the integral of e^(-theta w) over [t, D]

        P(wait > t) = (R I(t) + e^(-theta D)) / (1 + lambda I(0))

    Barrer, Oper. Res. 5 (1957); Zeltyn & Mandelbaum, Queueing Systems 51 (2005).
    """

    def __init__(self, arrivals_per_s: Floats, rates: Floats, timeout_s: float) -> None:
        self._rates, self._theta, self._timeout_s = rates, rates - arrivals_per_s, timeout_s
        self.arrivals_per_s = arrivals_per_s
        # In overload e^(-theta D) overflows, so that everything is divided by it there.
        log_scale = np.maximum(-self._theta, 0.0) * (timeout_s if timeout_s < math.inf else 0.0)
        self._whole = np.exp(-log_scale) + arrivals_per_s * _integral(self._theta, 0.0, timeout_s)
        self.log_weight = log_scale + np.log(self._whole)

    @cached_property
    def _end(self) -> Floats:
        if self._timeout_s == math.inf:
            return np.zeros_like(self._rates)
        return np.exp(-np.maximum(self._theta, 0.0) * self._timeout_s)

    @cached_property
    def timeouts_per_s(self) -> Floats:
        return self.arrivals_per_s * self._end / self._whole

    @cached_property
    def waiting(self) -> Floats:
        last = self._timeout_s * self._end if self._timeout_s < math.inf else 0.0
        return self._of_arrivals(self._rates * _first_moment(self._theta, self._timeout_s) + last, math.inf)

    def late_per_s(self, t_s: float) -> Floats:
        return self._of_arrivals(self._rates * _integral(self._theta, t_s, self._timeout_s) + self._end, 1.0)

    def _of_arrivals(self, amount: Floats, unsettled: float) -> Floats:
        with np.errstate(invalid="ignore"):  # infinite by infinite, where the queue never settles
            return self.arrivals_per_s * np.where(np.isfinite(self._whole), amount / self._whole, unsettled)


class ClosedQueue:
    """M/M/c//N + D while full: with j waiting the next arrives at (N - c - j) / Z, and one gives up at (j / D) g_j(R D)
    with g the reversed hazard of the Poisson law; the longest wait of the j is Erlang(j, R), cut off at D. Brandt &
    Brandt, Performance Evaluation 35 (1999).
    """

    def __init__(self, load: Closed, capacity: int, rates: Floats, timeout_s: float) -> None:
        longest = max(load.threads - capacity, 0) if timeout_s > 0.0 else 0
        self._rates, self._timeout_s = rates, timeout_s
        self._waiting = np.arange(longest + 1.0)[:, None]
        births = np.maximum(load.threads - capacity - self._waiting, 0.0) / load.think_s
        self._leaving = np.zeros((longest + 1, len(rates)))
        if 0.0 < timeout_s < math.inf:
            self._leaving = self._waiting / timeout_s * np.exp(poisson_logs(longest, rates * timeout_s).hazards)
        steps = np.log(births[:-1]) - np.log(rates + self._leaving[1:])
        log_weights = np.concatenate([np.zeros((1, len(rates))), np.cumsum(steps, axis=0)])
        self.log_weight = np.logaddexp.reduce(log_weights, axis=0)
        self._law = np.exp(log_weights - self.log_weight)
        self._births = births

    @cached_property
    def arrivals_per_s(self) -> Floats:
        return self._mean(self._births)

    @cached_property
    def timeouts_per_s(self) -> Floats:
        return self._mean(self._leaving) if self._timeout_s > 0.0 else self.arrivals_per_s

    @cached_property
    def waiting(self) -> Floats:
        return self._mean(self._waiting)

    def _mean(self, values: Floats) -> Floats:
        mean: Floats = (values * self._law).sum(axis=0)
        return mean

    def late_per_s(self, t_s: float) -> Floats:
        longest = len(self._waiting) - 1
        log_share = poisson_logs(longest, self._rates * t_s).tails
        if self._timeout_s < math.inf:
            log_share = log_share - poisson_logs(longest, self._rates * self._timeout_s).tails
        return self._mean(self._leaving - self._rates * np.expm1(np.minimum(log_share, 0.0)))


def wait_at(
    full: Floats,
    queue: Queue,
    arrivals_per_s: float,
    *,
    utilization: float,
    timeout_s: float,
    method: str,
    other: Wait | None = None,
) -> Wait:
    """How requests fare at a pool that is `full` with these probabilities, one for each state of the queue."""
    each = 1.0 / arrivals_per_s if arrivals_per_s > _NEVER else 0.0
    timed_out = each * mean_over(full, queue.timeouts_per_s)
    return Wait(
        wait_probability=each * mean_over(full, queue.arrivals_per_s),
        timeout_probability=timed_out,
        mean_wait_s=each * mean_over(full, queue.waiting),
        utilization=utilization,
        throughput_per_s=arrivals_per_s * (1.0 - timed_out),
        opens_per_s=0.0,
        timeout_s=timeout_s,
        method=method,
        tail=lambda t_s: each * mean_over(full, queue.late_per_s(t_s)),
        log_empty=math.nan,
        other=other,
    )


def mean_over(full: Floats, values: Floats) -> float:
    """The mean of the values while full, also where some are infinite that never occur."""
    occurs = full > 0.0
    return float(full[occurs] @ values[occurs])


def _integral(theta: Floats, start: float, end: float) -> Floats:
    """The integral of e^(-theta w) over [start, end], times e^(theta end) where theta < 0."""
    if end == math.inf:
        with np.errstate(divide="ignore"):
            return np.exp(-np.maximum(theta, 0.0) * start) / np.maximum(theta, 0.0)
    exponent = np.abs(theta) * (end - start)
    return np.exp(-np.maximum(theta, 0.0) * start) * (end - start) * _mean_decay(exponent)


def _first_moment(theta: Floats, end: float) -> Floats:
    """The integral of w e^(-theta w) over [0, end], times e^(theta end) where theta < 0."""
    if end == math.inf:
        with np.errstate(divide="ignore"):
            return 1.0 / np.maximum(theta, 0.0) ** 2
    exponent = np.abs(theta) * end
    falling = _mean_place(exponent)
    return end**2 * np.where(theta < 0.0, _mean_decay(exponent) - falling, falling)


def _mean_decay(y: Floats) -> Floats:
    """The integral of e^(-y u) over 0 <= u <= 1."""
    return np.where(y > 0.0, -np.expm1(-y) / np.where(y > 0.0, y, 1.0), 1.0)


def _mean_place(y: Floats) -> Floats:
    """The integral of u e^(-y u) over 0 <= u <= 1; by its series where the closed form loses digits."""
    small = np.minimum(y, 1.0)
    series = sum((-small) ** k / (math.factorial(k) * (k + 2)) for k in range(_SERIES_TERMS))
    large = np.maximum(y, 1.0)
    return np.where(y < 1.0, series, (1.0 - np.exp(-large) * (1.0 + large)) / large**2)
