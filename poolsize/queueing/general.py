"""The open pool with any law of holds, M/G/c+D: its wait by the solution of the Volterra equation."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from msgspec.structs import replace

from poolsize.queueing.cells import head_area, levels_to
from poolsize.queueing.erlang import Law as WaitLaw
from poolsize.queueing.erlang import OpenPool, settled, solve_open, unsettled
from poolsize.queueing.floats import Floats
from poolsize.queueing.laws import Law, law_of
from poolsize.queueing.model import Hold
from poolsize.queueing.volterra import Solution, off_the_edge, offered_wait
from poolsize.queueing.wait import Wait

_USUAL_MEANS: Final = 16.0
"""The grid ends at so many mean waits of those who wait, unless a longer one is asked for: if the wait were exponential
one in ten million of them would be longer."""


def solve_general(pool: OpenPool, hold: Hold, method: str) -> Wait:
    """M/G/c+D with holds of the law of `hold`, which are stretched alike where the database is slowed down: to c / R.

    With A the probability that all connections are held and nobody waits, and U of `offered_wait`,

        P(W > t) = A (U(t) - rho U(D)) / (1 - rho),   P(timeout) = A U(D),   1/A = I_c + rho (1 - U(D)) / (1 - rho)

    For 2 to 30 connections and scv 2 to 9, p99 waits come out from 3 % too low to 83 % too high, and P(timeout) right
    to 13 times too high where it is above 1e-4: more connections, and a longer tail of the holds, make it worse,
    nearly always on the safe side (docs/theory/accuracy.md).
    """
    if pool.never_settles:
        return unsettled(pool, method)
    if pool.timeout_s == 0.0:
        return solve_open(pool, method)  # Erlang's loss depends on the mean hold alone
    law = law_of(replace(hold, mean_s=1.0, app_s=0.0))
    if pool.timeout_s == math.inf:
        return settled(pool, method, _patient(pool, law))
    return settled(pool, method, _impatient(pool, law))


def _impatient(pool: OpenPool, law: Law) -> WaitLaw:
    load, rate = off_the_edge(pool.rate_per_s / pool.full_rate), pool.full_rate
    end = pool.timeout_s * rate
    solution = offered_wait(law, pool.capacity, load, levels_to(load, end))
    log_end = _log_u(solution, end)
    # In overload U(D) overflows, so everything is divided by it there.
    log_scale = max(log_end, 0.0)
    at_end = math.exp(log_end - log_scale)

    def offered_after(t: float) -> float:
        """The integral of v / A from t to D, scaled."""
        log_t = _log_u(solution, t)
        grown = log_end - log_t
        if grown > 1.0:
            return (at_end - math.exp(log_t - log_scale)) / (load - 1.0)
        return math.exp(log_t - log_scale) * math.expm1(grown) / (load - 1.0)

    waited = offered_after(0.0)
    inverse = pool.unqueued.inverse_times_exp(-log_scale)
    a = 1.0 / (inverse + load * waited)
    mean = end * at_end + (end * at_end - _area(solution, end, log_scale)) / (load - 1.0)
    return WaitLaw(
        unqueued=a * inverse if a else 1.0,
        queued=a * load * waited,
        timeout_probability=a * at_end,
        mean_s=a * mean / rate,
        tail=lambda t: a * (offered_after(t * rate) + at_end),
    )


def _patient(pool: OpenPool, law: Law) -> WaitLaw:
    """Nobody gives up. The mean of those who wait follows from the equation, integrated over all times."""
    load, rate = off_the_edge(pool.rate_per_s / pool.full_rate), pool.full_rate
    left = 1.0 - load
    mean = head_area(law, pool.capacity) + load / left * (1.0 + law.scv) / 2.0

    def tail(t: float) -> float:
        end = max(t * rate, _USUAL_MEANS * mean)
        solution = offered_wait(law, pool.capacity, load, levels_to(load, end))
        return a / left * math.exp(_log_u(solution, t * rate))

    inverse = pool.unqueued.inverse_b
    a = 1.0 / (inverse + load / left)
    return WaitLaw(
        unqueued=a * inverse if a else 1.0,
        queued=a * load / left,
        timeout_probability=0.0,
        mean_s=a / left * mean / rate,
        tail=tail,
    )


def _log_u(solution: Solution, x: float) -> float:
    return float(_interpolated(solution, np.array([x]))[0])


def _interpolated(solution: Solution, x: Floats) -> Floats:
    """ln U, from the last edge on in overload by the straight line that it has been on since half of the way."""
    edges, log_u = solution.edges, solution.log_u
    inside = np.minimum(x, edges[-1])
    found = _cubic(solution, inside)
    if solution.load > 1.0:
        half = np.searchsorted(edges, edges[-1] / 2.0)
        found += (x - inside) * (log_u[-1] - log_u[half]) / (edges[-1] - edges[half])
    return found


def _cubic(solution: Solution, x: Floats) -> Floats:
    """ln U by the cubic through the four edges around, but not beyond the two next to it: U is monotone."""
    edges, log_u = solution.edges, solution.log_u
    after = np.clip(np.searchsorted(edges, x), 1, len(edges) - 1)
    first = np.clip(after - 2, 0, len(edges) - 4)
    nodes = [edges[first + i] for i in range(4)]
    value = np.zeros_like(x)
    for i in range(4):
        weight = np.ones_like(x)
        for j in range(4):
            if i != j:
                weight *= (x - nodes[j]) / (nodes[i] - nodes[j])
        value += weight * log_u[first + i]
    low, high = log_u[after - 1], log_u[after]
    bounded: Floats = np.clip(value, np.minimum(low, high), np.maximum(low, high))
    return bounded


def _area(solution: Solution, end: float, log_scale: float) -> float:
    """The integral of U e^-log_scale from 0 to `end`. U is nearly exponential in each cell; the middle of the cell
    shows how far it is not, and Richardson's extrapolation makes up for it."""
    edges = np.append(solution.edges[solution.edges < end], end)
    middles = (edges[:-1] + edges[1:]) / 2.0
    at_edges, at_middles = (_interpolated(solution, x) - log_scale for x in (edges, middles))
    width = np.diff(edges)
    whole = _exponential_areas(at_edges[:-1], at_edges[1:], width)
    halves = _exponential_areas(at_edges[:-1], at_middles, width / 2.0)
    halves += _exponential_areas(at_middles, at_edges[1:], width / 2.0)
    return float(np.sum(4.0 * halves - whole) / 3.0)


def _exponential_areas(log_low: Floats, log_high: Floats, width: Floats) -> Floats:
    """The integrals of exponential functions between these logarithms of their ends."""
    steps = np.maximum(np.abs(log_high - log_low), 1e-300)
    areas: Floats = width * np.exp(np.maximum(log_low, log_high)) * -np.expm1(-steps) / steps
    return areas
