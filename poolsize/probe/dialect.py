"""What every dialect's probe is given, and what it looks like."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from poolsize.datatypes import DatabaseFacts, Value
from poolsize.dsn import Dsn


class ProbeOptions(Value, frozen=True):
    """The bounds of a probe. Seconds and counts."""

    budget_s: float = 20.0
    """Total time, at least that of one connect timeout; what does not fit is listed as unread."""
    connect_timeout_s: float = 5.0
    statement_timeout_s: float = 3.0
    samples: int | None = None
    """Fresh connections at most; None: 100 on this machine, 20 elsewhere."""
    burst: int = 5
    """Connections opened at once, 0 for none; none either when fewer than ten slots are free."""
    show_queries: bool = False
    own: tuple[str, ...] = ()
    """Application names whose sessions are this service's; empty: all sessions of the DSN's role in its database."""


Progress = Callable[[str, float], None]
"""Told what is being done and the share done, 0..1."""


class ProbeDialect(Protocol):
    """Ask one kind of database. Raises the children of DatabaseError, with the facts known so far."""

    def __call__(self, dsn: Dsn, options: ProbeOptions, on_progress: Progress) -> DatabaseFacts: ...


@dataclass(frozen=True)
class Dialect:
    """One entry of DIALECTS. `module` is imported on first use, since a driver is slow to load."""

    name: str
    title: str
    module: str
    driver: str
    """The module that must be importable; empty when it is in the standard library."""
    extra: str
    """The extra that installs the driver."""
