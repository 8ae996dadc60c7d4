"""What is driven: a real pool, as one thread or task of an application uses it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from poolsize.datatypes import Settings

clock: Final = time.perf_counter
"""The finest clock that never goes back."""


class GaveUpError(Exception):
    """The pool's timeout: a result, no failure."""


class BrokenError(Exception):
    """The server, or the way to it, failed: with one sentence that names no secret."""


class Book:
    """What the pool did by itself, by `clock`; written by many threads."""

    def __init__(self) -> None:
        self.opened_s: list[float] = []
        """When each connection was ready."""
        self.took_s: list[float] = []
        """What opening it took."""
        self.ready_s: dict[int, float] = {}
        """From when on a connection that the pool opened in the background could be used, by its number."""
        self.sessions: set[int] = set()
        """What the server calls them: process numbers, or threads of MySQL."""

    def opens(self, begun_s: float, session: int) -> None:
        now_s = clock()
        self.sessions.add(session)
        self.opened_s.append(now_s)
        self.took_s.append(now_s - begun_s)


class Returned(threading.local):
    """When this thread's last connection went back."""

    at_s = 0.0


@dataclass(frozen=True)
class Work:
    """What a request does with its connection: a statement, which gets the drawn hold where it is a sleep."""

    statement: str
    is_sleep: bool

    def parameters(self, seconds: float) -> tuple[float, ...] | None:
        return (seconds,) if self.is_sleep else None


@dataclass(frozen=True)
class Order:
    """Which pool is to be opened, on what."""

    connect: Callable[[], Any]
    """A fresh connection of the driver's, in a transaction from its first statement on: psycopg or PyMySQL. Pools that
    open theirs in another way have it from `conninfo`."""
    dialect: str
    settings: Settings
    work: Work
    conninfo: str = field(default="", repr=False)
    """libpq's, with its secrets."""
    options: dict[str, Any] = field(default_factory=dict, repr=False)
    """Further arguments of psycopg's connect."""
    begin: str = "BEGIN"
    """What a client of a pooler opens its transactions with."""


class Client(Protocol):
    """One thread's way to the pool."""

    def ask(self) -> int:
        """Wait for a connection, and say which it is; raises GaveUpError."""

    def hold(self, seconds: float) -> None:
        """Do the work, of about so long."""

    def give_back(self) -> float:
        """The connection; gives the time at which it was anybody's again."""

    def recover(self) -> None:
        """From having given up, or from an error of the work."""

    def close(self) -> None:
        """What this client has open."""


class AsyncClient(Protocol):
    """One task's."""

    async def ask(self) -> int: ...

    async def hold(self, seconds: float) -> None: ...

    async def give_back(self) -> float: ...

    async def recover(self) -> None:
        """From an error of the work; never raises."""


class OpenPool(Protocol):
    """A pool that is open, with all the connections that it keeps."""

    @property
    def book(self) -> Book: ...

    def client(self) -> Client: ...

    def close(self) -> None: ...


class AsyncOpenPool(Protocol):
    """The same in an event loop."""

    @property
    def book(self) -> Book: ...

    def client(self) -> AsyncClient: ...

    async def close(self) -> None: ...
