"""What a simulated pool does: `Simulation`, the document of `poolsize simulate --json`. Read from the bottom up."""

from __future__ import annotations

from msgspec import field

from poolsize.datatypes.quantities import ErrorReport, Quantity, Value


class Estimate(Value, frozen=True):
    """A number and its 95 % confidence interval. None: infinite, or no bound."""

    value: float | None
    low: float | None
    high: float | None


class Moment(Value, frozen=True):
    """The waits of the requests that came in a stretch of one run; None where none came."""

    time_s: float
    """Its end, since the first measured request."""
    mean_wait_s: float | None
    max_wait_s: float | None


class SimulatedPool(Value, frozen=True):
    """One capacity. Shares of the requests that a pool took, at any of the pools; rates of one pool; seconds."""

    capacity: int
    pool_size: int
    """Connections that it keeps."""
    wait_probability: Estimate
    """No connection is free at once."""
    timeout_probability: Estimate
    refused_probability: Estimate
    """Too many wait already: of all requests."""
    failure_probability: Estimate
    """Of a new request: neither it nor one of its retries gets a connection."""
    mean_wait_s: Estimate
    mean_acquire_s: Estimate
    """The wait, and the time to open a connection where the request does that itself."""
    p50_wait_s: Estimate
    p95_wait_s: Estimate
    p99_wait_s: Estimate
    utilization: Estimate
    throughput_per_s: Estimate
    opens_per_s: Estimate
    requests: int
    """Measured, over all replications."""
    replications: int
    is_settled: bool
    """The start of the runs is forgotten in what was measured."""
    method: str
    moments: tuple[Moment, ...]
    """One run, for a picture."""


class Simulation(Value, frozen=True):
    """A pool under a load, for one capacity or several."""

    schema_version: int = 1
    command: str = "simulate"
    poolsize_version: str = ""
    semantics: str = ""
    """The kind of pool, as a registry key: sqlalchemy, psycopg_pool, ..."""
    semantics_source: str = ""
    """The release whose source was read for it."""
    hold_law: str = ""
    """The law of the holds: constant, exponential, lognormal, gamma, h2, histogram, or recorded."""
    inputs: dict[str, Quantity] = field(default_factory=dict)
    seed: int = 0
    pools: tuple[SimulatedPool, ...] = ()
    reproduce: str = ""
    """The command that gives this answer again."""
    next: tuple[str, ...] = ()
    error: ErrorReport | None = None
