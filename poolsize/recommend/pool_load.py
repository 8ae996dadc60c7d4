"""The load of one pool, from the load of the whole service."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from poolsize.datatypes import Deployment, Workload
from poolsize.errors import WorkloadError
from poolsize.queueing import Closed, Hold, Load, Open, Usl, Wait, solve

if TYPE_CHECKING:
    from poolsize.queueing.fleet import Fleet

Model = Literal["exponential", "volterra"]
LOST_SHARE: Final = 0.01
"""Threads that wait for a connection come back later, so that a pool far too small would slow them down until hardly
any waits long. A pool that costs more than 1 % of the stated rate does not carry it: no rate is known better."""
_ROUNDS: Final = 20
_SETTLED: Final = 1e-3
"""A tenth of what may be lost of the stated rate."""
_ROUNDING: Final = 1e-9
"""So that a whole number of processes that are all busy, which is too few, is not taken for one fewer."""
_MOST_CONNECTIONS: Final = 262_143
"""The largest max_connections of any server here: PostgreSQL's (18, guc_parameters.dat and MAX_BACKENDS)."""


class Correction(NamedTuple):
    """By what a simulation showed the model's shares to be too low (above 1) or too high."""

    late: float = 1.0
    """Of requests that wait for longer than the goal."""
    lost: float = 1.0
    """Of the rate that does not get through."""
    keeps_all: bool = False
    """Opening connections made waits too long, so that all are kept."""
    least: int = 0
    """Fewer did not pass, which no factor says."""


UNCORRECTED: Final = Correction()


@dataclass(frozen=True)
class PoolLoad:
    """What one pool is asked for, and between which capacities it may be."""

    load: Load
    hold: Hold
    nested_floor: int
    """The least capacity at which requests that hold a connection and wait for another cannot block each other."""
    ceiling: int | None
    """The most connections that its threads can hold at once; None: no bound."""
    stalls_below: int = 0
    """The capacity below which the threads can all wait in the pool while finished requests need one to give their
    connections back."""
    usl: Usl | None = None
    """How the database slows down with the connections of all `peers`; None: not known, so that it does not."""
    peers: int = 1
    """Pools like this one on the same database, itself among them."""
    model: Model | None = None
    """Which model of the holds; None: by their law."""
    correction: Correction = UNCORRECTED
    slowed_s: float | None = None
    """The mean hold on the database as busy as it is at the stated rate; None: as when it has nothing else to do."""
    is_recorded: bool = False
    """What comes was recorded, so that it need not come by chance as the model has it."""

    @property
    def floor(self) -> int:
        """The least capacity at which requests cannot keep each other from going on."""
        return max(self.nested_floor, self.stalls_below)

    @property
    def is_exact(self) -> bool:
        """The model is no approximation: holds are exponential, requests come by chance, and the database does not
        slow down."""
        return self.hold.law_name == "exponential" and self.usl is None and not self.is_recorded

    @property
    def held_s(self) -> float:
        """The mean hold at the stated rate."""
        return self.hold.mean_s if self.slowed_s is None else self.slowed_s

    def is_unwaited(self, capacity: int) -> bool:
        """So many connections are never all held while somebody wants one."""
        return self.ceiling is not None and capacity >= self.ceiling

    @property
    def least(self) -> int:
        """With fewer connections the load drowns the pool, or requests block each other."""
        return max(self.floor, math.ceil((1.0 - LOST_SHARE) * self.erlangs), self.correction.least, 1)

    @property
    def rate_per_s(self) -> float:
        """Checkouts per second while nobody waits."""
        if isinstance(self.load, Open):
            return self.load.rate_per_s
        return self.load.threads / (self.load.think_s + self.held_s)

    @property
    def erlangs(self) -> float:
        """Connections held on average while nobody waits."""
        return self.rate_per_s * self.held_s

    def solve(self, capacity: int, timeout_s: float = math.inf) -> Wait:
        """How requests fare at so many connections."""
        if self.usl is None:
            return _solved(self.load, self.hold, capacity, timeout_s, self.model)
        return self.fleet(self.usl, capacity, timeout_s).from_empty.waits[0]

    def is_stable(self, capacity: int, timeout_s: float) -> bool:
        """Not one of those fleets that stay collapsed after a burst, because all their connections together slow the
        database down for good."""
        return self.usl is None or not self.fleet(self.usl, capacity, timeout_s).is_bistable

    def fleet(self, usl: Usl, capacity: int, timeout_s: float) -> Fleet:
        """All the pools on the database."""
        return _fleet(self.peers, self.load, self.hold, capacity, timeout_s, usl)

    def late(self, wait: Wait, goal_s: float) -> float:
        """The share of requests that wait for longer than the goal, as far as is known."""
        return min(wait.exceeds(goal_s) * self.correction.late, 1.0)

    def lost(self, wait: Wait) -> float:
        """The share of the stated rate that does not get through, as far as is known: because threads wait, or because
        the database is too slow for it at any number of connections."""
        return min((1.0 - wait.throughput_per_s / self.rate_per_s) * self.correction.lost, 1.0)

    def without_stall(self) -> PoolLoad:
        """The same where something else keeps finished requests from having to wait for a thread."""
        return replace(self, stalls_below=0)

    def at_rate(self, rate_per_s: float) -> PoolLoad:
        """The same threads and holds under another rate, > 0 and below what the threads can make."""
        if isinstance(self.load, Open):
            return replace(self, load=Open(rate_per_s))
        threads = self.load.threads
        if self.usl is None:
            return replace(self, load=Closed(threads, threads / rate_per_s - self.hold.mean_s))
        return _slowed(self, rate_per_s, self.usl)


def _slowed(pool: PoolLoad, rate_per_s: float, usl: Usl) -> PoolLoad:
    """With the think time at which so much comes from the threads while nobody waits, on a database that slows down
    as it is then. That of a database with nothing else to do where no think time is short enough: the rate is then
    too much for it at any number of connections, and part of it is lost."""
    threads = pool.ceiling or 1
    think_s = threads / rate_per_s - pool.hold.mean_s
    guess = think_s
    for _ in range(_ROUNDS):
        tried = replace(pool, load=Closed(threads, guess))
        done_per_s = tried.fleet(usl, threads, math.inf).from_empty.waits[0].throughput_per_s
        if abs(done_per_s / rate_per_s - 1.0) <= _SETTLED:
            return replace(tried, slowed_s=threads / rate_per_s - guess)
        guess += threads / rate_per_s - threads / done_per_s
        if guess <= 0.0:
            break
    return replace(pool, load=Closed(threads, think_s), slowed_s=None)


@lru_cache(maxsize=1024)
def _solved(load: Load, hold: Hold, capacity: int, timeout_s: float, model: Model | None) -> Wait:
    """Kept, since the ranges of the inputs come back to the same pools, and a law of holds takes a millisecond."""
    return solve(load, hold, capacity, timeout_s=timeout_s, model=model)


@lru_cache(maxsize=1024)
def _fleet(count: int, load: Load, hold: Hold, capacity: int, timeout_s: float, usl: Usl) -> Fleet:
    """Kept, since the goal, the timeout and the stability are each asked of the same pools."""
    from poolsize.queueing.fleet import solve_fleet  # here: numpy is loaded only where a curve was measured
    from poolsize.queueing.fleet_pools import Pools

    return solve_fleet([Pools(count, load, hold, capacity, timeout_s)], usl)


def total_rate_per_s(workload: Workload, deployment: Deployment) -> float:
    """Checkouts per second over all processes: as given, or from the time that threads spend between checkouts."""
    if workload.rate_per_s is not None:
        return workload.rate_per_s.value
    if workload.think_s is None or deployment.threads is None:
        raise WorkloadError("A think time needs a number of threads: state --rate for an async worker.")
    sources = deployment.instances * deployment.processes * deployment.threads * deployment.checkouts_per_request
    return sources / (workload.think_s.value + workload.hold_s.value)


def pool_load(
    workload: Workload, deployment: Deployment, *, usl: Usl | None = None, correction: Correction = UNCORRECTED
) -> PoolLoad:
    """The load of one pool of the busiest process: rate / (instances × processes) × skew / pools.

    On a database that slows down, as many pools are as busy as this one as make up the whole load. Threads are a
    finite source: each of threads × (connections per request) sources spends sources / rate - hold between two
    checkouts. Raises WorkloadError when that is not above 0: the threads cannot make so many checkouts.
    """
    rate = total_rate_per_s(workload, deployment)
    per_pool = rate / (deployment.instances * deployment.processes) * deployment.skew / deployment.pools
    hold = hold_of(workload)
    _check_size(rate, hold)
    if deployment.threads is None:
        pool = PoolLoad(Open(per_pool), hold, nested_floor=1, ceiling=None)
    else:
        pool = _threads(per_pool, hold, deployment, deployment.threads)
    peers = max(round(deployment.steady_pools / deployment.skew), 1)
    pool = replace(pool, usl=usl, peers=peers, correction=correction)
    return pool if usl is None or pool.ceiling is None else pool.at_rate(per_pool)


def hold_of(workload: Workload) -> Hold:
    """The hold of one checkout. A variation that is only assumed changes no size by as much as the assumed hold may be
    off, and exponential holds are solved at once."""
    mean, scv = workload.hold_s.value, workload.hold_scv
    if workload.law == "histogram":
        return Hold(mean, scv.value if scv else 1.0, "histogram", histogram=workload.histogram)
    if scv is None or scv.origin == "assumed":
        return Hold(mean)
    return Hold(mean, scv.value, "h2" if workload.law == "two-class mixture" else None)


def nested_floor(threads: int, checkouts_per_request: int) -> int:
    """So many connections that one of the threads has all it needs when each of the others waits for its last."""
    return threads * (checkouts_per_request - 1) + 1


def _check_size(rate_per_s: float, hold: Hold) -> None:
    busy = rate_per_s * hold.mean_s
    if busy > _MOST_CONNECTIONS:
        raise WorkloadError(
            f"{rate_per_s:.4g} checkouts/s of {hold.mean_s:g} s each keep {busy:.3g} connections busy, and no server "
            f"has more than {_MOST_CONNECTIONS}: one of the two numbers is wrong, or in another unit."
        )


def _threads(rate_per_s: float, hold: Hold, deployment: Deployment, threads: int) -> PoolLoad:
    sources = threads * deployment.checkouts_per_request
    think = sources / rate_per_s - hold.mean_s
    if think <= 0:
        raise _too_few_threads(rate_per_s, hold, deployment, threads)
    nested = nested_floor(threads, deployment.checkouts_per_request)
    stalls_below = sources if deployment.release_needs_thread else 0
    return PoolLoad(Closed(sources, think), hold, nested, sources, stalls_below)


def _too_few_threads(rate_per_s: float, hold: Hold, deployment: Deployment, threads: int) -> WorkloadError:
    held = deployment.checkouts_per_request
    sources = threads * held
    busy = rate_per_s * hold.mean_s / sources * deployment.processes
    needed = math.floor(busy * (1.0 + _ROUNDING)) + 1
    busiest = " in the busiest process" if deployment.skew > 1 else ""
    subject = "One thread that holds" if threads == 1 else f"{threads} threads that hold"
    what = "a connection" if held == 1 else f"{held} connections"
    return WorkloadError(
        f"{subject} {what} for {hold.mean_s:g} s at a time can make at most {sources / hold.mean_s:.4g} "
        f"checkouts/s, and {rate_per_s:.4g}/s come to each pool{busiest}: no pool size helps, only at least {needed} "
        "processes per instance, more threads, or a shorter hold."
    )
