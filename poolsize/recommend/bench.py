"""The pool of a decision, simulated with one capacity or another."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from poolsize.datatypes import Estimate, SimulatedSize, Trace
from poolsize.queueing import Closed, Open
from poolsize.recommend.choice import LATE_SHARE
from poolsize.recommend.decision import Decision
from poolsize.recommend.pool_load import LOST_SHARE

if TYPE_CHECKING:
    from poolsize.simulate.simulated import Simulated

Progress = Callable[[str, float], None]
"""Told what is done, and the share of it that is, 0..1."""
_MORE: Final = 3
"""Times the replications of a first look, where it left open whether the goal is met: about three seconds' worth."""

_LARGE_POOL: Final = 50
"""Of more connections, a look takes seconds, and one connection too many is a small part of them."""
_LEAST_REPLICATIONS: Final = 10
"""Below which their spread says little."""


class Bench:
    """Each capacity is simulated once, with the timeout of the answer and what is worth keeping of it, and from the
    same random numbers, so that two of them differ by their size alone."""

    def __init__(self, decision: Decision, on_progress: Progress | None) -> None:
        choice = decision.choice
        assert choice is not None  # noqa: S101 - nothing is simulated where nothing fits
        self._decision, self._on_progress = decision, on_progress
        self._timeout_s = choice.pool_timeout_s
        self._goal_s = decision.situation.goal.p99_wait_s.value
        self._load = _load(decision)
        self._found: dict[int, Simulated] = {}
        self._sizes: dict[int, SimulatedSize] = {}

    @property
    def found(self) -> Mapping[int, Simulated]:
        """By capacity."""
        return self._found

    @property
    def sizes(self) -> tuple[SimulatedSize, ...]:
        """Those that it was asked of whether they meet the goal."""
        return tuple(self._sizes[capacity] for capacity in sorted(self._sizes))

    def at(self, capacity: int) -> Simulated:
        """A second's worth of requests."""
        if capacity not in self._found:
            self._found[capacity] = self._simulated(capacity, None)
        return self._found[capacity]

    def glance(self, capacity: int) -> None:
        """A third as many, of what is only shown beside the answer."""
        if capacity not in self._found:
            replications = [found.length.replications for found in self._found.values()]
            fewer = max(min(replications) // _MORE, _LEAST_REPLICATIONS) if replications else None
            self._found[capacity] = self._simulated(capacity, fewer)

    def suffices(self, capacity: int) -> bool:
        """P(wait > goal) <= 1 % with 95 % confidence, and the stated rate gets through. More is simulated while that is
        open; what stays open is a no."""
        if capacity not in self._sizes:
            verdict = self._verdict(capacity)
            if verdict is None and capacity <= _LARGE_POOL:
                more = _MORE * self._found[capacity].length.replications
                self._found[capacity] = self._simulated(capacity, more)
                verdict = self._verdict(capacity)
            self._sizes[capacity] = SimulatedSize(
                capacity=capacity,
                late_probability=self.late(capacity),
                lost_share=self.lost(capacity),
                meets_goal=verdict,
            )
        return self._sizes[capacity].meets_goal is True

    def late(self, capacity: int) -> Estimate:
        """P(wait > goal)."""
        found = self.at(capacity)
        low, high = found.exceeds_interval(self._goal_s)
        return Estimate(value=found.exceeds(self._goal_s), low=low, high=high)

    def lost(self, capacity: int) -> float:
        """The share of the stated rate that does not get through, because threads wait."""
        pool = self._decision.pool
        if not isinstance(self._load, Closed):
            return 0.0
        return 1.0 - self.at(capacity).throughput_per_s / pool.rate_per_s

    def _verdict(self, capacity: int) -> bool | None:
        if self.lost(capacity) > LOST_SHARE:
            return False
        low, high = self.at(capacity).exceeds_interval(self._goal_s)
        if high <= LATE_SHARE:
            return True
        return False if low > LATE_SHARE else None

    def _simulated(self, capacity: int, replications: int | None) -> Simulated:
        from poolsize.simulate import simulate  # here: numpy, only for who is certified

        decision, pool = self._decision, self._decision.pool
        what = f"simulating {capacity} connections"
        told = self._on_progress
        return simulate(
            self._load,
            pool.hold,
            capacity,
            timeout_s=self._timeout_s,
            pool_size=decision.at(capacity, timeout_s=self._timeout_s).pool_size,
            semantics="sqlalchemy" if isinstance(pool.load, Closed) else "sqlalchemy-async",
            setup_s=decision.situation.connect_s.value,
            pools=pool.peers if pool.usl is not None else 1,
            usl=pool.usl,
            replications=replications,
            on_progress=None if told is None else lambda share: told(what, share),
        )


def _load(decision: Decision) -> Open | Closed | Trace:
    """What comes to one pool: of a recorded service, its part of the checkouts, each left to chance."""
    trace, pool = decision.situation.request.trace, decision.pool
    if trace is None or pool.usl is not None:
        return pool.load
    import random  # here: few have recorded anything, and it hashes its seeds with all that takes

    deployment = decision.situation.deployment
    share = deployment.skew / deployment.steady_pools
    if share >= 1.0:
        return Trace(trace.arrivals_s)
    chance = random.Random(0)  # noqa: S311 - one seed gives one answer; nothing here is secret
    return Trace(tuple(arrival for arrival in trace.arrivals_s if chance.random() < share))
