"""The open pool, M/M(n)/c+D: the number of held connections by one sum, the queue in closed form."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from poolsize.queueing.chain import log_law, stationary
from poolsize.queueing.wait import Wait

_LAST_BIT: Final = 1e-17
"""What is smaller than a sum by this factor does not change it."""
_MOST_NATS: Final = math.log(1.7e308)
_SERIES_BELOW: Final = 0.5
_SERIES_TERMS: Final = 16
"""Under |z| = 0.5, 1 - e^-z (1 + z) loses digits to subtraction, and 16 terms of its series are exact to 1e-17."""


class OpenPool(NamedTuple):
    """An open load on a pool whose waiting room has no bound."""

    rate_per_s: float
    """> 0."""
    capacity: int
    full_rate: float
    """R: how many holds end per second while all connections are held."""
    timeout_s: float
    unqueued: Unqueued

    @property
    def never_settles(self) -> bool:
        return self.timeout_s == math.inf and self.rate_per_s >= self.full_rate


class Unqueued(NamedTuple):
    """The connections held, n = 0..c, given that nobody waits."""

    inverse_b: float
    """1 / P(n = c), infinite where that is below 1e-308."""
    log_inverse_b: float
    mean_busy: float
    log_empty: float
    """ln P(n = 0)."""

    def inverse_times_exp(self, power: float) -> float:
        """e^power / P(n = c)."""
        if self.inverse_b < math.inf:
            return self.inverse_b * math.exp(power)
        log = self.log_inverse_b + power
        return math.exp(log) if log < _MOST_NATS else math.inf


def unqueued(capacity: int, offered_load: float) -> Unqueued:
    """Where each hold ends at the same rate whatever else is held; `offered_load` > 0 erlangs."""
    inverse = inverse_erlang_b(capacity, offered_load)
    log_ratio = math.lgamma(capacity + 1) - capacity * math.log(offered_load)  # of P(n = 0) to P(n = c)
    # Where the last connection is as good as never needed, the number held is Poisson.
    log_inverse = math.log(inverse) if inverse < math.inf else log_ratio + offered_load
    return Unqueued(inverse, log_inverse, offered_load * (1.0 - 1.0 / inverse), log_ratio - log_inverse)


def unqueued_at(rates: Sequence[float], rate_per_s: float) -> Unqueued:
    """Where holds end at the rates R_0..R_c: 1 / P(n = c) is the generalised inverse of Erlang's B,
    I_k = 1 + I_(k-1) R_k / lambda."""
    births, deaths = [rate_per_s] * (len(rates) - 1), rates[1:]
    law = stationary(births, deaths)
    return Unqueued(
        1.0 / law[-1] if law[-1] > 0.0 else math.inf,
        -log_law(births, deaths, law, len(law) - 1),
        math.fsum(n * p for n, p in enumerate(law)),
        log_law(births, deaths, law, 0),
    )


def inverse_erlang_b(capacity: int, offered_load: float) -> float:
    """1/B(c, a) = sum over j = 0..c of c! / ((c - j)! a^j): all terms positive, so nothing cancels. They fall from
    where c - j is below a, so that near c = a some tens of sqrt(c) of them are enough.

    `capacity` >= 0, `offered_load` > 0 erlangs; infinite where B is below 1e-308.
    Erlang 1917; Jagerman, Bell Syst. Tech. J. 53 (1974).

    >>> round(1 / inverse_erlang_b(15, 8.108), 6)
    0.01
    """
    inverse = term = 1.0
    left = capacity
    while left > 0 and inverse * _LAST_BIT < term < math.inf:
        term *= left / offered_load
        inverse += term
        left -= 1
    return inverse


def solve_open(pool: OpenPool, method: str) -> Wait:
    """M/M(n)/c+D: Poisson arrivals, exponential holds, FIFO, patience exactly D.

    With theta = R - lambda, and pi_c the probability of c held and none waiting,

        P(W > t) = pi_c (R integral_t^D e^(-theta w) dw + e^(-theta D)),   0 <= t < D
        1/pi_c   = I_c + lambda integral_0^D e^(-theta w) dw

    where I_c is 1/B(c, a), or its generalisation. D = 0 is Erlang B, D = infinity Erlang C. Valid from no load to any
    overload while D is finite; with infinite D and lambda >= R the queue never settles and the wait is infinite.
    Barrer, Oper. Res. 5 (1957); Gnedenko & Kovalenko, Introduction to Queueing Theory; Zeltyn & Mandelbaum, Queueing
    Systems 51 (2005).
    """
    if pool.never_settles:
        return unsettled(pool, method)
    rate, full_rate, timeout_s = pool.rate_per_s, pool.full_rate, pool.timeout_s
    theta = full_rate - rate
    # In overload e^(-theta D) overflows, so every term is multiplied by e^(theta D) there.
    log_scale, end = (theta * timeout_s, 1.0) if theta < 0 else (0.0, math.exp(-theta * timeout_s))
    inverse = pool.unqueued.inverse_times_exp(log_scale)
    pi = 1.0 / (inverse + rate * _integral(theta, 0.0, timeout_s))

    def tail(t: float) -> float:
        return pi * (full_rate * _integral(theta, t, timeout_s) + end)

    mean = pi * (full_rate * _first_moment(theta, timeout_s) + (timeout_s * end if end else 0.0))
    queued = pi * rate * _integral(theta, 0.0, timeout_s)
    return settled(pool, method, Law(pi * inverse if pi else 1.0, queued, pi * end, mean, tail))


class Law(NamedTuple):
    """The law of the wait."""

    unqueued: float
    """P(nobody waits), at any moment."""
    queued: float
    """P(somebody waits)."""
    timeout_probability: float
    mean_s: float
    tail: Callable[[float], float]


def settled(pool: OpenPool, method: str, law: Law) -> Wait:
    """The wait by its law, and what follows from it."""
    mean_busy = law.unqueued * pool.unqueued.mean_busy + law.queued * pool.capacity
    return Wait(
        wait_probability=min(law.tail(0.0), 1.0),  # which rounding may exceed
        timeout_probability=law.timeout_probability,
        mean_wait_s=law.mean_s,
        utilization=mean_busy / pool.capacity,
        throughput_per_s=pool.rate_per_s * (1.0 - law.timeout_probability),
        opens_per_s=0.0,
        timeout_s=pool.timeout_s,
        method=method,
        tail=law.tail,
        log_empty=pool.unqueued.log_empty + (math.log(law.unqueued) if law.unqueued > 0.0 else -math.inf),
    )


def unsettled(pool: OpenPool, method: str) -> Wait:
    """More comes than the pool can serve, and nobody gives up."""
    return Wait(
        wait_probability=1.0,
        timeout_probability=0.0,
        mean_wait_s=math.inf,
        utilization=1.0,
        throughput_per_s=pool.full_rate,
        opens_per_s=0.0,
        timeout_s=pool.timeout_s,
        method=method,
        tail=lambda _t: 1.0,
        log_empty=-math.inf,
    )


def _integral(theta: float, start: float, end: float) -> float:
    """The integral of e^(-theta w) over [start, end], times e^(theta end) when theta < 0."""
    if end == math.inf:
        return math.exp(-theta * start) / theta
    length = end - start
    z = theta * length
    if z == 0:
        return length
    if theta < 0:
        return math.expm1(z) / theta
    return math.exp(-theta * start) * -math.expm1(-z) / theta


def _first_moment(theta: float, end: float) -> float:
    """The integral of w e^(-theta w) over [0, end], times e^(theta end) when theta < 0."""
    if end == math.inf:
        return 1.0 / theta**2
    z = theta * end
    if abs(z) < _SERIES_BELOW:
        series = sum((-z) ** k / (math.factorial(k) * (k + 2)) for k in range(_SERIES_TERMS))
        return end**2 * series * (math.exp(z) if theta < 0 else 1.0)
    if theta < 0:
        return (math.exp(z) - (1.0 + z)) / theta**2
    return (1.0 - math.exp(-z) * (1.0 + z)) / theta**2
