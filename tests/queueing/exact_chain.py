"""The chain of a pool in 60-digit arithmetic, over all its states: every Poisson probability is a sum, every weight a
product, and nothing is left out, scaled or approximated."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext

from poolsize.queueing import Closed, Open

DIGITS = 60


@dataclass(frozen=True)
class Exact:
    """The figures of `Wait`, and the law of the number of requests there."""

    wait_probability: float
    timeout_probability: float
    refused_probability: float
    mean_wait_s: float
    busy: float
    throughput_per_s: float
    late_share: float
    """P(wait > t) for the t that was asked for."""
    log_empty: float


def exact_chain(
    load: Open | Closed,
    rates: Sequence[float],
    *,
    timeout_s: float = math.inf,
    max_waiting: int | None = None,
    longest: int = 10**9,
    t_s: float = 0.0,
) -> Exact:
    """`rates`: R_0..R_c, c at most the number of threads; `longest`: waiting requests beyond which there are none."""
    with localcontext() as context:
        context.prec, context.Emin, context.Emax = DIGITS, -(10**9), 10**9
        return _exact(load, rates, timeout_s, max_waiting, longest, t_s)


def _exact(
    load: Open | Closed,
    rates: Sequence[float],
    timeout_s: float,
    max_waiting: int | None,
    longest: int,
    t_s: float,
) -> Exact:
    c, rate = len(rates) - 1, Decimal(rates[-1])
    room = min(longest, load.threads - c) if isinstance(load, Closed) else longest
    room = room if max_waiting is None else min(room, max_waiting)
    waiting = room if timeout_s > 0 else 0

    def births(n: int) -> Decimal:
        return (
            Decimal(load.threads - n) / Decimal(load.think_s) if isinstance(load, Closed) else Decimal(load.rate_per_s)
        )

    at_end = poisson_tails(waiting, None if timeout_s == math.inf else rate * Decimal(timeout_s))
    weights = [Decimal(1)]
    for n in range(1, c + 1):
        weights.append(weights[-1] * births(n - 1) / Decimal(rates[n]))
    product = weights[-1]
    for j in range(1, waiting + 1):
        product *= births(c + j - 1) / rate
        weights.append(product * at_end[j])
    total = sum(weights)
    pi = [weight / total for weight in weights]
    taken = [births(n) * p for n, p in enumerate(pi)]
    refused = taken.pop() if waiting == max_waiting else Decimal(0)
    arrivals = sum(taken)
    late = sum(taken[c:])
    queued = pi[c + 1 :]
    gone = sum(p * rate * (at_end[j - 1] - at_end[j]) / at_end[j] for j, p in enumerate(queued, 1))
    at_t = poisson_tails(waiting, rate * Decimal(t_s))
    left = sum(p * rate * (at_end[j - 1] - at_t[j]) / at_end[j] for j, p in enumerate(queued, 1))
    served = sum(Decimal(rates[min(n, c)]) * p for n, p in enumerate(pi))
    return Exact(
        wait_probability=float(late / arrivals),
        timeout_probability=float((gone if timeout_s > 0 else late) / arrivals),
        refused_probability=float(refused / (arrivals + refused)),
        mean_wait_s=float(sum(j * p for j, p in enumerate(queued, 1)) / arrivals),
        busy=float(sum(min(n, c) * p for n, p in enumerate(pi))),
        throughput_per_s=float(served),
        late_share=float(left / arrivals),
        log_empty=float(pi[0].ln()),
    )


def poisson_tails(count: int, x: Decimal | None) -> list[Decimal]:
    """Pr(Poisson(x) >= j) for j = 0..count; None: an infinite mean."""
    if x is None:
        return [Decimal(1)] * (count + 1)
    if x == 0:
        return [Decimal(1)] + [Decimal(0)] * count
    last = count + int(3 * x) + 300  # of what is beyond, less than 1e-60 of the last is left
    mass = (-x).exp()
    masses = [mass]
    for i in range(1, last):
        mass = mass * x / i
        masses.append(mass)
    total, tails = Decimal(0), [Decimal(0)] * last
    for i in reversed(range(last)):
        total += masses[i]
        tails[i] = total
    return tails[: count + 1]
