"""How far is each model of a changing load from a simulation, and does the rule pick the right one?

    python benchmarks/peaks.py [--arrivals 200000]

Sinusoidal rates of several periods on pools with several timeouts, holds of 1 s. Ratios of P(timeout) to the simulated
one: pointwise, by the offered load, and by the method that the rule picks; a star where it says that none is near.
"""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).parent.parent))  # the tests' simulation is not part of the package

import numpy as np

from poolsize.queueing import Hold
from poolsize.queueing.peak_levels import pointwise, smoothed
from poolsize.queueing.peaks import PeakedPool, solve_peaks
from tests.queueing.peak_simulation import of_profile, served, sinus

POOLS: Final = ((2, 1.0, 0.5), (10, 7.0, 0.5), (50, 42.0, 0.3))
"""Connections, mean rate, and the share of it by which it swings."""
TIMEOUTS_S: Final = (0.2, 0.5, 1.0, 2.0, 4.0)
PERIODS_S: Final = (3.0, 10.0, 30.0, 100.0, 300.0, 1000.0)
FEWEST: Final = 50
"""Simulated timeouts, below which a ratio says nothing."""


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--arrivals", type=int, default=200_000, help="simulated for each row")
    arguments = parser.parse_args()
    print(" c  timeout  period   rate stays  queue remembers  simulated  pointwise  offered load  picked")
    worst = {False: 1.0, True: 1.0}
    for capacity, mean, swing in POOLS:
        for timeout_s in TIMEOUTS_S:
            for period_s in PERIODS_S:
                row = _row(capacity, mean, swing, timeout_s, period_s, arguments.arrivals)
                if row is not None:
                    is_flagged, ratio = row
                    worst[is_flagged] = max(worst[is_flagged], ratio, 1.0 / ratio)
    print(
        f"\nOff by at most a factor of {worst[False]:.2f} where the rule picks, of {worst[True]:.1f} where it says so."
    )
    return 0


def _row(
    capacity: int, mean: float, swing: float, timeout_s: float, period_s: float, arrivals: int
) -> tuple[bool, float] | None:
    profile = sinus(period_s, mean, swing)
    pool = PeakedPool(1.0, capacity, timeout_s)
    levels = smoothed(profile, 1.0)
    found = solve_peaks(profile, Hold(1.0), capacity, timeout_s=timeout_s)
    random = np.random.default_rng(1)
    requests = of_profile(profile, period_s * math.ceil(arrivals / mean / period_s), random)
    counted = served(requests, capacity, timeout_s, random).timeout_probability
    if counted * len(requests) < FEWEST:
        return None
    ratios = [
        pool.wait(mean, pointwise(profile, 1.0), "").timeout_probability / counted,
        pool.wait(mean, levels, "").timeout_probability / counted,
        found.wait.timeout_probability / counted,
    ]
    print(
        f"{capacity:2} {timeout_s:8g} {period_s:7g} {found.burst_s:12.2f} {pool.memory_s(levels):16.2f} "
        f"{counted:10.5f} {ratios[0]:10.2f} {ratios[1]:13.2f} {ratios[2]:7.2f}"
        f"{'*' if found.needs_simulation else ' '} {found.method}"
    )
    return found.needs_simulation, ratios[2]


if __name__ == "__main__":
    sys.exit(main())
