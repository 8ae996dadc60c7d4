"""One pool with exponential holds is solved without numpy, which takes longer to import than all else."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import sys
from poolsize.queueing import Closed, Hold, Open, Usl, openings, solve

wait = solve(Open(8.0), Hold(1.0), 10, timeout_s=0.5, pool_size=5)
wait.quantile(0.99), wait.exceeds(0.1)
wait = solve(Closed(20, 1.0), Hold(1.0, 4.0), 10, timeout_s=0.5, usl=Usl(0.1, 0.01), max_waiting=5)
wait = solve(Closed(20, 1.0), Hold(1.0, 4.0), 10, timeout_s=0.5, pool_size=3, setup_s=0.1)
wait.quantile(0.99), wait.exceeds(0.01), wait.bracket, openings(Closed(20, 1.0), Hold(1.0), 10, wait)(5)
print(sorted({"numpy", "scipy"} & set(sys.modules)))
"""


def test_a_pool_with_exponential_holds_is_solved_without_numpy() -> None:
    found = subprocess.run([sys.executable, "-c", PROGRAM], check=True, capture_output=True, text=True)
    assert found.stdout.strip() == "[]"
