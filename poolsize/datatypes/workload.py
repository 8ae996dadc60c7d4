"""What is asked of the pool (`Workload`), by whom (`Deployment`), and how well (`ServiceLevel`)."""

from __future__ import annotations

from poolsize.datatypes.quantities import Quantity, Value


class Workload(Value, frozen=True):
    """The load of the whole service on one database.

    Exactly one of `rate_per_s` and `think_s` is given; the other follows from the deployment's threads.
    """

    hold_s: Quantity
    """Mean time that one checkout holds a connection, seconds, > 0."""
    rate_per_s: Quantity | None = None
    """Checkouts per second at peak over all processes, > 0."""
    think_s: Quantity | None = None
    """Mean time that a thread spends between two checkouts, seconds, >= 0."""
    hold_scv: Quantity | None = None
    """Squared coefficient of variation of the hold, >= 0; None: 1, exponential, assumed."""
    law: str = "exponential"
    """The law of the hold, as the report names it: exponential, lognormal, two-class mixture, histogram."""
    histogram: tuple[tuple[float, float], ...] = ()
    """Of the law `histogram`: its values, seconds, ascending, and the share of each."""
    profile: str | None = None


class Deployment(Value, frozen=True):
    """Who shares the database: instances × processes × pools, each process with threads."""

    processes: int
    """Processes per instance (`--workers`)."""
    instances: int = 1
    threads: int | None = 1
    """The most requests one process works on at once; None: no bound (async)."""
    surge: int = 0
    """Extra instances alive during a rollout."""
    pools: int = 1
    """Engines, each with its own pool, per process."""
    checkouts_per_request: int = 1
    """Connections that one request holds at the same time."""
    skew: float = 1.0
    """Load of the busiest process over the mean, >= 1."""
    worker_type: str = "gunicorn-gthread"
    release_needs_thread: bool = False
    """A finished request needs a thread token before it can give its connection back (FastAPI sync routes)."""

    @property
    def steady_pools(self) -> int:
        """Pools alive outside a rollout."""
        return self.instances * self.processes * self.pools

    @property
    def peak_pools(self) -> int:
        """Pools alive during a rollout."""
        return (self.instances + self.surge) * self.processes * self.pools

    def worst_case(self, capacity: int) -> int:
        """Connections when every pool is full during a rollout."""
        return self.peak_pools * capacity

    def worst_case_sum(self, capacity: int) -> str:
        """The same as a sum that a person can check: `(2 + 1) instances × 4 processes × 1 pool × 5 = 60`."""
        alive = f"({self.instances} + {self.surge})" if self.surge else f"{self.instances}"
        return (
            f"{alive} {_plural(self.instances + self.surge, 'instance')} × {self.processes} "
            f"{_plural(self.processes, 'process')} × {self.pools} {_plural(self.pools, 'pool')} × {capacity} "
            f"= {self.worst_case(capacity)}"
        )


class ServiceLevel(Value, frozen=True):
    """The goal. Seconds and a probability."""

    p99_wait_s: Quantity
    max_timeouts: Quantity
    request_timeout_s: Quantity


def _plural(count: int, noun: str) -> str:
    if count == 1:
        return noun
    return noun + ("es" if noun.endswith("s") else "s")
