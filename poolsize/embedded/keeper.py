"""Keep one throw-away PostgreSQL for the process at the other end of stdin, and remove every trace when that ends.

A program of its own, since no context manager can promise the last part: SIGTERM and SIGKILL end a process without
running its clean-up, and Ctrl-C may strike between any two steps of it. This one only ends when its stdin is
closed, which the operating system does for a process that is gone. It runs by its path, with the standard library
alone. What it says on stdout, one JSON object a line: {"doing", "share"} while it works, then {"host", "port",
"user", "password", "folder"} or {"failed"}, and at the end {"left"} if something could not be removed.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import IO, Any, Final, NamedTuple

ACCOUNTS: Final = ("nobody", "daemon", "postgres")
"""Who runs the server when we are root, whom PostgreSQL refuses: the least privileged first, and last the one that
may own a real database."""

START_S: Final = 60
"""How long the server may take to start: a small machine under load needs a few seconds."""

STOP_S: Final = 30
"""An immediate stop takes 5 s at most before PostgreSQL kills what is left (SIGKILL_CHILDREN_AFTER_SECS)."""

REMOVE_TRIES: Final = 10

PORT_TRIES: Final = 5
"""A port found free may be taken before the server listens on it."""

_SETTINGS: Final = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",  # a socket's path may be 107 bytes long, a temporary folder's longer
    "fsync": "off",  # it is thrown away: nothing need survive a crash
    "synchronous_commit": "off",
    "full_page_writes": "off",
}


class FailedError(Exception):
    """Why the server cannot be had, in one sentence."""


class Place(NamedTuple):
    """Where the server lives, and as whom its programs run."""

    folder: Path
    programs: Path
    """Holds bin/, lib/, share/."""
    identity: dict[str, Any]
    """Arguments of subprocess.run that change the account; empty: we ourselves."""

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def log(self) -> Path:
        return self.folder / "server.log"


def main(arguments: dict[str, Any]) -> None:
    """Serve until stdin ends."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            # A handler, not SIG_IGN, which the server would inherit.
            signal.signal(getattr(signal, name), lambda _number, _frame: None)
    with contextlib.ExitStack() as left:
        try:
            place = find_place(Path(arguments["programs"]), left)
            _say(**_serve(place, arguments["max_connections"], left))
            sys.stdin.buffer.read()
        except FailedError as error:
            _say(failed=str(error))
        except OSError as error:
            _say(failed=f"{_reason(error)}.")


def find_place(programs: Path, left: contextlib.ExitStack) -> Place:
    """A folder in which the programs run; `left` removes it.

    As root, the programs are copied into it, since their own folder may lie in a home that others may not enter; a
    temporary folder may also forbid to run programs (noexec), or be out of reach for the account.
    """
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return Place(_new_folder(None, left), programs, {})
    accounts = _existing_accounts()
    if not accounts:
        raise FailedError(
            f"it refuses to run as root, and there is no account {' or '.join(ACCOUNTS)}: run as an ordinary user."
        )
    for parent in dict.fromkeys((tempfile.gettempdir(), "/var/tmp", "/tmp")):  # noqa: S108 - mkdtemp makes them private
        if not os.access(parent, os.W_OK | os.X_OK):
            continue
        _say(doing="copying the server's programs", share=0.1)
        folder = _new_folder(parent, left)
        copied = copy_programs(programs, folder)
        for identity in accounts:
            _give(folder, identity)
            if _can_run(copied / "bin" / "postgres", identity):
                return Place(folder, copied, identity)
        _remove(folder)
    raise FailedError("no temporary folder lets an unprivileged account run programs: set TMPDIR to one that does.")


def _existing_accounts() -> list[dict[str, Any]]:
    if sys.platform == "win32":
        return []
    import pwd  # here: Windows has none

    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    found = [known[name] for name in ACCOUNTS if name in known]
    return [{"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": ()} for entry in found]


def _new_folder(parent: str | None, left: contextlib.ExitStack) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="poolsize-", dir=parent)).resolve()
    left.callback(_remove, folder)
    return folder


def copy_programs(programs: Path, folder: Path) -> Path:
    """Copy them with the libraries that they look for beside their package, at the same distance."""
    package = programs.parent
    copied = folder / package.name / programs.name
    shutil.copytree(programs, copied, symlinks=True, ignore=shutil.ignore_patterns("include"))  # only compilers read it
    for libraries in (package.with_name(f"{package.name}.libs"), package / ".dylibs"):  # Linux, macOS
        if libraries.is_dir():
            shutil.copytree(libraries, folder / libraries.relative_to(package.parent), symlinks=True)
    return copied


def _give(folder: Path, identity: dict[str, Any]) -> None:
    for path in itertools.chain((folder,), folder.rglob("*")):
        os.chown(path, identity["user"], identity["group"], follow_symlinks=False)


def _can_run(program: Path, identity: dict[str, Any]) -> bool:
    try:
        return subprocess.run([program, "--version"], capture_output=True, check=False, **identity).returncode == 0
    except (OSError, subprocess.SubprocessError):
        return False  # the account cannot reach it, or cannot be taken on in this container


def _serve(place: Place, max_connections: int, left: contextlib.ExitStack) -> dict[str, Any]:
    """A running server, which `left` stops; where it is and how to log in."""
    password = secrets.token_urlsafe(18)
    _say(doing="creating the database", share=0.3)
    _create(place, password)
    for attempt in range(1, PORT_TRIES + 1):
        port = _free_port()
        _configure(place, port, max_connections)
        _say(doing="starting the server", share=0.8)
        if _start(place, left):
            break
        words = _last_words(place.log)
        if attempt == PORT_TRIES or "could not create any TCP/IP sockets" not in words:
            raise FailedError(words)
    login = {"user": "postgres", "password": password}
    return {"host": "127.0.0.1", "port": port, "folder": str(place.folder), **login}


def _create(place: Place, password: str) -> None:
    secret = place.folder / "password"
    secret.touch(mode=0o600)
    secret.write_text(password, encoding="ascii")
    if place.identity:
        _give(secret, place.identity)
    code = _run(
        place, "initdb", "-D", place.data, "-U", "postgres", "-A", "scram-sha-256", f"--pwfile={secret}",
        "--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions",
    )  # fmt: skip
    secret.unlink()
    if code:
        raise FailedError(_last_words(place.folder / "programs.log"))


def _configure(place: Place, port: int, max_connections: int) -> None:
    """At the end of the file, where the last value of a setting counts."""
    settings = {**_SETTINGS, "port": port, "max_connections": max_connections}
    with (place.data / "postgresql.conf").open("a", encoding="utf-8") as file:
        file.writelines(f"{name} = '{value}'\n" for name, value in settings.items())


def _start(place: Place, left: contextlib.ExitStack) -> bool:
    """Whether the server is ready; if not, its log says why."""
    if sys.platform == "win32":  # where it refuses to run as an administrator, whose rights only pg_ctl gives away
        left.callback(_run, place, "pg_ctl", "stop", "-D", place.data, "-m", "immediate", "-w", "-t", str(STOP_S))
        return _run(place, "pg_ctl", "start", "-D", place.data, "-l", place.log, "-w", "-t", str(START_S)) == 0
    # Our own child, since the first process of a container may not clear away what others leave to it.
    with place.log.open("ab") as output:
        server = subprocess.Popen(
            [place.programs / "bin" / "postgres", "-D", place.data], **_surroundings(place, output)
        )
    left.callback(_stop, server)
    end = time.monotonic() + START_S
    while server.poll() is None and time.monotonic() < end:
        if is_ready(place.data / "postmaster.pid"):
            return True
        time.sleep(0.02)
    return False


def is_ready(file: Path) -> bool:
    """As pg_ctl finds out: PostgreSQL writes its state into the eighth line of its lock file."""
    try:
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return False
    return len(lines) >= 8 and lines[7].strip() == "ready"


def _stop(server: subprocess.Popen[bytes]) -> None:
    """At once (SIGQUIT): nobody needs its data any more."""
    if sys.platform != "win32" and server.poll() is None:
        server.send_signal(signal.SIGQUIT)
        try:
            server.wait(STOP_S)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _run(place: Place, program: str, *arguments: str | Path) -> int:
    """Run one of the programs to its end; its words go to a file, since a server that pg_ctl starts on Windows would
    hold a pipe open."""
    with (place.folder / "programs.log").open("ab") as output:
        command = [place.programs / "bin" / program, *arguments]
        return subprocess.run(command, check=False, **_surroundings(place, output)).returncode


def _surroundings(place: Place, output: IO[bytes]) -> dict[str, Any]:
    """None of the user's PG* variables, and messages in English."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    streams = {"stdin": subprocess.DEVNULL, "stdout": output, "stderr": output}
    return {**streams, "cwd": place.folder, "env": {**environment, "LC_ALL": "C"}, **place.identity}


def _last_words(log: Path) -> str:
    """Why a program gave up: its last fatal message, else its last line; of a server's line only the message."""
    text = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
    # That a file "contains errors" is said after each of them has been named.
    lines = [line for line in text.splitlines() if line.strip() and "contains errors" not in line]
    fatal = [line for line in lines if "FATAL:" in line]
    last = (fatal or lines or ["it gave no reason"])[-1]
    return re.sub(r"^.*?\b(?:LOG|ERROR|FATAL|PANIC):", "", last).strip().rstrip(".") + "."


def _reason(error: OSError) -> str:
    """Of a copy of many files, the first that failed: shutil.Error lists (from, to, why)."""
    return str(error.args[0][0][2]) if isinstance(error, shutil.Error) else f"{error.strerror}: {error.filename}"


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _remove(folder: Path) -> None:
    """Windows lets go of the files of a program that has ended only a moment later."""
    for _ in range(REMOVE_TRIES):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(0.2)
    _say(left=f"its folder {folder} could not be removed")


def _say(**words: Any) -> None:
    """To whoever started us, if still there."""
    with contextlib.suppress(BrokenPipeError):
        print(json.dumps(words), flush=True)  # noqa: T201 - the pipe is how we talk


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
