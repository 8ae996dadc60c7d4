"""Against SimPy, whose events, queues and timeouts were written by others, in cases that have no formula."""

from __future__ import annotations

import math
from collections.abc import Generator
from typing import Any, NamedTuple

import numpy as np
import pytest
import simpy

from poolsize.queueing import Closed, Hold, Open
from poolsize.simulate import Simulated
from poolsize.simulate.laws import holds, one_by_one
from poolsize.simulate.sample import Floats
from tests.simulate.runs import events, recursion, scenario_of

WARM_UP, MEASURED, REPLICATIONS = 400, 1500, 12
Steps = Generator[simpy.Event, Any, None]


class Pool:
    """A pool of one replication in SimPy's terms: places that are waited for in order, and idle connections."""

    def __init__(self, seed: int, hold: Hold, capacity: int, pool_size: int, timeout_s: float, setup_s: float) -> None:
        self.env = simpy.Environment()
        self.rng = np.random.default_rng(seed)
        self.holds = one_by_one(holds(self.rng, hold))
        self.places = simpy.Resource(self.env, capacity)
        self.idle, self.pool_size, self.timeout_s, self.setup_s = pool_size, pool_size, timeout_s, setup_s
        self.asked = 0
        self.waits: list[float] = []
        self.timeouts = self.openings = self.failures = 0

    def checkout(self, retries: int = 0, delay_s: float = 0.0) -> Steps:
        for attempt in range(retries + 1):
            is_served = yield from self.attempt()
            if is_served:
                return
            if attempt < retries:
                yield self.env.timeout(self.rng.exponential(delay_s))
        self.failures += 1

    def attempt(self) -> Generator[simpy.Event, Any, bool]:
        self.asked += 1
        is_measured, begin = self.asked > WARM_UP, self.env.now
        with self.places.request() as place:
            yield place | self.env.timeout(self.timeout_s) if self.timeout_s < math.inf else place
            if is_measured:
                self.waits.append(self.env.now - begin)
            if not place.triggered:
                self.timeouts += is_measured
                return False
            if self.idle:
                self.idle -= 1
            else:
                self.openings += is_measured
                yield self.env.timeout(self.setup_s)
            yield self.env.timeout(next(self.holds))
            self.idle = min(self.idle + 1, self.pool_size)
        return True

    def stream(self, rate_per_s: float, retries: int, delay_s: float) -> Steps:
        while True:
            yield self.env.timeout(self.rng.exponential(1.0 / rate_per_s))
            self.env.process(self.checkout(retries, delay_s))

    def thread(self, think_s: float) -> Steps:
        while True:
            yield self.env.timeout(self.rng.exponential(think_s))
            yield self.env.process(self.checkout())

    def run(self) -> None:
        while len(self.waits) < MEASURED:
            self.env.step()


class Case(NamedTuple):
    load: Open | Closed
    hold: Hold
    capacity: int
    settings: dict[str, Any]


CASES = {
    "a heavy tail and a timeout": Case(Open(4.0), Hold(1.0, 4.0), 5, {"timeout_s": 1.0}),
    "hardly any variation": Case(Open(4.0), Hold(1.0, 0.2, "gamma"), 5, {}),
    "threads with constant holds": Case(Closed(12, 1.0), Hold(1.0, 0.0), 6, {"timeout_s": 0.5}),
    "threads with a heavy tail": Case(Closed(12, 1.0), Hold(1.0, 8.0, "h2"), 6, {"timeout_s": 2.0}),
    "connections to be opened": Case(
        Open(4.0), Hold(1.0, 2.0), 8, {"pool_size": 2, "setup_s": 0.5, "timeout_s": 1.0}
    ),
    "retries": Case(Open(5.0), Hold(1.0), 5, {"timeout_s": 0.5, "retries": 2, "retry_delay_s": 0.3}),
}  # fmt: skip


def by_simpy(case: Case, seed: int) -> Pool:
    settings = case.settings
    pool = Pool(
        seed, case.hold, case.capacity, settings.get("pool_size", case.capacity),
        settings.get("timeout_s", math.inf), settings.get("setup_s", 0.0),
    )  # fmt: skip
    if isinstance(case.load, Open):
        pool.env.process(
            pool.stream(case.load.rate_per_s, settings.get("retries", 0), settings.get("retry_delay_s", 0.0))
        )
    else:
        for _ in range(case.load.threads):
            pool.env.process(pool.thread(case.load.think_s))
    pool.run()
    return pool


def assert_alike(found: Simulated, ours: Floats, theirs: Floats, what: str) -> None:
    """The two means differ by less than 3.5 standard errors of their difference."""
    error = math.hypot(ours.std(ddof=1) / math.sqrt(len(ours)), theirs.std(ddof=1) / math.sqrt(len(theirs)))
    assert ours.mean() == pytest.approx(theirs.mean(), abs=3.5 * error), (what, found.method)


@pytest.mark.parametrize("name", CASES)
def test_both_engines_do_what_simpy_does(name: str) -> None:
    case = CASES[name]
    pools = [by_simpy(case, seed) for seed in range(REPLICATIONS)]
    theirs = {
        "mean wait": np.array([np.mean(pool.waits[:MEASURED]) for pool in pools]),
        "have to wait": np.array([np.mean(np.array(pool.waits[:MEASURED]) > 0.0) for pool in pools]),
        "beyond a hold's half": np.array([np.mean(np.array(pool.waits[:MEASURED]) > 0.4) for pool in pools]),
        "timeouts": np.array([pool.timeouts / MEASURED for pool in pools]),
        "openings": np.array([pool.openings / MEASURED for pool in pools]),
    }
    scenario = scenario_of(case.load, case.hold, case.capacity, **case.settings)
    engines = (events,) if case.settings.get("retries") else (events, recursion)
    for engine in engines:
        found = engine(scenario, seed=1, replications=20, requests=3000)
        sample = found.sample
        ours = {
            "mean wait": sample.waits.mean(axis=0),
            "have to wait": (sample.waits > 0.0).mean(axis=0),
            "beyond a hold's half": (sample.waits > 0.4).mean(axis=0),
            "timeouts": sample.timed_out / sample.requests,
            "openings": sample.opened / sample.requests,
        }
        for what, values in ours.items():
            assert_alike(found, values, theirs[what], what)


def test_requests_that_fail_are_those_whose_retries_all_do() -> None:
    case = CASES["retries"]
    pools = [by_simpy(case, seed) for seed in range(REPLICATIONS)]
    found = events(scenario_of(case.load, case.hold, case.capacity, **case.settings), seed=1)
    sample = found.sample
    theirs = np.array([pool.failures / pool.asked for pool in pools])
    assert_alike(found, sample.failed / sample.requests, theirs, "failures")
    assert found.failure_probability > sample.failed.sum() / sample.waits.size  # of fewer requests than attempts
