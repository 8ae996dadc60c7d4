"""Run a server's programs: as an unprivileged account when the tests run as root, on a free port, in a folder."""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from tests.programs import SERVERS, install_command

PASSWORD: Final = "s3cr@t:/?#%'x"
"""Everybody's password on every server: each character that a URL, an INI file or SQL may trip over, and unlike
anything else, so that a test can look for it wherever it must not appear."""

START_S: Final = 60.0
"""How long a server may take to start on a busy machine."""

_PORTS: Final = range(15_000, 32_000)
"""Below the ports that Linux, macOS and Windows give to outgoing connections: one of those could be taken by any
client between the moment it is found free and the moment the server listens."""


class ServerFailedError(Exception):
    """A server did not start; its last words."""


def needed(name: str) -> Path:
    """The path of a server's program. Without it the test is skipped, on CI (POOLSIZE_CI=1) it fails."""
    found = SERVERS[name].find()
    if found is not None:
        return found
    reason = f"{name} is not installed: {install_command([SERVERS[name]])}"
    if os.environ.get("POOLSIZE_CI") == "1":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def account(*preferred: str) -> str | None:
    """Who runs a server: the first of these accounts that exists when we are root, since PostgreSQL and PgBouncer
    refuse to run as root; otherwise None, ourselves."""
    if os.name != "posix" or os.geteuid() != 0:
        return None
    import pwd  # not on Windows

    existing = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in (*preferred, "nobody") if name in existing)


@contextmanager
def server_folder(owner: str | None) -> Iterator[Path]:
    """A temporary folder that only `owner` may enter; gone afterwards, with its servers, even when the tests are
    killed."""
    folder = Path(tempfile.mkdtemp(prefix="poolsize-test-")).resolve()
    watcher = subprocess.Popen(
        [sys.executable, Path(__file__).with_name("watcher.py"), folder], stdin=subprocess.PIPE, start_new_session=True
    )
    try:
        give(folder, owner)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        watcher.communicate(b"done")


def give(path: Path, owner: str | None) -> None:
    """Let the server's account own a file that we made."""
    if owner is not None:
        shutil.chown(path, owner, _group_of(owner))


def free_port() -> int:
    while True:
        port = random.choice(_PORTS)  # noqa: S311 - no secret
        with socket.socket() as candidate:
            try:
                candidate.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def run(command: Sequence[str | Path], folder: Path, owner: str | None) -> None:
    """Run a program to its end; its words are in the error when it fails."""
    done = subprocess.run(command, check=False, capture_output=True, text=True, **_surroundings(folder, owner))
    if done.returncode:
        raise ServerFailedError(f"{command[0]} failed: {done.stdout} {done.stderr}")


def launch(command: Sequence[str | Path], folder: Path, owner: str | None, log: Path) -> subprocess.Popen[bytes]:
    with log.open("ab") as output:
        give(log, owner)
        return subprocess.Popen(command, stdout=output, stderr=output, **_surroundings(folder, owner))


def _surroundings(folder: Path, owner: str | None) -> dict[str, Any]:
    """A plain environment: no PG* variable of ours, and messages in English. A session of its own, so that a
    Ctrl-C at the terminal reaches the tests, which then stop the servers in order."""
    about: dict[str, Any] = {
        "cwd": folder,
        "env": {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "TZ": "UTC"},
        "stdin": subprocess.DEVNULL,
        "start_new_session": True,
    }
    return about if owner is None else about | {"user": owner, "group": _group_of(owner), "extra_groups": ()}


def _group_of(owner: str) -> int:
    import pwd  # not on Windows, where nobody is root

    return pwd.getpwnam(owner).pw_gid


def wait_until(ready: Callable[[], bool], process: subprocess.Popen[bytes], log: Path) -> None:
    """Return when `ready` is true; raise with the end of the log when the server is gone or too slow."""
    end = time.monotonic() + START_S
    while not ready():
        if process.poll() is not None or time.monotonic() > end:
            words = log.read_text(errors="replace")[-2000:]
            raise ServerFailedError(f"{process.args!r} did not start (exit code {process.poll()}): {words}")
        time.sleep(0.02)


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def end(process: subprocess.Popen[bytes], how: signal.Signals = signal.SIGTERM) -> None:
    """Stop a server that may be gone already, and wait until it is."""
    if process.poll() is None:
        process.send_signal(how)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(30)
