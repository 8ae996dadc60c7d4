"""What a server on this machine spends: the processor time and the private memory of its processes."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from typing import Final, NamedTuple

import psutil

from poolsize import host
from poolsize.datatypes import DatabaseFacts, Unread
from poolsize.errors import DatabaseError
from poolsize.live.target import Target

_REST: Final = 10.0
"""Memory is read again after this many times what the reading took, so that it takes a tenth of a processor at most."""
_SOON_S: Final = 0.1
_SETTLED_S: Final = 2.0
"""A session's process ends within milliseconds of its client's leaving; on a busy machine it may be a second."""
_KEEPS_TIMES_OF_ENDED: Final = sys.platform.startswith("linux")
"""psutil's documentation, cpu_times: the times of ended children are Linux's alone."""
_MYSQL_NAMES: Final = ("mariadbd", "mysqld")


class ServerProcesses:
    """`root` and its children, which PostgreSQL has for its sessions and MySQL has not."""

    def __init__(self, root: psutil.Process, *, has_children: bool) -> None:
        self._root = root
        self._has_children = has_children

    def count(self) -> int:
        return len(self._all())

    def cpu_s(self) -> float | None:
        """Since the server's start, with that of sessions that have ended; None where the system does not keep it."""
        if self._has_children and not _KEEPS_TIMES_OF_ENDED:
            return None
        try:
            times = self._root.cpu_times()
        except psutil.Error:
            return None
        spent = times.user + times.system + times.children_user + times.children_system
        for process in self._all()[1:]:
            with contextlib.suppress(psutil.Error):  # it has ended meanwhile
                own = process.cpu_times()
                spent += own.user + own.system
        return float(spent)

    def memory_bytes(self) -> int | None:
        """Private, of all of them; None where this account may not read one that runs."""
        total = 0
        for process in self._all():
            found = host.private_memory_bytes(process)
            if found is None and process.is_running():
                return None
            total += found or 0
        return total

    def settle(self, count: int) -> None:
        """Until no more than `count` processes are left, so that all of a run's time is in the server's."""
        end = time.monotonic() + _SETTLED_S
        while self.count() > count and time.monotonic() < end:
            time.sleep(0.02)

    def _all(self) -> list[psutil.Process]:
        children: list[psutil.Process] = []
        if self._has_children:
            with contextlib.suppress(psutil.Error):
                children = self._root.children()
        return [self._root, *children]


class Spent(NamedTuple):
    cpu_s: float | None
    memory_bytes: int | None


class ServerMeter:
    """A context around a run: what the server spent in it. `processes` None: nothing can be known."""

    def __init__(self, processes: ServerProcesses | None, first_look_s: float) -> None:
        self._processes = processes
        self._first_look_s = first_look_s
        self._ended = threading.Event()
        self._memory: list[int] = []
        self._thread = threading.Thread(target=self._look, name="poolsize server memory", daemon=True)
        self.spent = Spent(None, None)

    def __enter__(self) -> ServerMeter:
        if self._processes is not None:
            self._count, self._cpu_s = self._processes.count(), self._processes.cpu_s()
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        if self._processes is None:
            return
        self._thread.join()
        self._processes.settle(self._count)
        cpu_s = self._processes.cpu_s()
        spent_s = None if cpu_s is None or self._cpu_s is None else cpu_s - self._cpu_s
        self.spent = Spent(spent_s, max(self._memory, default=None))

    def _look(self) -> None:
        """First when most connections are open, which costs time of this process that the requests want too."""
        pause_s = self._first_look_s
        while self._processes is not None and not self._ended.wait(pause_s):
            start = time.perf_counter()
            found = self._processes.memory_bytes()
            if found is None:
                return
            self._memory.append(found)
            pause_s = max(_SOON_S, _REST * (time.perf_counter() - start))


def server_processes(target: Target, facts: DatabaseFacts) -> ServerProcesses | Unread:
    """Those of the target's server, or why nothing of them can be known."""
    database = facts.database
    dialect = database.dialect if database is not None else ""
    if dialect == "sqlite":
        return _unread("SQLite has no server: its work is done in this process.")
    if database is None or not database.is_local:
        return _unread("The server does not run on this machine.", "run the lab on the server's machine")
    if database.pooler is not None:
        return _unread("A pooler answers in the server's place.", "give the server's own DSN")
    root = _postmaster(target) if dialect == "postgresql" else _listening(database.port)
    if root is None:
        return _unread("The server's processes could not be found here.", "run the lab as root or the server's account")
    return ServerProcesses(root, has_children=dialect == "postgresql")


def _unread(reason: str, remedy: str = "") -> Unread:
    return Unread(name="server_cpu_s, server_memory_bytes", reason=reason, remedy=remedy)


def _postmaster(target: Target) -> psutil.Process | None:
    """The parent of a fresh session's process."""
    try:
        connection = target.connect()
    except DatabaseError:
        return None
    try:
        session = host.server_process(connection.info.backend_pid, name="postgres", started_at=time.time())
        return session.parent() if session is not None else None
    except psutil.Error:
        return None
    finally:
        target.close(connection)


def _listening(port: int | None) -> psutil.Process | None:
    try:
        for one in psutil.net_connections("tcp"):
            if one.status == psutil.CONN_LISTEN and one.laddr and one.laddr.port == port and one.pid:
                process = psutil.Process(one.pid)
                return process if process.name().lower().startswith(_MYSQL_NAMES) else None
    except (psutil.Error, OSError):
        return None
    return None
