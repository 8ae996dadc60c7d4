"""Make this machine ready for the tests: the servers that they start, and a virtual environment in .venv.

Needs Python 3.11 and nothing else. On Debian and Ubuntu a missing server is installed, as root or with a sudo that
asks no password; elsewhere the command that installs it is printed. What is there already is left as it is.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.programs import install_command, missing  # noqa: E402 - found by the line above

ENVIRONMENT = ROOT / ".venv"
PROGRAMS = ENVIRONMENT / ("Scripts" if os.name == "nt" else "bin")
OLDEST_PYTHON = (3, 11)
SERVICES = {"postgresql": "postgresql", "pgbouncer": "pgbouncer", "mariadb-server": "mariadb"}
"""Debian package: the service that its installation starts."""


def main() -> None:
    """Set up; leaves by SystemExit with one sentence when a step fails."""
    if sys.version_info < OLDEST_PYTHON:
        raise SystemExit(f"poolsize needs Python 3.11 or newer; this is {sys.version.split()[0]}.")
    packages = [server.debian for server in missing()]
    if importlib.util.find_spec("ensurepip") is None:  # Debian's Python, where it is a package of its own
        packages.append("python3-venv")
    if packages and shutil.which("apt-get"):
        install(packages)
    if missing():
        raise SystemExit(f"The tests need servers that are not here: {install_command(missing())}")
    make_environment()


def install(packages: Sequence[str]) -> None:
    """From Debian's archive. The services that the installation starts are stopped again and stay off, since the
    tests start servers of their own: a machine should not listen on more ports for having run them."""
    root = [] if os.geteuid() == 0 else ["sudo", "-n", "DEBIAN_FRONTEND=noninteractive"]
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    by_hand = f"sudo apt-get install {' '.join(packages)}"
    lock = ["-o", "DPkg::Lock::Timeout=300"]  # another installation may be under way: wait for it
    run([*root, "apt-get", *lock, "update", "-qq"], f"Debian's lists of packages cannot be read; try {by_hand}", quiet)
    run(
        [*root, "apt-get", *lock, "install", "-qq", "-y", "--no-install-recommends", *packages],
        f"The servers that the tests need cannot be installed; try {by_hand}",
        quiet,
    )
    for service in (SERVICES[package] for package in packages if package in SERVICES):
        stop = ["systemctl", "disable", "--now", service] if runs_systemd() else ["service", service, "stop"]
        subprocess.run([*root, *stop], check=False, capture_output=True)  # it may not have been started at all


def runs_systemd() -> bool:
    return Path("/run/systemd/system").is_dir()


def make_environment() -> None:
    """A virtual environment with poolsize, editable, its extras and what the tests need."""
    python = PROGRAMS / "python"
    works = python.exists() and subprocess.run([python, "-c", "import pip"], check=False, capture_output=True)
    if not works or works.returncode:
        run(
            [sys.executable, "-m", "venv", "--clear", ENVIRONMENT],
            f"No virtual environment can be made in {ENVIRONMENT}",
        )
    pip: list[str | Path] = [python, "-m", "pip", "install", "--quiet"]
    # 25.1 is the first that reads dependency groups.
    run([*pip, "--upgrade", "pip>=25.1"], "pip cannot be upgraded: is the package index in reach?")
    run(
        [*pip, "--editable", f"{ROOT}[all]", "--group", f"{ROOT / 'pyproject.toml'}:test"],
        "poolsize and what its tests need cannot be installed: see pip's message above",
    )


def run(command: Sequence[str | Path], sentence: str, environment: dict[str, str] | None = None) -> None:
    """Run a step in the repository; leave with `sentence` when it fails."""
    try:
        code = subprocess.run(command, check=False, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL).returncode
    except FileNotFoundError:
        code = 127
    if code:
        raise SystemExit(f"{sentence} (exit code {code}).")


if __name__ == "__main__":
    main()
