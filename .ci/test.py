"""Set up all that the tests need, and run them: `python3 .ci/test.py [arguments of pytest]`."""

from __future__ import annotations

import os
import subprocess
import sys

import machine


def main() -> None:
    """Leaves with pytest's exit code."""
    machine.main()
    # Everything is here now, so that a server that is missing all the same is an error and no reason to skip.
    environment = {**os.environ, "POOLSIZE_CI": "1"}
    command = [str(machine.PROGRAMS / "python"), "-m", "pytest", "-n", "auto", *sys.argv[1:]]
    raise SystemExit(subprocess.run(command, check=False, cwd=machine.ROOT, env=environment).returncode)


if __name__ == "__main__":
    main()
