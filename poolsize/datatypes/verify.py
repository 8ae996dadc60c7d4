"""Predicted beside measured: `Verification`, the document of `poolsize verify --json`. Read from the bottom up."""

from __future__ import annotations

from typing import Literal

from msgspec import field

from poolsize.datatypes.quantities import ErrorReport, Quantity, Value
from poolsize.datatypes.recommendation import Recommendation, Settings
from poolsize.datatypes.stopped import Stopped


class VerifiedRow(Value, frozen=True):
    """One figure: what is predicted of it, and what was measured. Seconds, shares, or a number per second."""

    metric: str
    """utilization, wait_probability, mean_wait_s, p95_wait_s, p99_wait_s, timeout_probability, opens_per_s or
    connections."""
    predicted: float | None
    """By simulation of this pool under the stated load; None: infinite."""
    measured: float | None
    low: float | None
    """Of the measured figure's confidence interval; all rows' together hold with 95 %."""
    high: float | None
    """None: without a bound, since too little was seen."""
    inside: bool | None
    """The prediction lies in the interval. None: not to be told, as `note` says."""
    from_measured_inputs: float | None = None
    """The same prediction for the load and the holds as they really were."""
    is_explained: bool | None = None
    """That one lies in the interval."""
    note: str = ""


class InputChange(Value, frozen=True):
    """An input that was really another."""

    name: str
    """hold_s, hold_scv, rate_per_s, think_s."""
    stated: float
    measured: float
    sentence: str
    """The real hold was 22 ms, not 20 ms: ..."""


class Senses(Value, frozen=True):
    """How fine this client can see. Seconds."""

    clock_s: float
    """Smallest difference that its clock shows."""
    delay_p50_s: float
    delay_p99_s: float
    """How much later than due its requests asked: the machine's and the interpreter's scheduling."""
    handover_p50_s: float
    handover_p99_s: float
    """How much later than a connection was free for it a request went on."""
    sees_from_s: float
    """Mean waits below it are the machine's as much as the pool's."""
    ceiling_per_s: float
    """Requests per second that it could make of a database that takes no time."""
    is_overloaded: bool
    """The client itself was the bottleneck: nothing here tells of the pool."""


class Goal(Value, frozen=True):
    """The goal of the recommendation held against the run."""

    p99_wait_s: float
    verdict: Literal["met", "missed", "open"]
    """open: the run was too short to tell."""
    late_share: float
    """Of the requests waited for longer than that; at most 1 % may."""
    low: float
    high: float


class Verification(Value, frozen=True):
    """A pool that was run for real, beside what is predicted of it."""

    schema_version: int = 1
    command: str = "verify"
    poolsize_version: str = ""
    made_at: str = ""
    """ISO 8601, UTC."""
    target: str = ""
    """The DSN with its password masked."""
    pool: str = ""
    """The kind of pool, as a registry key: sqlalchemy, sqlalchemy-async, psycopg_pool, pgbouncer."""
    pool_version: str = ""
    settings: Settings | None = None
    inputs: dict[str, Quantity] = field(default_factory=dict)
    """Of the load on this one pool, as stated."""
    measured_inputs: dict[str, Quantity] = field(default_factory=dict)
    """As they really were."""
    hold_law: str = ""
    work: str = ""
    """What held the connections: the statement."""
    is_sleep: bool = True
    """The holds were sleeps in the database, which tests the pool's arithmetic and not the user's SQL."""
    duration_s: float = 0.0
    """That was looked at."""
    warm_up_s: float = 0.0
    requests: int = 0
    errors: int = 0
    """Requests whose statement failed; they are in no figure."""
    batches: int = 0
    """Of the batch means that the intervals are from."""
    rows: tuple[VerifiedRow, ...] = ()
    goal: Goal | None = None
    changes: tuple[InputChange, ...] = ()
    senses: Senses | None = None
    stopped: Stopped | None = None
    """Why it ended early; None: it did not."""
    method: str = ""
    """How the predictions were obtained."""
    refined: Recommendation | None = None
    """`--refine`: the recommendation for the measured inputs."""
    reproduce: str = ""
    next: tuple[str, ...] = ()
    error: ErrorReport | None = None

    @property
    def is_no(self) -> bool:
        """The goal is missed, or a prediction lies outside: exit code 3."""
        is_missed = self.goal is not None and self.goal.verdict == "missed"
        return is_missed or any(row.inside is False for row in self.rows)
