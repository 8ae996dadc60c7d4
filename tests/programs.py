"""Where the servers' programs are on this machine, and how to get one that is missing.

Standard library only: the set-up of a fresh machine reads this before anything is installed.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

OLDEST_POSTGRES: Final = 15
"""Debian 12's. The wheel has 16 and 18, so that an older one would add little."""

_POSTGRES_FOLDERS: Final = (
    "/usr/lib/postgresql/*/bin",  # Debian, Ubuntu
    "/usr/pgsql-*/bin",  # the PostgreSQL project's packages for Red Hat
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin",
)
_SYSTEM_FOLDERS: Final = ("/usr/sbin", "/usr/local/sbin", "/opt/homebrew/bin", "/opt/homebrew/opt/mariadb/bin")
"""Debian keeps servers where an ordinary user's PATH does not look."""


class Server(NamedTuple):
    """One server that the tests need: `find` gives its program's path, or None."""

    name: str
    find: Callable[[], Path | None]
    debian: str
    fedora: str
    homebrew: str


def postgres_folder() -> Path | None:
    """The folder of the newest PostgreSQL's programs that is not older than 15."""
    found = [path for pattern in _POSTGRES_FOLDERS for path in Path("/").glob(pattern.lstrip("/"))]
    on_path = shutil.which("pg_config")
    if on_path:
        told = subprocess.run([on_path, "--bindir"], capture_output=True, text=True, check=False)
        found.append(Path(told.stdout.strip()))
    versions = {folder: postgres_version(folder) for folder in found if (folder / "postgres").exists()}
    newest = max(versions, key=lambda folder: versions[folder], default=None)
    return newest if newest and versions[newest] >= (OLDEST_POSTGRES,) else None


def postgres_version(folder: Path) -> tuple[int, ...]:
    """(15, 18) for `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`."""
    told = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True, check=False)
    match = re.search(r"\(PostgreSQL\) (\d+)(?:\.(\d+))?", told.stdout)
    return tuple(int(part) for part in match.groups() if part) if match else ()


def _program(name: str) -> Callable[[], Path | None]:
    def find() -> Path | None:
        path = shutil.which(name, path=os.pathsep.join((os.environ.get("PATH", ""), *_SYSTEM_FOLDERS)))
        return Path(path) if path else None

    return find


SERVERS: Final = {
    server.name: server
    for server in (
        Server("PostgreSQL", postgres_folder, "postgresql", "postgresql-server postgresql-contrib", "postgresql@17"),
        Server("PgBouncer", _program("pgbouncer"), "pgbouncer", "pgbouncer", "pgbouncer"),
        Server("MariaDB", _program("mariadbd"), "mariadb-server", "mariadb-server", "mariadb"),
    )
}


def missing() -> list[Server]:
    return [server for server in SERVERS.values() if server.find() is None]


def install_command(servers: list[Server]) -> str:
    """What a person types here to get them; as root without sudo."""
    sudo = "" if os.name == "posix" and os.geteuid() == 0 else "sudo "
    if platform.system() == "Darwin":
        return f"brew install {' '.join(server.homebrew for server in servers)}"
    if shutil.which("apt-get"):
        return f"{sudo}apt-get install {' '.join(server.debian for server in servers)}"
    if shutil.which("dnf"):
        return f"{sudo}dnf install {' '.join(server.fedora for server in servers)}"
    return f"install {', '.join(server.name for server in servers)} with this system's package manager"
