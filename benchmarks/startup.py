"""How long the command line takes to start, in units of `import typer, rich.console`, which any such program pays.

    python benchmarks/startup.py [ROUNDS]

The runs are interleaved, so that what else the machine does falls on all of them, and the medians compared. The
package's bytecode is compiled beforehand, as an installation does.
"""

from __future__ import annotations

import compileall
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROUNDS = 21
UNIT = "import typer, rich.console"
STATED = (
    *("recommend", "--workers", "4", "--worker-type", "uvicorn", "--rate", "300", "--hold", "20ms"),
    *("--max-connections", "100", "--no-save"),
)
PROGRAMS: dict[str, tuple[tuple[str, ...], float | None]] = {
    "poolsize --help": (("--help",), 2.0),
    "poolsize recommend --workers 4 --max-connections 100 --no-save": (
        ("recommend", "--workers", "4", "--max-connections", "100", "--no-save"),
        2.5,
    ),
    "the same with a stated load, --no-certify": ((*STATED, "--no-certify"), None),
    "the same, certified": (STATED, None),
    "the same, uneven holds, certified": ((*STATED, "--hold-p95", "90ms"), None),
}
"""Arguments, and the ratio to stay below, where there is one."""


def main(rounds: int) -> int:
    """Print the table; 1 when a ratio is missed."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    compileall.compile_dir(Path(__file__).parent.parent / "poolsize", quiet=1)
    commands = {UNIT: [sys.executable, "-c", UNIT]}
    commands |= {name: [sys.executable, "-m", "poolsize", *arguments] for name, (arguments, _) in PROGRAMS.items()}
    spent: dict[str, list[float]] = {name: [] for name in commands}
    with tempfile.TemporaryDirectory() as elsewhere:  # so that `-m poolsize` is the installed one
        for _ in range(rounds + 1):
            for name, command in commands.items():
                start = time.perf_counter()
                subprocess.run(command, check=True, capture_output=True, env=environment, cwd=elsewhere)
                spent[name].append(time.perf_counter() - start)
    medians = {name: statistics.median(times[1:]) for name, times in spent.items()}  # the first fills the caches
    print(f"{UNIT}: {medians[UNIT] * 1000:.0f} ms, median of {rounds}")
    missed = 0
    for name, (_, most) in PROGRAMS.items():
        ratio = medians[name] / medians[UNIT]
        missed += most is not None and ratio >= most
        aim = "" if most is None else f" (to stay below {most:g})"
        print(f"{name}: {medians[name] * 1000:.0f} ms, {ratio:.2f} of that{aim}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS))
