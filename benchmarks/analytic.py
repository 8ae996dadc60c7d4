"""How many pools are solved in a second, beside pyworkforce and beside poolsize's own simulation in the same run?

    python benchmarks/analytic.py [--rounds 5] [--seconds 0.3]

- One pool at a time: P(wait) and P(wait <= t) without timeouts, which is all that pyworkforce has, and beside it pools
  that it cannot solve. Both must agree to ten digits.
- All sizes up to 200 of a pool, one by one with pyworkforce, in one pass with `sweep`.
- The formulas beside a simulation of the same pool, of about a second: how exactly it knows the mean wait and
  P(timeout) then, and how long it would take to know them to 0.1 % (the error falls with the root of the time).
- `sweep` of 100,000 combinations of capacity, timeout and load. Aim: under a second for each kind of pool.

What is compared is run in turns, so that all see the same machine, and the medians of the rounds are compared.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import time
from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np
from pyworkforce.queuing import ErlangC

from poolsize.queueing import Closed, ClosedLoads, Hold, Open, OpenLoads, Usl, Wait, Waits, solve, sweep
from poolsize.queueing.volterra import offered_wait
from poolsize.simulate import simulate

SECOND: Final = Hold(1.0)
GOAL_S: Final = 0.5
SLOW: Final = Usl(alpha=0.02, beta=0.0005)
CAPACITIES: Final = range(1, 201)
TIMEOUTS_S: Final = np.geomspace(0.01, 10.0, 10)[:, None]
LOADS: Final = np.linspace(1.0, 180.0, 50)[:, None, None]
COMBINATIONS: Final = 100_000
SWEEP_AIM_S: Final = 1.0
FORMULA_CALLS: Final = 21


class Row(NamedTuple):
    """One line of a table: something to be done again and again, `each` times in a call."""

    title: str
    call: Callable[[], object]
    each: int = 1


def per_second(rows: list[Row], rounds: int, seconds: float) -> list[float]:
    """The median rate of each, in turns."""
    rates: list[list[float]] = [[] for _ in rows]
    for _ in range(rounds):
        for row, found in zip(rows, rates, strict=True):
            calls, begin = 0, time.perf_counter()
            while (spent := time.perf_counter() - begin) < seconds or not calls:
                row.call()
                calls += 1
            found.append(calls * row.each / spent)
    return [statistics.median(found) for found in rates]


def report(title: str, rows: list[Row], rounds: int, seconds: float) -> None:
    """A table of rates, as multiples of the first."""
    rates = per_second(rows, rounds, seconds)
    print(title)
    for row, rate in zip(rows, rates, strict=True):
        print(f"  {row.title:52}{rate:>14,.0f}/s{rate / rates[0]:>10,.3g} ×")
    print()


def by_pyworkforce(erlangs: float, capacity: int) -> tuple[float, float]:
    pool = ErlangC(transactions=erlangs, aht=1.0, asa=GOAL_S, interval=1)
    return pool.waiting_probability(capacity), pool.service_level(capacity)


def by_solve(erlangs: float, capacity: int) -> tuple[float, float]:
    wait = solve(Open(erlangs), SECOND, capacity)
    return wait.wait_probability, 1.0 - wait.exceeds(GOAL_S)


def one_pool(erlangs: float, capacity: int, rounds: int, seconds: float) -> None:
    """Beside pyworkforce, and beside it what only poolsize solves."""
    ours, theirs = by_solve(erlangs, capacity), by_pyworkforce(erlangs, capacity)
    if not np.allclose(ours, theirs, rtol=1e-10):
        raise SystemExit(f"poolsize says {ours}, pyworkforce {theirs}.")
    threads, varied = Closed(2 * capacity, 2.0 * capacity / erlangs - 1.0), Hold(1.0, 4.0)
    rows = [
        Row("pyworkforce: P(wait), P(wait <= t)", lambda: by_pyworkforce(erlangs, capacity)),
        Row("solve: the same", lambda: by_solve(erlangs, capacity)),
        Row("solve, timeout", lambda: solve(Open(erlangs), SECOND, capacity, timeout_s=GOAL_S)),
        Row("solve, timeout, and p95", lambda: solve(Open(erlangs), SECOND, capacity, timeout_s=GOAL_S).quantile(0.95)),
        Row("solve, finite source, timeout", lambda: solve(threads, SECOND, capacity, timeout_s=GOAL_S)),
        Row(
            "solve, timeout, a slower database", lambda: solve(Open(erlangs), SECOND, capacity, timeout_s=9.0, usl=SLOW)
        ),
        Row("solve, timeout, lognormal holds (scv 4)", lambda: anew(erlangs, varied, capacity)),
    ]
    report(f"{capacity} connections, {erlangs:g} erlangs", rows, rounds, seconds)


def anew(erlangs: float, hold: Hold, capacity: int) -> Wait:
    """Without what is kept of the last solution, as for a load that was not asked for before."""
    offered_wait.cache_clear()
    return solve(Open(erlangs), hold, capacity, timeout_s=GOAL_S)


def all_sizes(rounds: int, seconds: float) -> None:
    """As one that looks for the smallest that meets a goal."""
    erlangs, stable = 90.0, range(91, 201)
    rows = [
        Row("pyworkforce, size by size", lambda: [by_pyworkforce(erlangs, c) for c in stable], len(stable)),
        Row("solve, size by size", lambda: [by_solve(erlangs, c) for c in stable], len(stable)),
        Row("sweep, all in one pass", lambda: sweep(Open(erlangs), SECOND, stable).exceeds(GOAL_S), len(stable)),
        Row(
            "sweep, 50 loads and 10 timeouts in the same pass",
            lambda: sweep(OpenLoads(LOADS), SECOND, CAPACITIES, timeout_s=TIMEOUTS_S).exceeds(GOAL_S),
            COMBINATIONS,
        ),
    ]
    report("All sizes of a pool at 90 erlangs, answers per second", rows, rounds, seconds)


def beside_a_simulation(title: str, load: Open | Closed, hold: Hold, capacity: int) -> None:
    """The time of both for what the simulation gets to know, and for a thousandth."""
    spent = []
    for _ in range(FORMULA_CALLS):
        offered_wait.cache_clear()
        begin = time.perf_counter()
        wait = solve(load, hold, capacity, timeout_s=GOAL_S)
        spent.append(time.perf_counter() - begin)
    solved_s, begin = statistics.median(spent), time.perf_counter()
    found = simulate(load, hold, capacity, timeout_s=GOAL_S, semantics="sqlalchemy-async")
    simulated_s = time.perf_counter() - begin
    print(f"{title}: {solved_s * 1e3:.3g} ms by formula, {simulated_s:.2g} s by {found.arrivals:,} simulated requests")
    for name in ("mean_wait_s", "timeout_probability"):
        low, high = found.interval(name)
        known = (high - low) / 2.0 / getattr(found, name)
        longer_s = simulated_s * (known / 0.001) ** 2
        print(
            f"  {name:20} {getattr(wait, name):.5g} by formula, {getattr(found, name):.4g} ± {known:.2%} simulated: "
            f"{simulated_s / solved_s:,.0f} times as long, and for ± 0.1% {longer_s / solved_s:,.0f} times"
        )


def combinations() -> bool:
    """`sweep` of 100,000 of them; whether the aim is met."""
    threads = ClosedLoads(40, LOADS / 9.0)
    kinds: dict[str, Callable[[], Waits]] = {
        "open": lambda: sweep(OpenLoads(LOADS), SECOND, CAPACITIES, timeout_s=TIMEOUTS_S),
        "open, a slower database": lambda: sweep(
            OpenLoads(LOADS / 9), SECOND, CAPACITIES, timeout_s=TIMEOUTS_S, usl=SLOW
        ),
        "open, openings too": lambda: sweep(OpenLoads(LOADS), SECOND, CAPACITIES, timeout_s=TIMEOUTS_S, pool_size=5),
        "40 threads": lambda: sweep(threads, SECOND, CAPACITIES, timeout_s=TIMEOUTS_S),
        "open, at most 20 wait": lambda: sweep(
            OpenLoads(LOADS), SECOND, CAPACITIES, timeout_s=TIMEOUTS_S, max_waiting=20
        ),
    }
    print(f"sweep of {COMBINATIONS:,} combinations of capacity, timeout and load (aim: under {SWEEP_AIM_S:g} s)")
    one_s = _one_by_one()
    met = True
    for title, run in kinds.items():
        spent = []
        for _ in range(3):
            begin = time.perf_counter()
            waits = run()
            spent.append(time.perf_counter() - begin)
        if waits.mean_wait_s.size != COMBINATIONS or not np.isfinite(waits.mean_wait_s).all():
            raise SystemExit(f"{title}: {waits.mean_wait_s.size} answers, or not all finite.")
        best_s = statistics.median(spent)
        beside = f", {one_s / best_s:,.0f} times `solve` one by one" if title == "open" else ""
        print(f"  {title:28}{best_s:>8.2f} s{COMBINATIONS / best_s:>14,.0f}/s{beside}")
        met = met and best_s < SWEEP_AIM_S
    return met


def _one_by_one() -> float:
    """Seconds that `solve` would take for the open combinations, by every hundredth of them."""
    cases = list(itertools.product(LOADS.ravel().tolist(), TIMEOUTS_S.ravel().tolist(), CAPACITIES))[::100]
    begin = time.perf_counter()
    for rate, timeout_s, capacity in cases:
        solve(Open(rate), SECOND, capacity, timeout_s=timeout_s)
    return (time.perf_counter() - begin) * COMBINATIONS / len(cases)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.3, help="of each line in a round")
    arguments = parser.parse_args()
    for erlangs, capacity in ((8.0, 10), (84.1, 100), (970.0, 1000)):
        one_pool(erlangs, capacity, arguments.rounds, arguments.seconds)
    all_sizes(arguments.rounds, arguments.seconds)
    beside_a_simulation("10 connections, exponential holds", Open(8.0), SECOND, 10)
    beside_a_simulation("10 connections, 20 threads", Closed(20, 1.0), SECOND, 10)
    beside_a_simulation("1 connection, lognormal holds (scv 4)", Open(0.8), Hold(1.0, 4.0), 1)
    print()
    met = combinations()
    print(f"The aim is {'met' if met else 'missed'}.")
    return 0 if met else 1


if __name__ == "__main__":
    raise SystemExit(main())
