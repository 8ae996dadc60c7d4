"""The finite source with a pool timeout: a birth-death chain with the exact time-out death rate."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from functools import cache
from typing import Final

from poolsize.queueing.model import Closed, Hold
from poolsize.queueing.poisson import reversed_hazards, tails
from poolsize.queueing.wait import Wait

_NEGLIGIBLE: Final = 1e-40
"""No goal on timeouts is near this, and 4,000 threads with 100 connections have 500 states above it."""


def solve_closed(load: Closed, hold: Hold, capacity: int, timeout_s: float) -> Wait:
    """M/M/c//N + D: N threads, exponential holds, FIFO, patience exactly D; exact but for states that are less likely
    than the likeliest by 1e40.

    States n = holding + waiting. Births lambda_n = (N - n)/Z, deaths n/S up to c, then R + delta_j with R = c/S and
    delta_j = (j/D) g_j(R D), the reversed hazard of Erlang(j, R) at D (Brandt & Brandt, Perf. Eval. 35, 1999, have
    the density; delta follows by integrating the elapsed waits out). An arrival finds n with probability
    lambda_n pi_n / lambda (arrival theorem: Lavenberg & Reiser 1980; Sevcik & Mitrani 1981), waits Erlang(j, R) for
    j departures when it finds c + j - 1, and is cut off at D. D = infinity is the machine repairman.
    """
    servers = min(capacity, load.threads)
    rate = capacity / hold.mean_s
    first = _least_busy(load, hold, servers)
    waiting = _longest_queue(load, hold, servers) if timeout_s > 0 else 0
    timeouts = _timeout_rates(waiting, rate, timeout_s)
    births = [(load.threads - n) / load.think_s for n in range(first, servers + waiting)]
    deaths = [n / hold.mean_s for n in range(first + 1, servers + 1)] + [rate + delta for delta in timeouts]
    pi = stationary(births, deaths)
    births.append((load.threads - servers - waiting) / load.think_s)
    arrivals = math.fsum(birth * p for birth, p in zip(births, pi, strict=True))
    all_held = capacity - first
    waits = math.fsum(birth * p for birth, p in zip(births[all_held:], pi[all_held:], strict=True)) / arrivals
    queued = pi[all_held + 1 :]
    timed_out = math.fsum(delta * p for delta, p in zip(timeouts, queued, strict=True)) / arrivals
    timed_out = timed_out if timeout_s > 0 else waits
    throughput = arrivals * (1.0 - timed_out)
    return Wait(
        wait_probability=waits,
        timeout_probability=timed_out,
        mean_wait_s=math.fsum(j * p for j, p in enumerate(queued, 1)) / arrivals,
        utilization=throughput / rate,
        throughput_per_s=throughput,
        opens_per_s=0.0,
        timeout_s=timeout_s,
        method="M/M/c+D, finite source",
        tail=_tail([p / arrivals for p in queued], timeouts, rate, timeout_s),
        log_empty=_log_first(births, deaths, pi) - _log_ratio(load, hold, first),
    )


def _least_busy(load: Closed, hold: Hold, servers: int) -> int:
    """The fewest busy connections that are not too unlikely to matter."""
    n = min(math.ceil(load.threads * hold.mean_s / (load.think_s + hold.mean_s)), servers)
    weight = 1.0
    while n > 0 and weight > _NEGLIGIBLE:
        weight *= (n / hold.mean_s) / ((load.threads - n + 1) / load.think_s)
        n -= 1
    return n


def _longest_queue(load: Closed, hold: Hold, servers: int) -> int:
    """The most waiting threads that are not too unlikely to matter without a timeout, and so with one."""
    births_per_death = hold.mean_s / (load.think_s * servers)
    # Counted from the likeliest state, where a birth is as likely as a death.
    likeliest = math.ceil(min(1.0 / births_per_death, float(load.threads)))
    n, weight = max(load.threads - likeliest, servers), 1.0
    while n < load.threads and weight > _NEGLIGIBLE:
        weight *= (load.threads - n) * births_per_death
        n += 1
    return n - servers


def stationary(births: Sequence[float], deaths: Sequence[float]) -> list[float]:
    """The stationary law of a birth-death chain, from `births`[n] out of n and `deaths`[n] out of n + 1.

    Products outward from the mode: no overflow, and what underflows is below 1e-308 of the largest. Needs one mode,
    which births that fall and deaths that rise with n guarantee.
    """
    mode = next((n for n, (birth, death) in enumerate(zip(births, deaths, strict=True)) if birth < death), len(births))
    weights = [1.0] * (len(births) + 1)
    for n in range(mode, len(births)):
        weights[n + 1] = weights[n] * (births[n] / deaths[n])
    for n in range(mode - 1, -1, -1):
        weights[n] = weights[n + 1] * (deaths[n] / births[n])
    total = math.fsum(weights)
    return [weight / total for weight in weights]


def _timeout_rates(waiting: int, rate: float, timeout_s: float) -> list[float]:
    """delta_1..delta_waiting, 1/s: the rate at which the head of j waiting times out."""
    if not waiting:
        return []
    hazards = reversed_hazards(waiting, rate * timeout_s)
    return [j / timeout_s * hazards[j] for j in range(1, waiting + 1)]


def _tail(
    queued: Sequence[float], timeouts: Sequence[float], rate: float, timeout_s: float
) -> Callable[[float], float]:
    """P(wait > t) = sum over j of q_j (delta_j + R (1 - P(j, R t) / P(j, R D))), q_j = pi_(c+j) / lambda."""
    by_end = cache(lambda: tails(len(queued), rate * timeout_s)[1:])

    def tail(t: float) -> float:
        terms = zip(queued, timeouts, tails(len(queued), rate * t)[1:], by_end(), strict=True)
        return math.fsum(q * (delta + rate * (1.0 - (by_t / end if end else 0.0))) for q, delta, by_t, end in terms)

    return tail


def _log_first(births: Sequence[float], deaths: Sequence[float], pi: Sequence[float]) -> float:
    """ln pi of the first state, also where that itself underflows."""
    if pi[0] > sys.float_info.min:
        return math.log(pi[0])
    largest = max(range(len(pi)), key=pi.__getitem__)
    ratios = (math.log(deaths[n] / births[n]) for n in range(largest))
    return math.log(pi[largest]) + math.fsum(ratios)


def _log_ratio(load: Closed, hold: Hold, n: int) -> float:
    """ln (pi_n / pi_0) for n up to the capacity: the binomial coefficient of N threads and n, times (S/Z)^n."""
    log_choose = math.lgamma(load.threads + 1) - math.lgamma(load.threads - n + 1) - math.lgamma(n + 1)
    return log_choose + n * math.log(hold.mean_s / load.think_s)
