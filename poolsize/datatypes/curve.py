"""What a database does at each concurrency: `Curve`, the document of `poolsize curve --json`. Read from the bottom
up."""

from __future__ import annotations

from typing import Literal

from poolsize.datatypes.ceiling import ClientCeiling
from poolsize.datatypes.facts import Database
from poolsize.datatypes.quantities import ErrorReport, Finding, Value
from poolsize.datatypes.simulation import Estimate
from poolsize.datatypes.stopped import Stopped


class CurvePoint(Value, frozen=True):
    """One concurrency, over all runs of it. Seconds, and operations per second."""

    concurrency: int
    """Connections that were kept busy, without a pause."""
    active: float
    """Of them at work on average, throughput × latency: the client's own share of the time is not in it."""
    throughput_per_s: float
    latency_s: float
    """Mean time of one operation."""
    p95_latency_s: float
    speed: float
    """Of one connection, beside the speed of one alone: 1 where none slows the others down."""
    runs_per_s: tuple[float, ...]
    """The throughput of each run."""
    errors: int = 0
    client_share: float = 0.0
    """Of the time of the busiest client process that it worked itself; it cannot work more than 1."""
    beyond_client: bool = False
    """The client could not do more, so that this says little of the database. The law is fitted without it."""


class UslLaw(Value, frozen=True):
    """The Universal Scalability Law X(N) = gamma N / (1 + alpha (N - 1) + beta N (N - 1)), fitted to all runs, with
    95 % intervals by bootstrap; without bounds where too few levels were measured for any."""

    alpha: Estimate
    """Contention: the share of the work that one connection does at a time."""
    beta: Estimate
    """Crosstalk: what each pair of busy connections costs."""
    single_per_s: Estimate
    """gamma: throughput of one connection alone."""
    peak_concurrency: Estimate
    """With more connections it gets less done. No value where the points do not show it."""
    peak_per_s: Estimate
    """The throughput there; no value without a peak."""
    knee_concurrency: float | None
    """Where throughput / latency is largest: beyond it, more is lost in latency than is won in throughput. None where
    it lies beyond the points."""
    cautious: tuple[float, float]
    """alpha and beta through the upper ends of the slow-down's intervals: for a decision in which too little slow-down
    is the costly error."""
    residual: float
    """Of the runs' relative differences from the law: their root mean square, as their median tells it."""
    measured_up_to: float
    verdict: Literal["measured", "rising", "doubtful"]
    """measured: the peak lies within the points. rising: it was not reached. doubtful: something speaks against the
    law."""
    doubts: tuple[str, ...] = ()
    """What."""

    def throughput_per_s(self, busy: float) -> float:
        """Of so many busy connections by the law, which beyond `measured_up_to` is a guess."""
        alpha, beta, single = self.alpha.value or 0.0, self.beta.value or 0.0, self.single_per_s.value or 0.0
        return single * busy / (1.0 + alpha * (busy - 1.0) + beta * busy * (busy - 1.0))


class Curve(Value, frozen=True):
    """A capacity curve."""

    schema_version: int = 1
    command: str = "curve"
    poolsize_version: str = ""
    measured_at: str = ""
    """ISO 8601, UTC."""
    target: str = ""
    """The DSN with its password masked."""
    database: Database | None = None
    statements: tuple[str, ...] = ()
    """As they were run. Not kept in the history, since they may hold anybody's data."""
    is_built_in: bool = False
    """Nothing of the user's own: the curve is that of the server's processors."""
    points: tuple[CurvePoint, ...] = ()
    usl: UslLaw | None = None
    """None: too few points for a law."""
    ceiling: ClientCeiling | None = None
    """What each client process can do by itself."""
    processes: int = 1
    """Client processes that made the load."""
    run_s: float = 0.0
    """How long each run was measured."""
    usual_beat_s: float = 0.0
    """What a trivial statement beside the load took before it, median."""
    slowest_beat_s: float = 0.0
    """The slowest during it."""
    stopped: Stopped | None = None
    """Why it ended before its time."""
    findings: tuple[Finding, ...] = ()
    reproduce: str = ""
    next: tuple[str, ...] = ()
    error: ErrorReport | None = None


class StoredCurve(Value, frozen=True):
    """A curve from the history."""

    curve: Curve
    saved_at: str
    """ISO 8601, UTC."""
