"""How long to simulate: the warm-up, and how many requests in how many replications are measured."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from poolsize.datatypes import Trace
from poolsize.queueing import Closed, Open
from poolsize.simulate.scenario import Scenario

LEAST_WARM_UP: Final = 500
"""Requests that are never measured. The first 500 of an M/M/10 at 80 % that begins empty wait 10 % less than all later
ones."""
RELAXATIONS: Final = 10
"""Relaxation times after which the start is forgotten: e^-10 of it is left."""
_MOST_WARM_UP: Final = 200_000
"""Requests of one replication. A pool that takes longer to settle is at its limit to within 1 %, and what it does
depends on the day more than on its size."""
_CLIMBS: Final = 2.0
"""Times the mean climb: one that was slow has arrived by then."""
_ROUNDS: Final = 50
"""Until the share of holds that are at the database no longer changes: each round halves what is left, at least."""


@dataclass(frozen=True)
class Effort:
    """What one engine gets done in about a second."""

    replications: int
    fewest: int
    """Replications below which their spread says little."""
    requests: int
    """Measured in a replication, at least."""
    total: int
    """Requests of all replications, warm-up included, at most; of a pool of few connections."""
    rows: float
    """Connections with which a request costs twice as much as with few."""

    def affordable(self, requests: int, capacity: int) -> int:
        """Replications of so many requests."""
        most = self.total / (1.0 + capacity / self.rows)
        return max(min(self.replications, int(most / requests)), self.fewest)


RECURSION: Final = Effort(replications=1000, fewest=50, requests=3_000, total=20_000_000, rows=50.0)
"""1,000 columns are where numpy's overhead for each step no longer counts; as many replications as in the benchmark."""
EVENTS: Final = Effort(replications=20, fewest=10, requests=10_000, total=400_000, rows=math.inf)


_STEP_S: Final = 4e-5
_CELL_S: Final = 6e-9
_EVENT_S: Final = 8e-6
"""What a step of the recursion, each of its connections × replications, and a request event by event take on a
processor of 2024, about."""


@dataclass(frozen=True)
class Length:
    """Of one run."""

    warm_up: int
    """Requests of each replication that are not measured."""
    requests: int
    """Those that are."""
    replications: int
    is_settled: bool
    """Whether the start is forgotten by then."""


def length_of(scenario: Scenario, effort: Effort, replications: int | None, requests: int | None) -> Length:
    """The length for this scenario; `replications` and `requests` where they are stated."""
    if isinstance(scenario.load, Trace):
        recorded = len(scenario.load.arrivals_s)
        only = 1 if scenario.load.holds_s is not None else None
        chosen = only or replications or effort.affordable(recorded, scenario.capacity)
        return Length(0, recorded, chosen, is_settled=True)
    attempts = 1 + scenario.retries
    wanted = max(LEAST_WARM_UP, RELAXATIONS * relaxation_s(scenario) * _rate_per_s(scenario) * attempts)
    warm_up = math.ceil(min(wanted, _MOST_WARM_UP))
    measured = requests or max(effort.requests, warm_up)
    chosen = replications or effort.affordable(warm_up + measured, scenario.capacity)
    return Length(warm_up, measured, chosen, is_settled=wanted <= _MOST_WARM_UP)


def expected_s(scenario: Scenario, *, by_recursion: bool, replications: int | None = None) -> float:
    """About how long a run takes, in seconds."""
    length = length_of(scenario, RECURSION if by_recursion else EVENTS, replications, None)
    requests = length.warm_up + length.requests
    if not by_recursion:
        return requests * length.replications * _EVENT_S
    return requests * (_STEP_S + scenario.capacity * length.replications * _CELL_S)


def relaxation_s(scenario: Scenario) -> float:
    """The time in which a disturbance of the queue falls to 1/e, about: what the slowest mode of its diffusion takes.

    The wait falls by 1 - rho a second and spreads by sigma^2 = S (1 + scv) / c a second, between 0 and the timeout D:
    a diffusion of spectral gap (1 - rho)^2 / (2 sigma^2) + pi^2 sigma^2 / (2 D^2). With a finite source it is no slower
    than a think Z: two copies of the pool that share their randomness lose a customer of their difference at a rate
    of 1 / Z at least, since each one more asks for 1 / Z less. Added are the holds under way, and what happens once:
    opening the whole pool one by one, the climb of an overloaded queue to the timeout, and the last of the retries.
    """
    hold_s = slowest_hold_s(scenario)
    variation = (1.0 + scenario.hold.scv) / 2.0
    once_s = scenario.setup_s * scenario.capacity + _climb_s(scenario, hold_s, variation)
    if scenario.retries and scenario.timeout_s < math.inf:  # nobody who waits for ever tries again
        once_s += scenario.retries * (scenario.timeout_s + scenario.retry_delay_s)
    return _queue_s(scenario, hold_s, variation) + variation * hold_s + once_s / RELAXATIONS


def _queue_s(scenario: Scenario, hold_s: float, variation: float) -> float:
    if scenario.timeout_s == 0.0:
        return 0.0
    drift, spread = _drift(scenario, hold_s), _spread(scenario, hold_s, variation)
    gap = drift**2 / (2.0 * spread) + math.pi**2 * spread / 2.0 / scenario.timeout_s / scenario.timeout_s
    settled_s = 1.0 / gap if gap else math.inf
    return min(settled_s, scenario.load.think_s) if isinstance(scenario.load, Closed) else settled_s


def _climb_s(scenario: Scenario, hold_s: float, variation: float) -> float:
    """The time in which the wait of an open queue, to which more comes than it can do, rises to the timeout: driven by
    what is too much, or before that by chance."""
    drift, timeout_s = _drift(scenario, hold_s), scenario.timeout_s
    if not isinstance(scenario.load, Open) or drift >= 0.0 or timeout_s == 0.0:
        return 0.0
    return _CLIMBS * min(timeout_s / -drift, timeout_s * timeout_s / _spread(scenario, hold_s, variation))


def _drift(scenario: Scenario, hold_s: float) -> float:
    return 1.0 - _rate_per_s(scenario) / scenario.pools * hold_s / scenario.capacity


def _spread(scenario: Scenario, hold_s: float, variation: float) -> float:
    return 2.0 * variation * hold_s / scenario.capacity


def slowest_hold_s(scenario: Scenario) -> float:
    """The mean hold with every connection of every pool busy, as long as the application's own part lets them be."""
    hold, usl = scenario.hold, scenario.usl
    if usl is None:
        return hold.mean_s + scenario.reset_s
    held = float(scenario.capacity * scenario.pools)
    database_s = hold.mean_s - hold.app_s + scenario.reset_s
    active = held
    for _ in range(_ROUNDS):
        part = database_s * usl.slowdown(max(active, 1.0))
        active = 0.5 * active + 0.5 * held * part / (part + hold.app_s)
    return hold.app_s + database_s * usl.slowdown(max(active, 1.0))


def _rate_per_s(scenario: Scenario) -> float:
    """New requests that come to all pools together, at the most, per second."""
    load = scenario.load
    if isinstance(load, Trace):
        return 0.0
    if isinstance(load, Closed):
        return scenario.pools * load.threads / (load.think_s + min(scenario.timeout_s, scenario.hold.mean_s))
    return scenario.pools * load.rate_per_s
