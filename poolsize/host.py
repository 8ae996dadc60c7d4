"""This machine: processors and memory of one of its processes. Believed for a database only when that runs here."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

import psutil

_CLOCK_TOLERANCE_S: Final = 5.0
"""Between a server's own note of when a session began and the system's of when its process did: the clock may have
been set meanwhile. Two processes of one name and number that close do not occur."""


def server_process(pid: int, *, name: str, started_at: float) -> psutil.Process | None:
    """The process of this machine that a server speaks of, or None: a tunnel or a container has other processes under
    its numbers. `name` is part of the program's, `started_at` seconds since 1970."""
    try:
        process = psutil.Process(pid)
        is_it = name in process.name().lower() and abs(process.create_time() - started_at) <= _CLOCK_TOLERANCE_S
    except (psutil.Error, OSError, ValueError):
        return None
    return process if is_it else None


def private_memory_bytes(process: psutil.Process) -> int | None:
    """Memory that nobody else shares and that would be free without it; None where this account may not read it."""
    try:
        return int(process.memory_full_info().uss)
    except (psutil.Error, OSError, AttributeError):
        return None


def processors(process: psutil.Process | None = None) -> int | None:
    """Processors that the process (None: any of this machine) may use: those it is bound to, less what a container's
    quota takes, rounded down, at least 1."""
    counts: list[float] = [os.cpu_count() or 1]
    if process is not None:
        affinity = _affinity(process)
        quota = _quota(process.pid)
        counts += [count for count in (affinity, quota) if count is not None]
    return max(int(min(counts)), 1)


def _affinity(process: psutil.Process) -> int | None:
    if sys.platform == "darwin":
        return None
    try:
        return len(process.cpu_affinity() or ()) or None
    except (psutil.Error, OSError):
        return None


def _quota(pid: int) -> float | None:
    """The smallest quota of the control groups that hold the process (Linux, versions 1 and 2), in processors."""
    try:
        lines = Path(f"/proc/{pid}/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    found = [quota for line in lines for quota in _quotas_of(*line.split(":", 2)[1:])]
    return min(found, default=None)


def _quotas_of(controllers: str, path: str) -> list[float]:
    """Of the group and all above it, since each bounds what is in it."""
    if controllers == "":
        root, read = Path("/sys/fs/cgroup"), _quota_v2
    elif "cpu" in controllers.split(","):
        root, read = Path("/sys/fs/cgroup/cpu"), _quota_v1
    else:
        return []
    group = root / path.lstrip("/")
    groups = [group, *(parent for parent in group.parents if parent.is_relative_to(root))]
    return [quota for quota in map(read, groups) if quota is not None]


def _quota_v2(group: Path) -> float | None:
    """`max 100000` or `150000 100000`."""
    try:
        allowed, period = (group / "cpu.max").read_text(encoding="utf-8").split()
        return None if allowed == "max" else int(allowed) / int(period)
    except (OSError, ValueError):
        return None


def _quota_v1(group: Path) -> float | None:
    try:
        allowed = int((group / "cpu.cfs_quota_us").read_text(encoding="utf-8"))
        period = int((group / "cpu.cfs_period_us").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return allowed / period if allowed > 0 and period > 0 else None
