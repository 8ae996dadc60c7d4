"""The open pool, M/M/c+D, in closed form."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final, NamedTuple

from poolsize.queueing.model import Hold, Open
from poolsize.queueing.wait import Wait

_LAST_BIT: Final = 1e-17
"""What is smaller than a sum by this factor does not change it."""
_SERIES_BELOW: Final = 0.5
_SERIES_TERMS: Final = 16
"""Under |z| = 0.5, 1 - e^-z (1 + z) loses digits to subtraction, and 16 terms of its series are exact to 1e-17."""


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


def solve_open(load: Open, hold: Hold, capacity: int, timeout_s: float) -> Wait:
    """M/M/c+D: Poisson arrivals, exponential holds, FIFO, patience exactly D.

    With R = c/S, theta = R - lambda and pi_c the probability of c busy and none waiting,

        P(W > t) = pi_c (R integral_t^D e^(-theta w) dw + e^(-theta D)),   0 <= t < D
        1/pi_c   = 1/B(c, a) + lambda integral_0^D e^(-theta w) dw

    D = 0 is Erlang B, D = infinity Erlang C. Valid from no load to any overload while D is finite; with infinite D
    and lambda >= R the queue never settles and the wait is infinite. Barrer, Oper. Res. 5 (1957); Gnedenko &
    Kovalenko, Introduction to Queueing Theory; Zeltyn & Mandelbaum, Queueing Systems 51 (2005).
    """
    rate, full_rate = load.rate_per_s, capacity / hold.mean_s
    theta, offered_load = full_rate - rate, rate * hold.mean_s
    if rate == 0:
        return _wait(full_rate, 0.0, timeout_s, Law(0.0, 0.0, 0.0, lambda _t: 0.0, log_empty=0.0))
    if timeout_s == math.inf and theta <= 0:
        return _wait(full_rate, full_rate, timeout_s, Law(1.0, 0.0, math.inf, lambda _t: 1.0, log_empty=-math.inf))
    inverse_b = inverse_erlang_b(capacity, offered_load)
    # In overload e^(-theta D) overflows, so every term is multiplied by e^(theta D) there.
    scale, end = (math.exp(theta * timeout_s), 1.0) if theta < 0 else (1.0, math.exp(-theta * timeout_s))
    pi = 1.0 / (inverse_b * scale + rate * _integral(theta, 0.0, timeout_s))
    mean = pi * (full_rate * _first_moment(theta, timeout_s) + (timeout_s * end if end else 0.0))

    def tail(t: float) -> float:
        return pi * (full_rate * _integral(theta, t, timeout_s) + end)

    law = Law(tail(0.0), pi * end, mean, tail, _log_empty(pi, min(theta * timeout_s, 0.0), capacity, offered_load))
    return _wait(full_rate, rate * (1.0 - law.timeout_probability), timeout_s, law)


class Law(NamedTuple):
    """The wait's law, apart from the rates."""

    wait_probability: float
    timeout_probability: float
    mean_s: float
    tail: Callable[[float], float]
    log_empty: float


def _wait(full_rate: float, throughput: float, timeout_s: float, law: Law) -> Wait:
    return Wait(
        wait_probability=law.wait_probability,
        timeout_probability=law.timeout_probability,
        mean_wait_s=law.mean_s,
        utilization=throughput / full_rate,
        throughput_per_s=throughput,
        opens_per_s=0.0,
        timeout_s=timeout_s,
        method="M/M/c+D, open",
        tail=law.tail,
        log_empty=law.log_empty,
    )


def _log_empty(pi: float, log_scale: float, capacity: int, offered_load: float) -> float:
    """ln pi_0 = ln pi_c - ln (a^c / c!). Where pi_c underflows nobody ever waits, and pi_0 is e^-a."""
    if pi == 0.0:
        return -offered_load
    return math.log(pi) + log_scale - capacity * math.log(offered_load) + math.lgamma(capacity + 1)


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
