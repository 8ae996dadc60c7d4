"""What the lab saw: `Lab`, the document of `poolsize lab --json`. Read from the bottom up."""

from __future__ import annotations

from msgspec import field

from poolsize.datatypes.quantities import ErrorReport, Quantity, Unread, Value
from poolsize.datatypes.stopped import Stopped


class LabMoment(Value, frozen=True):
    """The connections that were open at the end of a stretch of a run."""

    time_s: float
    """Since its start."""
    connections: int


class LabRun(Value, frozen=True):
    """The same requests, all under way at once, in one way of getting a connection. Seconds, counts."""

    requests: int
    served: int
    """They got what they asked for."""
    errors: int
    """Requests that failed, each of which ended at once."""
    unfinished: int = 0
    """Requests that were under way when the run was stopped."""
    error_kinds: dict[str, int] = field(default_factory=dict)
    """What those that failed were told -> how many."""
    p50_s: float | None = None
    """Percentiles of the time from a request's start to its end, of those served; None where none was."""
    p95_s: float | None = None
    p99_s: float | None = None
    wait_p99_s: float | None = None
    """Of the time until a request had its connection: in the pool's queue, or to open one."""
    mean_hold_s: float | None = None
    """Of the time from having a connection to giving it back or closing it."""
    requests_per_s: float = 0.0
    """Served, over the whole run."""
    elapsed_s: float = 0.0
    connections_opened: int = 0
    peak_connections: int = 0
    server_cpu_s: float | None = None
    """What all processes of the server spent in the run; None where it could not be read."""
    server_memory_bytes: int | None = None
    """The most private memory that they had, summed."""
    moments: tuple[LabMoment, ...] = ()
    """For a picture."""


class LessonTable(Value, frozen=True):
    """One table of a lesson: what is measured, ready for a person."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


class Lesson(Value, frozen=True):
    """A short experiment and what it shows."""

    name: str
    """The registry's: setup-cost, sizing, ..."""
    title: str
    setting: str
    """What was run, in one sentence."""
    table: LessonTable
    measured: dict[str, float] = field(default_factory=dict)
    """The numbers that `seen` speaks of, in base units, by names that state them."""
    seen: str = ""
    """One paragraph: what was seen, and what follows from it."""


class LessonLine(Value, frozen=True):
    """One entry of `lab --list`."""

    name: str
    title: str


class Lab(Value, frozen=True):
    """An experiment on a real database: the requests without and with a pool, or a lesson."""

    schema_version: int = 1
    command: str = "lab"
    poolsize_version: str = ""
    measured_at: str = ""
    """ISO 8601, UTC."""
    target: str = ""
    """The DSN with its password masked; empty for a server of its own."""
    server: str = ""
    """`PostgreSQL 18.0 at 127.0.0.1:15432/postgres`."""
    inputs: dict[str, Quantity] = field(default_factory=dict)
    free_connections: int | None = None
    """That the server had for it at the start; None where that is not known."""
    client_late_s: float | None = None
    """How late the same requests are on this machine without any database, at the 99th percentile."""
    beyond_client: bool = False
    """So late that the times below are this machine's as much as the database's."""
    unpooled: LabRun | None = None
    """Each request opens a connection at its first query, and keeps it to its end."""
    pooled: LabRun | None = None
    """Each takes one of the pool's while the database works for it."""
    readers: LabRun | None = None
    """SQLite alone, through a pool: requests that read."""
    writers: LabRun | None = None
    """SQLite alone, through the same pool: requests that write."""
    lesson: Lesson | None = None
    lessons: tuple[LessonLine, ...] = ()
    """Of `--list`."""
    seen: str = ""
    """One paragraph: what was seen, and what follows from it."""
    stopped: Stopped | None = None
    """Why it ended before its time; None: it ran to its end."""
    unread: tuple[Unread, ...] = ()
    reproduce: str = ""
    """The command that does it again."""
    next: tuple[str, ...] = ()
    error: ErrorReport | None = None
