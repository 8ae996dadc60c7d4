"""The answer: `Recommendation`, the document of `poolsize recommend --json`. Read from the bottom up."""

from __future__ import annotations

from typing import Literal

from msgspec import field
from msgspec.structs import force_setattr

from poolsize.datatypes.facts import Database
from poolsize.datatypes.quantities import ErrorReport, Finding, Quantity, Value
from poolsize.datatypes.simulation import Estimate
from poolsize.datatypes.workload import Deployment

Verdict = Literal["fits", "does_not_fit", "misses_goal"]


class Settings(Value, frozen=True):
    """One pool's settings, in SQLAlchemy's words. Connections and seconds."""

    pool_size: int
    max_overflow: int
    pool_timeout_s: float
    pool_recycle_s: int | None = None
    """None: never recycle."""
    pool_pre_ping: bool = False

    @property
    def capacity(self) -> int:
        """The most connections this pool holds."""
        return self.pool_size + self.max_overflow


class Predicted(Value, frozen=True):
    """What the model predicts for one pool. None: not to be told to that precision from assumed numbers."""

    utilization: float | None = None
    wait_probability: float | None = None
    mean_wait_s: float | None = None
    p50_wait_s: float | None = None
    p95_wait_s: float | None = None
    p99_wait_s: float | None = None
    timeout_probability: float | None = None
    opens_per_s: float | None = None
    """Overflow connections opened per second, by one pool."""
    holds_up_to_per_s: float | None = None
    """Checkouts per second over all processes up to which the goal is still met."""
    limited_by: Literal["goal", "threads"] = "goal"
    """What ends it there: the goal, or the threads, which are then all busy while the pool never makes one wait."""
    method: str = ""
    """How it was obtained: `M/M/c+D, finite source`."""


class LimitCheck(Value, frozen=True):
    """The worst case held against one limit."""

    name: str
    limit: float
    others: float = 0
    demand: float = 0
    margin: float = 0
    """What is left: limit - others - demand, set by itself."""
    unit: str = "connections"
    source: str = ""

    def __post_init__(self) -> None:
        force_setattr(self, "margin", self.limit - self.others - self.demand)


class Candidate(Value, frozen=True):
    """A capacity (or worker type) beside the answer, with what it would mean."""

    label: str
    """`c - 1`, `c`, `c + 1`, a worker type, `current`."""
    settings: Settings
    predicted: Predicted
    worst_case: int | None
    """None: without a bound."""
    verdict: Verdict
    obstacle: str = ""
    """Why it is not an answer, in two words: too slow (waits), loses rate (threads wait, or the database is too slow),
    times out, too many, can stall, can block (requests hold one connection and wait for another), threads full, no
    bound."""
    note: str = ""


class PoolerSettings(Value, frozen=True):
    """A shared PgBouncer, and the application-side pool in front of it. Connections and seconds."""

    default_pool_size: int
    """Per user and database pair."""
    min_pool_size: int
    reserve_pool_size: int
    reserve_pool_timeout_s: float
    max_client_conn: int
    query_wait_timeout_s: float
    pool_mode: str
    application: Settings


class ScopeComparison(Value, frozen=True):
    """One pool per process against one shared pooler."""

    recommended: Literal["per process", "shared"]
    reason: str
    per_process_connections: int
    """Server connections in the worst case."""
    shared_connections: int
    shared_predicted: Predicted
    pooler: PoolerSettings


class SimulatedSize(Value, frozen=True):
    """A capacity that was simulated until it was known whether it meets the goal."""

    capacity: int
    late_probability: Estimate
    """P(wait > goal), which the goal wants at 1 % or less."""
    lost_share: float
    """Of the stated rate, because threads wait; at most 1 % too."""
    meets_goal: bool | None
    """None: the interval still holds the 1 %, so that it was not counted on."""


class Certificate(Value, frozen=True):
    """The pool of the answer as it was simulated, beside what the model says of it."""

    decided_by: Literal["exact model", "two models", "confirmed model", "simulation"]
    """What found the size: a model that is exact for this load, two models that differ to either side and agree on it,
    one that is near, and confirmed by the simulation as both are, or the simulation alone."""
    model_sizes: tuple[int, int]
    """The connections that the models say are needed, the same where they agree or there is one model."""
    capacity: int
    checkouts: int
    """That were simulated of the answer."""
    late_probability: Estimate
    """P(wait > goal)."""
    mean_wait_s: Estimate
    p99_wait_s: Estimate
    predicted_p99_wait_s: float
    """The model's."""
    agrees: bool
    """The simulation and the model tell the same story: their p99 within 20 % or the noise, and the same size."""
    sizes: tuple[SimulatedSize, ...] = ()
    """What the simulation looked at until the size was settled."""
    method: str = ""


class StableRange(Value, frozen=True):
    """The values of one input over which the settings stay the same; None: no bound found."""

    name: str
    low: float | None
    high: float | None
    unit: str


class Way(Value, frozen=True):
    """One change that would make it fit, with its number."""

    change: str
    number: float | None = None
    unit: str = ""


class Recommendation(Value, frozen=True):
    """The whole answer."""

    schema_version: int = 1
    command: str = "recommend"
    poolsize_version: str = ""
    made_at: str = ""
    """ISO 8601, UTC."""
    target: str = ""
    """The DSN with its password masked, or empty."""
    verdict: Verdict | None = None
    settings: Settings | None = None
    predicted: Predicted | None = None
    deployment: Deployment | None = None
    database: Database | None = None
    worst_case: int | None = None
    """Of `settings`."""
    worst_case_sum: str = ""
    """Of `settings` where they meet the goal, else of what would; `limits` holds the same against each limit."""
    limits: tuple[LimitCheck, ...] = ()
    binding: str | None = None
    """The name of the limit with the smallest margin, or of what bounds capacity."""
    limits_source: str = ""
    findings: tuple[Finding, ...] = ()
    inputs: dict[str, Quantity] = field(default_factory=dict)
    neighbours: tuple[Candidate, ...] = ()
    alternatives: tuple[Candidate, ...] = ()
    current: Candidate | None = None
    scope: ScopeComparison | None = None
    ranges: tuple[StableRange, ...] = ()
    breaks_first: str | None = None
    """The input of `ranges` that, in proportion, has the least room."""
    ways_to_fit: tuple[Way, ...] = ()
    memory_bytes: int | None = None
    """Server memory of the connections in `worst_case_sum`."""
    certificate: Certificate | None = None
    """None: not asked for, nothing to certify in an assumed workload, or nobody ever waits."""
    nobody_waits: bool = False
    """Each thread has a connection of its own."""
    hold_law: str = ""
    """The law of the holds that was taken: exponential, lognormal, two-class mixture, histogram, constant."""
    workings: tuple[str, ...] = ()
    """The formula worked by hand, a line each, for `--explain`."""
    assumed_workload: bool = False
    """The rate or the hold is a profile's, so that no wait is predicted."""
    reproduce: str = ""
    """The command that gives this answer again."""
    next: tuple[str, ...] = ()
    error: ErrorReport | None = None

    @property
    def is_no(self) -> bool:
        """The answer is no: exit code 3."""
        return self.verdict != "fits" or any(finding.severity == "blocking" for finding in self.findings)
