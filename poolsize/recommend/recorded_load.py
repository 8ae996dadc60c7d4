"""What a trace says of the load: its busiest stretch, and what comes to one pool."""

from __future__ import annotations

from collections import Counter
from typing import Final, NamedTuple

from poolsize.datatypes import Deployment, Trace
from poolsize.errors import WorkloadError

_MEMORY: Final = 10.0
_LEAST_MEMORY_S: Final = 1.0
"""A trace is sized for its busiest stretch of ten times what a pool remembers, which is the longer of a hold and the
shortest pool_timeout, 1 s: in a shorter stretch the pool has not felt the load yet, in a longer one it is averaged."""
_MOST_REPLAYED: Final = 400_000
"""Checkouts, around the busiest: some seconds' worth for one capacity."""
_LEAST_REPLAYED: Final = 2
_PAUSE_S: Final = 60.0
"""Between what comes to one pool and what comes to the next, so that the first has worked off its queue."""


class Stretch(NamedTuple):
    """The checkouts `first` to before `end`, in `length_s` of `recorded_s`."""

    first: int
    end: int
    length_s: float
    recorded_s: float

    @property
    def rate_per_s(self) -> float:
        """Checkouts per second."""
        whole = self.length_s >= self.recorded_s
        return (self.end - self.first - whole) / self.length_s  # the first and the last begin and end the record

    def holds(self, trace: Trace) -> tuple[tuple[float, float], ...]:
        """How long those held their connections: values and shares. Raises WorkloadError where nothing was held."""
        if trace.holds_s is None:
            return ()
        holds = trace.holds_s[self.first : self.end]
        if not any(holds):
            raise WorkloadError("The trace holds no connection for any time: its second column is the hold, above 0.")
        counts = Counter(holds)
        return tuple((value, counts[value] / len(holds)) for value in sorted(counts))


def busiest(trace: Trace, hold_s: float) -> Stretch:
    """The stretch in which most work comes: the sum of its holds, or where only arrivals were recorded their number."""
    arrivals = trace.arrivals_s
    work = trace.holds_s if trace.holds_s is not None and any(trace.holds_s) else (1.0,) * len(arrivals)
    if trace.holds_s is not None:
        hold_s = sum(trace.holds_s) / len(trace.holds_s)
    length, recorded_s = _MEMORY * max(hold_s, _LEAST_MEMORY_S), arrivals[-1] - arrivals[0]
    if recorded_s <= length:
        return Stretch(0, len(arrivals), recorded_s, recorded_s)
    best, most, first, inside = (0, 0), 0.0, 0, 0.0
    for last, arrival in enumerate(arrivals):
        inside += work[last]
        while arrival - arrivals[first] >= length:
            inside -= work[first]
            first += 1
        if inside > most:
            best, most = (first, last + 1), inside
    return Stretch(*best, length, recorded_s)


def part_of_one_pool(trace: Trace, deployment: Deployment) -> Trace:
    """What comes to one pool of the busiest process, each checkout by chance and with its own hold; pool after pool,
    so that all of the trace is replayed. Raises WorkloadError where too little comes to one."""
    trace = _around_the_busiest(trace)
    pools = deployment.steady_pools
    share = deployment.skew / pools
    if share >= 1.0:
        return trace
    import random  # here: few have recorded anything, and it loads hashlib

    chance = random.Random(0)  # noqa: S311 - one seed gives one answer; nothing here is secret
    longest = max(trace.holds_s) if trace.holds_s is not None else 0.0
    length_s = trace.arrivals_s[-1] + longest + _PAUSE_S
    chosen = [(n, pool) for pool in range(pools) for n in range(len(trace.arrivals_s)) if chance.random() < share]
    if len(chosen) < _LEAST_REPLAYED * pools:
        raise WorkloadError(
            f"The trace has {len(trace.arrivals_s)} checkouts for {pools} pools: at least {_LEAST_REPLAYED} for each "
            "are needed to say what comes to one."
        )
    return Trace(
        tuple(trace.arrivals_s[n] + pool * length_s for n, pool in chosen),
        None if trace.holds_s is None else tuple(trace.holds_s[n] for n, _ in chosen),
    )


def _around_the_busiest(trace: Trace) -> Trace:
    """All of it, unless it is longer than can be replayed in seconds."""
    if len(trace.arrivals_s) <= _MOST_REPLAYED:
        return trace
    stretch = busiest(trace, 0.0)
    first = max(min((stretch.first + stretch.end - _MOST_REPLAYED) // 2, len(trace.arrivals_s) - _MOST_REPLAYED), 0)
    part = slice(first, first + _MOST_REPLAYED)
    start_s = trace.arrivals_s[first]
    return Trace(
        tuple(arrival - start_s for arrival in trace.arrivals_s[part]),
        None if trace.holds_s is None else trace.holds_s[part],
    )
