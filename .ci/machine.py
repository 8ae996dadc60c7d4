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

from tests.programs import OLDEST_POSTGRES, install_command, missing  # noqa: E402 - found by the line above

ENVIRONMENT = ROOT / ".venv"
PROGRAMS = ENVIRONMENT / ("Scripts" if os.name == "nt" else "bin")
OLDEST_PYTHON = (3, 11)
SERVICES = {"postgresql": "postgresql", "pgbouncer": "pgbouncer", "mariadb-server": "mariadb"}
"""Debian package: the service that its installation starts."""


def main() -> None:
    """Set up; leaves by SystemExit with one sentence when a step fails."""
    require_python()
    install_missing([server.debian for server in missing()])
    if missing():
        names = ", ".join(server.name for server in missing())
        raise SystemExit(
            f"The tests need PostgreSQL {OLDEST_POSTGRES} or newer, PgBouncer and MariaDB, of which this machine lacks "
            f"{names}: {install_command(missing())}"
        )
    make_environment(["--editable", ".[all]", "--group", "test"], "poolsize and what its tests need")


def require_python() -> None:
    """Or leave with one sentence."""
    if sys.version_info < OLDEST_PYTHON:
        wanted = ".".join(map(str, OLDEST_PYTHON))
        raise SystemExit(f"poolsize needs Python {wanted} or newer; this is {sys.version.split()[0]}.")


def install_missing(packages: Sequence[str]) -> None:
    """These packages of Debian, and what Debian's Python lacks to make an environment, where there is apt-get."""
    needed = [*packages]
    if importlib.util.find_spec("ensurepip") is None:
        needed.append("python3-venv")
    if needed and shutil.which("apt-get"):
        install(needed)


def install(packages: Sequence[str]) -> None:
    """From Debian's archive. A service that runs only because of the installation is stopped again and stays off,
    since the tests start servers of their own: a machine should not listen on more ports for having run them."""
    root = [] if os.geteuid() == 0 else ["sudo", "-n"]  # never ask for a password: nobody may be there
    by_hand = f"sudo apt-get install {' '.join(packages)}"
    if root and not succeeds([*root, "true"]):
        raise SystemExit(f"The tests need packages that only root can install: {by_hand}")
    running = {service for service in SERVICES.values() if succeeds(status(service))}
    print(f"Installing with apt-get: {' '.join(packages)}", flush=True)
    # Another installation may be under way: wait for its lock.
    apt = [*root, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq", "-o", "DPkg::Lock::Timeout=300"]
    run([*apt, "update"], f"Debian's lists of packages cannot be read; try {by_hand}", quiet=True)
    run(
        [*apt, "install", "--yes", "--no-install-recommends", *packages],
        f"The servers that the tests need cannot be installed; try {by_hand}",
        quiet=True,
    )
    for package in packages:
        service = SERVICES.get(package)
        if service and service not in running and succeeds(status(service)):
            succeeds([*root, *stop(service)])


def status(service: str) -> list[str]:
    """Exits 0 while the service runs."""
    return ["systemctl", "is-active", service] if runs_systemd() else ["service", service, "status"]


def stop(service: str) -> list[str]:
    return ["systemctl", "disable", "--now", service] if runs_systemd() else ["service", service, "stop"]


def runs_systemd() -> bool:
    return Path("/run/systemd/system").is_dir()


def succeeds(command: Sequence[str | Path]) -> bool:
    try:
        return subprocess.run(command, check=False, capture_output=True, stdin=subprocess.DEVNULL).returncode == 0
    except FileNotFoundError:
        return False


def make_environment(packages: Sequence[str], what: str) -> None:
    """A virtual environment with these, as pip takes them."""
    python = PROGRAMS / "python"
    if not succeeds([python, "-c", "import pip"]):
        print(f"Making a virtual environment in {ENVIRONMENT}", flush=True)
        run(
            [sys.executable, "-m", "venv", "--clear", ENVIRONMENT],
            f"No virtual environment can be made in {ENVIRONMENT}",
        )
    print(f"Installing {what} into {ENVIRONMENT}", flush=True)
    pip: list[str | Path] = [python, "-m", "pip", "install", "--quiet"]
    # 25.1 is the first that reads dependency groups.
    run([*pip, "--upgrade", "pip>=25.1"], "pip cannot be upgraded: is the package index in reach?")
    run([*pip, *packages], f"{what} cannot be installed: see pip's message above")


def run(command: Sequence[str | Path], sentence: str, *, quiet: bool = False) -> None:
    """Run a step in the repository; leave with `sentence` when it fails. What a quiet step says is shown only then."""
    done = subprocess.run(command, check=False, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=quiet, text=True)
    if done.returncode:
        if quiet:
            print(done.stdout, done.stderr, sep="", file=sys.stderr)
        raise SystemExit(f"{sentence} (exit code {done.returncode}).")


if __name__ == "__main__":
    main()
