"""The pool as a birth-death chain with the exact time-out death rate: M(n)/M(m)/c/K+D."""

from __future__ import annotations

import math
import operator
import sys
from collections.abc import Callable, Sequence
from functools import cache
from itertools import accumulate
from typing import Final, NamedTuple

from poolsize.queueing.model import Closed, Load
from poolsize.queueing.poisson import reversed_hazards, still_waiting, sums
from poolsize.queueing.wait import Wait

NEGLIGIBLE: Final = 1e-40
"""No goal on timeouts is near this, and 4,000 threads with 100 connections have 500 states above it."""
_NEGLIGIBLE_NATS: Final = -math.log(NEGLIGIBLE)
_LARGE: Final = 2.0**512
"""A weight up to this, and one down to its inverse, keeps all its digits in one more step."""


class Pool(NamedTuple):
    """One pool as the chain sees it."""

    load: Load
    capacity: int
    rates: Sequence[float]
    """R_0..R_c, 1/s: how many holds end per second with so many connections held. c is the capacity, or the number of
    threads where that is smaller."""
    timeout_s: float = math.inf
    max_waiting: int | None = None
    least_busy: int = 0
    """The fewest held connections that are not too unlikely to matter."""

    @property
    def servers(self) -> int:
        """c."""
        return len(self.rates) - 1

    @property
    def room(self) -> float:
        """How many can wait: as many as may, and as there are."""
        most = math.inf if self.max_waiting is None else self.max_waiting
        return min(most, self.load.threads - self.servers) if isinstance(self.load, Closed) else most


def solve_chain(pool: Pool, method: str) -> Wait:
    """Finite source, or bounded waiting room; exponential holds, FIFO, patience exactly D. Exact but for states that
    are less likely than the likeliest by 1e40.

    States n = held + waiting. Births lambda_n = (N - n)/Z, or lambda; deaths R_n up to c, then R + delta_j with
    R = R_c and delta_j = (j/D) g_j(R D), the reversed hazard of Erlang(j, R) at D (Brandt & Brandt, Perf. Eval. 35,
    1999, have the density; delta follows by integrating the elapsed waits out). An arrival finds n with probability
    lambda_n pi_n / lambda (arrival theorem: Lavenberg & Reiser 1980; Sevcik & Mitrani 1981), waits Erlang(j, R) for
    j departures when it finds c + j - 1, and is cut off at D. D = infinity is M/M/c/K, or the machine repairman.
    Raises ValueError where nothing bounds the queue.
    """
    c, first, full_rate = pool.servers, pool.least_busy, pool.rates[-1]
    waiting = longest_queue(pool)
    timeouts = _timeout_rates(waiting, full_rate, pool.timeout_s)
    births = _births(pool.load, first, c + waiting)
    deaths = [*pool.rates[first + 1 :], *(full_rate + delta for delta in timeouts)]
    pi = stationary(births[:-1], deaths)
    taken = [birth * p for birth, p in zip(births, pi, strict=True)]
    refused = taken.pop() if waiting == pool.max_waiting else 0.0
    at_once, late = math.fsum(taken[: c - first]), math.fsum(taken[c - first :])
    arrivals = at_once + late
    queued = [p / arrivals for p in pi[c - first + 1 :]]
    timed_out = math.fsum(map(operator.mul, timeouts, queued)) if pool.timeout_s > 0.0 else late / arrivals
    busy = math.fsum(min(n, c) * p for n, p in enumerate(pi, first))
    return Wait(
        wait_probability=late / arrivals,
        timeout_probability=timed_out,
        mean_wait_s=math.fsum(j * q for j, q in enumerate(queued, 1)),
        utilization=busy / pool.capacity,
        # As many holds begin at once as end while none wait; no difference is taken of what comes and what gives up.
        throughput_per_s=at_once + full_rate * arrivals * math.fsum(queued),
        opens_per_s=0.0,
        timeout_s=pool.timeout_s,
        method=method,
        tail=_tail(queued, full_rate, pool.timeout_s),
        log_empty=log_law(births, deaths, pi, 0) - _log_ratio(pool),
        refused_probability=refused / (arrivals + refused),
    )


def _births(load: Load, first: int, last: int) -> list[float]:
    """lambda_n for n = first..last."""
    if isinstance(load, Closed):
        return [(load.threads - n) / load.think_s for n in range(first, last + 1)]
    return [load.rate_per_s] * (last - first + 1)


def least_busy(load: Closed, hold_s: float, capacity: int) -> int:
    """The fewest held connections that are not too unlikely to matter, where each hold ends at the same rate."""
    n = min(math.ceil(load.threads * hold_s / (load.think_s + hold_s)), capacity)
    weight = 1.0
    while n > 0 and weight > NEGLIGIBLE:
        weight *= (n / hold_s) / ((load.threads - n + 1) / load.think_s)
        n -= 1
    return n


def longest_queue(pool: Pool) -> int:
    """The most waiting requests that are not too unlikely to matter. None wait where none has time to."""
    if pool.timeout_s == 0.0:
        return 0
    longest = min(pool.room, _longest_in_time(pool), _longest_without_timeout(pool))
    if longest == math.inf:
        raise ValueError("A load above what the pool can serve needs a timeout, or a bound on how many wait.")
    return int(longest)


def _longest_in_time(pool: Pool) -> float:
    """Those who wait came within the timeout: Poisson, and beyond its mean by Bernstein's inequality."""
    (rate,) = _births(pool.load, pool.servers, pool.servers)
    came = rate * pool.timeout_s if rate > 0.0 else 0.0
    third = _NEGLIGIBLE_NATS / 3.0
    return came + third + math.sqrt(third**2 + 2.0 * _NEGLIGIBLE_NATS * came) + 1.0 if came < math.inf else came


def _longest_without_timeout(pool: Pool) -> float:
    """As if nobody gave up, which can only make the queue longer."""
    load, c, full_rate = pool.load, pool.servers, pool.rates[-1]
    if not isinstance(load, Closed):
        ratio = load.rate_per_s / full_rate
        return -math.log(NEGLIGIBLE) / -math.log(ratio) + 1.0 if 0.0 < ratio < 1.0 else (math.inf if ratio else 0.0)
    births_per_death = 1.0 / (load.think_s * full_rate)
    # Counted from the likeliest state, where a birth is as likely as a death.
    likeliest = math.ceil(min(1.0 / births_per_death, float(load.threads)))
    n, weight = max(load.threads - likeliest, c), 1.0
    while n - c < pool.room and weight > NEGLIGIBLE:
        weight *= (load.threads - n) * births_per_death
        n += 1
    return n - c


def stationary(births: Sequence[float], deaths: Sequence[float]) -> list[float]:
    """The stationary law of a birth-death chain, from `births`[n] out of n and `deaths`[n] out of n + 1: products from
    the first state on, over their sum."""
    weights = list(accumulate(map(operator.truediv, births, deaths), operator.mul, initial=1.0))
    if not (min(weights) > 1.0 / _LARGE and max(weights) < _LARGE):
        weights = _scaled_weights(births, deaths)
    total = math.fsum(weights)
    return [weight / total for weight in weights]


def _scaled_weights(births: Sequence[float], deaths: Sequence[float]) -> list[float]:
    """The same products where they leave the range of a double. Powers of two are taken out of all that follow and put
    back in the end, so that a second mode behind a valley of 1e-500 keeps its weight, and what underflows is below
    1e-300 of the largest."""
    weight = 1.0
    weights = [1.0]
    scales = [(0, 0)]
    for birth, death in zip(births, deaths, strict=True):
        weight *= birth / death
        if not 1.0 / _LARGE < weight < _LARGE:
            weight, exponent = math.frexp(weight)
            scales.append((len(weights), scales[-1][1] + exponent))
        weights.append(weight)
    return _on_one_scale(weights, scales)


def _on_one_scale(weights: Sequence[float], scales: Sequence[tuple[int, int]]) -> list[float]:
    """weights[i] 2^e by the (i, e) of `scales`, from which i on which e, divided so that the largest is about 1."""
    ends = [first for first, _ in scales[1:]] + [len(weights)]
    blocks = [(weights[first:end], exponent) for (first, exponent), end in zip(scales, ends, strict=True)]
    largest = max(exponent + math.frexp(max(block))[1] for block, exponent in blocks)
    return [math.ldexp(weight, exponent - largest) for block, exponent in blocks for weight in block]


def _timeout_rates(waiting: int, rate: float, timeout_s: float) -> list[float]:
    """delta_1..delta_waiting, 1/s: the rate at which the head of j waiting times out."""
    if not waiting:
        return []
    hazards = reversed_hazards(waiting, rate * timeout_s)
    return [j / timeout_s * hazards[j] for j in range(1, waiting + 1)]


def _tail(queued: Sequence[float], rate: float, timeout_s: float) -> Callable[[float], float]:
    """P(wait > t) = R times the sum over j of q_j (Pr(X_D >= j - 1) - Pr(X_t >= j)) / Pr(X_D >= j), where X_t is
    Poisson(R t) and q_j = pi_(c+j) / lambda."""
    count = len(queued)
    at_end = cache(lambda: sums(count, rate * timeout_s))

    def tail(t: float) -> float:
        left = still_waiting(count, rate * t, rate * timeout_s, at_end())
        return rate * math.fsum(map(operator.mul, queued, left))

    return tail


def log_law(births: Sequence[float], deaths: Sequence[float], pi: Sequence[float], n: int) -> float:
    """ln pi_n, also where pi_n itself underflows; `births`, `deaths` and `pi` as of `stationary`."""
    if pi[n] > sys.float_info.min:
        return math.log(pi[n])
    largest = max(range(len(pi)), key=pi.__getitem__)
    step = 1 if n > largest else -1
    low, high = min(n, largest), max(n, largest)
    return math.log(pi[largest]) + step * math.fsum(math.log(births[m] / deaths[m]) for m in range(low, high))


def _log_ratio(pool: Pool) -> float:
    """ln (pi_n / pi_0) of the first state n: the binomial coefficient of N threads and n, times (S/Z)^n."""
    n = pool.least_busy
    if n == 0 or not isinstance(pool.load, Closed):
        return 0.0
    threads = pool.load.threads
    log_choose = math.lgamma(threads + 1) - math.lgamma(threads - n + 1) - math.lgamma(n + 1)
    return log_choose - n * math.log(pool.rates[1] * pool.load.think_s)
