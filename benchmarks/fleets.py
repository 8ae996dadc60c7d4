"""How far are the two models of a fleet from a simulation of it, event by event?

    python benchmarks/fleets.py [--arrivals 200000] [--runs 8]

For each fleet: P(wait), P(timeout) and mean wait as the pools in each other's mean effect have it, as simulated, and by
the law of all pools together. Then what a burst does to fleets of growing pools, and how soon they tip by themselves.
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
import time
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).parent.parent))  # the tests' simulation is not part of the package

from poolsize.queueing import Closed, Hold, Open, Usl
from poolsize.queueing.fleet import solve_fleet
from poolsize.queueing.fleet_pools import Pools
from tests.queueing.fleet_simulation import Simulation

FLEETS: Final = (
    ([Pools(2, Open(3.0), Hold(1.0), 6, 1.0)], Usl(0.03, 0.004)),
    ([Pools(4, Open(2.0), Hold(1.0), 5, 1.0)], Usl(0.03, 0.002)),
    ([Pools(4, Open(2.0), Hold(1.0), 5)], Usl(0.02, 0.001)),
    ([Pools(10, Open(1.5), Hold(1.0), 3, 0.2)], Usl(0.02, 0.001)),
    ([Pools(10, Open(1.0), Hold(1.0), 3, 5.0)], Usl(0.02, 0.001)),
    ([Pools(20, Open(0.55), Hold(1.0), 3, 1.0)], Usl(0.02, 0.001)),
    ([Pools(20, Open(0.55), Hold(1.0), 5, 1.0)], Usl(0.02, 0.001)),
    ([Pools(4, Closed(12, 3.0), Hold(1.0), 4, 1.0)], Usl(0.02, 0.002)),
    ([Pools(6, Open(2.0), Hold(1.0, app_s=0.5), 5, 1.0)], Usl(0.03, 0.002)),
)
BURST: Final = (30.0, 4.0)
"""Seconds, and times the usual arrivals."""


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--arrivals", type=int, default=200_000, help="simulated for each fleet")
    parser.add_argument("--runs", type=int, default=8, help="independent ones, by which the errors are known")
    arguments = parser.parse_args()
    for groups, usl in FLEETS:
        _compare(groups[0], usl, arguments.arrivals, arguments.runs)
    print("\n20 pools of 0.55/s with holds and a timeout of 1 s, alpha 0.02, beta 0.001, after a burst of")
    print(f"{BURST[1]:g} times as many arrivals for {BURST[0]:g} s")
    for capacity in (3, 4, 5, 6, 7, 10):
        _burst(Pools(20, Open(0.55), Hold(1.0), capacity, 1.0), Usl(0.02, 0.001), arguments.runs)
    return 0


def _compare(group: Pools, usl: Usl, arrivals: int, runs: int) -> None:
    start = time.perf_counter()
    wait = solve_fleet([group], usl).from_empty.waits[0]
    spent_s = time.perf_counter() - start
    lower = wait.other or wait
    seconds = arrivals / runs / (group.count * wait.throughput_per_s)
    counted = []
    for seed in range(runs):
        simulation = Simulation([group], usl, seed)
        simulation.run(seconds / 10.0)
        simulation.forget()
        run = simulation.run(seconds)
        counted.append((run.wait_probability[0], run.timeout_probability[0], run.mean_wait_s[0]))
    print(f"\n{group.count} x {group.capacity}, {group.load}, timeout {group.timeout_s:g} s, {usl}: ", end="")
    print(f"{spent_s * 1e3:.0f} ms")
    for i, name in enumerate(("wait_probability", "timeout_probability", "mean_wait_s")):
        values = [one[i] for one in counted]
        error = statistics.stdev(values) / math.sqrt(runs)
        print(
            f"  {name:20} {getattr(lower, name):9.5f} | {statistics.fmean(values):9.5f} +- {error:.5f} | "
            f"{getattr(wait, name):9.5f}"
        )


def _burst(group: Pools, usl: Usl, runs: int) -> None:
    found = solve_fleet([group], usl)
    simulation = Simulation([group], usl, seed=1)
    simulation.run(BURST[0], burst=BURST[1])
    simulation.run(70.0)
    simulation.forget()
    run = simulation.run(400.0)
    wait = found.from_full.waits[0]
    print(
        f"  {group.capacity:2} connections: from full {found.from_full.active:6.1f} active, P(timeout) "
        f"{wait.timeout_probability:.4f}; after the burst {run.active:6.1f}, {run.timeout_probability[0]:.4f}",
        end="",
    )
    if found.tips_at is None or found.collapses_after_s is None:
        print()
        return
    tipped = [_tips_after(group, usl, found.tips_at, seed) for seed in range(20 * runs)]
    error = statistics.stdev(tipped) / math.sqrt(len(tipped))
    print(f"; tips by itself after {found.collapses_after_s:.0f} s,", end="")
    print(f" {statistics.fmean(tipped):.0f} +- {error:.0f} simulated")


def _tips_after(group: Pools, usl: Usl, tips_at: int, seed: int) -> float:
    simulation = Simulation([group], usl, seed)
    simulation.run(20.0)
    start = simulation.now
    while simulation.active < tips_at:
        simulation.event()
    return simulation.now - start


if __name__ == "__main__":
    sys.exit(main())
