"""Set up what the demo needs, and run it: `python3 .ci/demo.py`."""

from __future__ import annotations

import subprocess
import sys

import machine


def main() -> None:
    """Leaves with the demo's exit code."""
    machine.require_python()
    print("Setting up poolsize and a PostgreSQL to try it on, which takes a minute the first time.", flush=True)
    machine.install_missing([])
    machine.make_environment(["--editable", ".[demo]"], "poolsize and a PostgreSQL to try it on")
    command = [str(machine.PROGRAMS / "poolsize"), "demo", *sys.argv[1:]]
    raise SystemExit(subprocess.run(command, check=False, cwd=machine.ROOT).returncode)


if __name__ == "__main__":
    main()
