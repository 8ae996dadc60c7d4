"""The pool of a decision, simulated with one capacity or another."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from poolsize.datatypes import Estimate, SimulatedSize, Trace
from poolsize.queueing import Closed, Open
from poolsize.recommend.choice import LATE_SHARE
from poolsize.recommend.decision import Decision
from poolsize.recommend.pool_load import LOST_SHARE
from poolsize.recommend.recorded_load import part_of_one_pool

if TYPE_CHECKING:
    from poolsize.simulate.scenario import Scenario
    from poolsize.simulate.simulated import Simulated

Progress = Callable[[str, float], None]
"""Told what is done, and the share of it that is, 0..1."""
_MORE: Final = 3
"""Times the replications of a first look, where it left open whether the goal is met: about three seconds' worth."""

_REPLAYED: Final = 3_000_000
"""Checkouts, a second's worth."""
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
        trace = decision.situation.request.trace
        self._load: Open | Closed | Trace = decision.pool.load
        if trace is not None:
            self._load = part_of_one_pool(trace, decision.situation.deployment)
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
            self._found[capacity] = self._simulated(capacity, self._replayed)
        return self._found[capacity]

    @property
    def _replayed(self) -> int | None:
        """How often a recorded load is replayed; None: as often as a drawn one settles."""
        if not isinstance(self._load, Trace):
            return None
        return max(_REPLAYED // len(self._load.arrivals_s), _LEAST_REPLICATIONS)

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
            is_met = self._is_met(capacity)
            if is_met is None and capacity <= _LARGE_POOL:
                more = _MORE * self._found[capacity].length.replications
                self._found[capacity] = self._simulated(capacity, more)
                is_met = self._is_met(capacity)
            self._sizes[capacity] = SimulatedSize(
                capacity=capacity,
                late_probability=self.late(capacity),
                lost_share=self.lost(capacity),
                meets_goal=is_met,
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

    def _is_met(self, capacity: int) -> bool | None:
        if self.lost(capacity) > LOST_SHARE:
            return False
        low, high = self.at(capacity).exceeds_interval(self._goal_s)
        if high <= LATE_SHARE:
            return True
        return False if low > LATE_SHARE else None

    def cost_s(self, capacity: int) -> float:
        """About what a look at it takes, seconds."""
        from poolsize.simulate.length import expected_s  # here: numpy, only for who is certified
        from poolsize.simulate.run import is_recursive

        scenario = self._scenario(capacity)
        return expected_s(scenario, by_recursion=is_recursive(scenario), replications=self._replayed)

    def _simulated(self, capacity: int, replications: int | None) -> Simulated:
        from poolsize.simulate.run import Sampling, simulated  # here: numpy, only for who is certified

        what, told = f"simulating {capacity} connections", self._on_progress
        return simulated(
            self._scenario(capacity),
            Sampling(replications=replications),
            on_progress=None if told is None else lambda share: told(what, share),
        )

    def _scenario(self, capacity: int) -> Scenario:
        from poolsize.simulate.scenario import Scenario  # here: numpy, only for who is certified

        decision, pool = self._decision, self._decision.pool
        return Scenario(
            load=self._load,
            hold=pool.hold,
            capacity=capacity,
            timeout_s=self._timeout_s,
            pool_size=decision.at(capacity, timeout_s=self._timeout_s).pool_size,
            semantics="sqlalchemy" if isinstance(pool.load, Closed) else "sqlalchemy-async",
            setup_s=decision.situation.connect_s.value,
            pools=pool.peers if pool.usl is not None else 1,
            usl=pool.usl,
        )
