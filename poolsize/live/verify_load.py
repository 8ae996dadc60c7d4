"""When requests come and how long they hold: drawn before the run, so that drawing costs it nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from poolsize.datatypes import Trace
from poolsize.live.verify_visits import Floats
from poolsize.queueing import Closed, Hold, Open
from poolsize.simulate.laws import exponential, holds, one_by_one

_AHEAD: Final = 1.2
"""Arrivals are drawn for a fifth more than their expected number."""
MOST_THREADS: Final = 512
"""Beyond so many the interpreter spends its time on changing between them; requests that find none ask late, and are
counted as that."""
SPARE: Final = 4
"""Threads that wait for the next arrivals, each for its own, so that none waits for a thread to start."""
_PILED: Final = 8
"""Clients of a pooler for each of its connections, at most: where more wait, the pool is hopelessly small anyhow."""


@dataclass(frozen=True)
class Arrivals:
    """Requests of an open load or a trace."""

    due_s: Floats
    """Since the start, ascending."""
    holds_s: Floats


@dataclass(frozen=True)
class Turns:
    """What one thread of a closed load draws: (think, hold), without end."""

    thinks_s: Iterator[float]
    holds_s: Iterator[float]


def arrivals_of(load: Open | Trace, hold: Hold, seconds: float, seed: int) -> Arrivals:
    """Those of the first so many seconds."""
    rng = np.random.default_rng(seed)
    if isinstance(load, Trace):
        due = np.array(load.arrivals_s)
        drawn = holds(rng, hold)(len(due)) if load.holds_s is None else np.array(load.holds_s)
        return Arrivals(due[due < seconds], drawn[due < seconds])
    parts = [np.zeros(0)]
    while not len(parts[-1]) or parts[-1][-1] < seconds:
        last = parts[-1][-1] if len(parts[-1]) else 0.0
        gaps = exponential(rng, 1.0 / load.rate_per_s)(int(load.rate_per_s * seconds * _AHEAD) + 1)
        parts.append(last + np.cumsum(gaps))
    due = np.concatenate(parts)
    due = due[due < seconds]
    return Arrivals(due, holds(rng, hold)(len(due)))


def turns_of(load: Closed, hold: Hold, seed: int) -> list[Turns]:
    """One for each thread."""
    made = []
    for sequence in np.random.SeedSequence(seed).spawn(load.threads):
        rng = np.random.default_rng(sequence)
        made.append(Turns(one_by_one(exponential(rng, load.think_s)), one_by_one(holds(rng, hold))))
    return made


def most_at_once(load: Open | Closed | Trace, capacity: int) -> int:
    """Requests that may be under way at the same time: the threads, or as many as an open load piles up."""
    if isinstance(load, Closed):
        return load.threads
    return min(_PILED * capacity + SPARE, MOST_THREADS)
