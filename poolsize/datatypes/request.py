"""What a user asks of `recommend`, in the words of the command line; None: not stated, the default applies."""

from __future__ import annotations

from poolsize.datatypes.quantities import Value
from poolsize.datatypes.trace import Trace


class Request(Value, frozen=True):
    """The options of `poolsize recommend`, in seconds and counts. `recommend` turns them, with the facts, into a
    `Deployment`, a `Workload` and a `ServiceLevel`; it raises UsageError or WorkloadError for what contradicts."""

    workers: int
    """Processes per instance, >= 1."""
    threads: int | None = None
    """Requests one process works on at once; None: the worker type's own."""
    instances: int = 1
    surge: int | None = None
    """Extra instances alive during a rollout; None: a quarter of the instances, rounded up, 0 for one."""
    pools: int = 1
    checkouts_per_request: int = 1
    skew: float = 1.0
    worker_type: str | None = None
    """A name in WORKER_TYPES; None: the profile's, else gunicorn-gthread."""
    others: int | None = None
    """Connections of everything else on the same server; None: what the facts saw, at least 3."""

    rate_per_s: float | None = None
    """Checkouts per second at peak, over all processes."""
    hold_s: float | None = None
    """Mean time that one checkout holds a connection."""
    hold_p95_s: float | None = None
    hold_scv: float | None = None
    request_rate_per_s: float | None = None
    request_time_s: float | None = None
    request_p95_s: float | None = None
    think_s: float | None = None
    """Mean time that a thread spends between two checkouts."""
    in_use: float | None = None
    """Mean connections checked out at that rate, over all processes: by Little's law the rate times the hold."""
    hold_histogram: tuple[tuple[float, float], ...] = ()
    """Holds as they were measured: values, seconds, and the share of each."""
    trace: Trace | None = None
    """The checkouts of the whole service, as they were recorded."""
    usl: tuple[float, float] | None = None
    """alpha and beta of the Universal Scalability Law of the database."""
    usl_source: str = ""
    """The curve that was measured, in words; empty: they were stated."""
    profile: str | None = None
    """A name in the profiles; None: web-oltp where the workload is not stated."""

    p99_wait_s: float | None = None
    max_timeouts: float | None = None
    request_timeout_s: float | None = None
    connect_cost_s: float | None = None
    """Time to open one connection where the application runs; None: as measured by the probe."""
    db_cores: int | None = None
    current: tuple[int, int] | None = None
    """The present (pool_size, max_overflow), to be put beside the answer."""
