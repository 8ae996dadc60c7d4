"""How many requests a second are simulated, beside SimPy and Ciw in the same run, and what are they worth?

    python benchmarks/simulation.py [--rounds 5] [--seconds 1.0]

A FIFO pool of ten connections at 80 % of its capacity, with exponential holds and with lognormal ones, with and without
a timeout of half a hold; and with five of the ten connections opened when needed. Each simulator runs for some
`--seconds` in each round, one after the other, so that all of them see the same machine; compared are the medians of
their rates, warm-up included. All run in one process.

A rate alone would flatter whoever throws more of it away. So beside it stands the time in which the simulator gets to
know the mean wait to 1 % (95 % interval): by the spread of the means of independent replications, or of batches of a
long run, and without the warm-up. Aims: the recursion 200 times SimPy with timeouts, event by event 4 times.
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
from collections.abc import Callable, Generator, Iterator
from typing import Any, Final, NamedTuple

import ciw
import numpy as np
import simpy

from poolsize.queueing import Hold, Open, solve
from poolsize.simulate import Scenario
from poolsize.simulate.laws import holds, one_by_one
from poolsize.simulate.length import EVENTS, RECURSION, length_of
from poolsize.simulate.run import Piece, run_events, run_recursion

CAPACITY: Final = 10
RATE_PER_S: Final = 8.0
WARM_UP: Final = 1000
"""Requests that SimPy and Ciw do not measure, of each run: ten relaxation times, as poolsize has them."""
BATCH: Final = 2000
"""Requests whose mean counts as one of independent ones in a long run: 28 relaxation times."""
RECURSION_AIM: Final = 200.0
EVENTS_AIM: Final = 4.0


class Case(NamedTuple):
    title: str
    hold: Hold
    timeout_s: float = math.inf
    pool_size: int = CAPACITY

    @property
    def scenario(self) -> Scenario:
        return Scenario(
            load=Open(RATE_PER_S),
            hold=self.hold,
            capacity=CAPACITY,
            timeout_s=self.timeout_s,
            pool_size=self.pool_size,
            semantics="sqlalchemy-async",
        )


class Block(NamedTuple):
    """What a simulator did in one round."""

    requests: int
    """All of them, warm-up included."""
    seconds: float
    means: list[float]
    """Of the waits in independent replications or batches, each of `size` requests."""
    size: int


CASES: Final = (
    Case("exponential holds", Hold(1.0)),
    Case("exponential holds, timeout", Hold(1.0), 0.5),
    Case("lognormal holds (scv 4), timeout", Hold(1.0, 4.0), 0.5),
    Case("exponential holds, timeout, 5 of 10 kept", Hold(1.0), 0.5, 5),
)


def recursion(case: Case, seconds: float, seed: int) -> Block:
    """As many replications as `simulate` takes by default, and again."""
    return _blocks(case, RECURSION, run_recursion, seconds, seed)


def event_by_event(case: Case, seconds: float, seed: int) -> Block:
    return _blocks(case, EVENTS, run_events, seconds, seed)


def _blocks(case: Case, effort: Any, run: Callable[[Piece], Any], seconds: float, seed: int) -> Block:
    length = length_of(case.scenario, effort, None, None)
    columns = length.replications if run is run_recursion else 1
    means: list[float] = []
    done, number, begin = 0, 0, time.perf_counter()
    while time.perf_counter() - begin < seconds:
        sample = run(Piece(case.scenario, seed, number, length.warm_up, length.requests, columns))
        done += (length.warm_up + length.requests) * columns
        means += sample.waits.mean(axis=0).tolist() if columns > 1 else _batches(sample.waits[:, 0].tolist())
        number += 1
    return Block(done, time.perf_counter() - begin, means, length.requests if columns > 1 else BATCH)


def by_simpy(case: Case, seconds: float, seed: int) -> Block:
    """One long run, as fast as a process for each request lets it be."""
    env, rng = simpy.Environment(), np.random.default_rng(seed)
    drawn = one_by_one(holds(rng, case.hold))
    places, waits, idle = simpy.Resource(env, CAPACITY), [], [case.pool_size]

    def request() -> Generator[simpy.Event, Any, None]:
        asked = env.now
        with places.request() as place:
            yield place if case.timeout_s == math.inf else place | env.timeout(case.timeout_s)
            waits.append(env.now - asked)
            if place.triggered:
                idle[0] = max(idle[0] - 1, 0)
                yield env.timeout(next(drawn))
                idle[0] = min(idle[0] + 1, case.pool_size)

    def arrive() -> Generator[simpy.Event, Any, None]:
        gaps = _gaps(rng)
        while True:
            yield env.timeout(next(gaps))
            env.process(request())

    env.process(arrive())
    begin = time.perf_counter()
    while time.perf_counter() - begin < seconds:
        env.run(until=env.now + 100.0)
    return Block(len(waits), time.perf_counter() - begin, _batches(waits[WARM_UP:]), BATCH)


def _gaps(rng: np.random.Generator) -> Iterator[float]:
    while True:
        yield from (rng.standard_exponential(1024) / RATE_PER_S).tolist()


def by_ciw(case: Case, seconds: float, seed: int) -> Block:
    """Runs of a tenth of the time, since Ciw takes its records at the end of a run."""
    sigma = math.sqrt(math.log1p(case.hold.scv))
    law = ciw.dists.Exponential(1.0) if case.hold.scv == 1.0 else ciw.dists.Lognormal(-(sigma**2) / 2.0, sigma)
    patience = {} if case.timeout_s == math.inf else {
        "reneging_time_distributions": [ciw.dists.Deterministic(case.timeout_s)]
    }  # fmt: skip
    network = ciw.create_network(
        arrival_distributions=[ciw.dists.Exponential(RATE_PER_S)],
        service_distributions=[law],
        number_of_servers=[CAPACITY],
        **patience,
    )
    done, means, begin = 0, [], time.perf_counter()
    while time.perf_counter() - begin < seconds:
        ciw.seed(seed + done)
        simulation = ciw.Simulation(network)
        simulation.simulate_until_max_time((WARM_UP + 2 * BATCH) / RATE_PER_S)
        records = sorted(simulation.get_all_records(), key=lambda record: record.arrival_date)
        done += len(records)
        means += _batches([record.waiting_time for record in records[WARM_UP:]])
    return Block(done, time.perf_counter() - begin, means, BATCH)


def _batches(waits: list[float]) -> list[float]:
    return [statistics.fmean(waits[first : first + BATCH]) for first in range(0, len(waits) - BATCH + 1, BATCH)]


SIMULATORS: Final[dict[str, Callable[[Case, float, int], Block]]] = {
    "poolsize, recursion": recursion,
    "poolsize, event by event": event_by_event,
    "SimPy": by_simpy,
    "Ciw": by_ciw,
}


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0, help="of each simulator in a round")
    arguments = parser.parse_args()
    met = True
    for case in CASES:
        blocks: dict[str, list[Block]] = {name: [] for name in SIMULATORS}
        for seed in range(arguments.rounds):
            for name, simulator in SIMULATORS.items():
                blocks[name].append(simulator(case, arguments.seconds, seed))
        met = _report(case, blocks) and met
    print(f"The aims are {'met' if met else 'missed'}.")
    return 0 if met else 1


def _report(case: Case, blocks: dict[str, list[Block]]) -> bool:
    """Prints a table, and says whether the aims are met."""
    rates = {name: statistics.median(block.requests / block.seconds for block in row) for name, row in blocks.items()}
    costs = {name: _seconds_for_one_percent(row) for name, row in blocks.items()}
    exact = solve(Open(RATE_PER_S), case.hold, CAPACITY, timeout_s=case.timeout_s).mean_wait_s
    print(case.title + (f": the mean wait is {exact:.4g} s by the formula" if case.hold.scv == 1.0 else ""))
    print(f"  {'':26}{'requests/s':>12}{'× SimPy':>10}{'for 1 %':>12}{'× SimPy':>10}{'mean wait':>12}")
    for name, row in blocks.items():
        found = statistics.fmean(mean for block in row for mean in block.means)
        print(
            f"  {name:26}{rates[name]:>12,.0f}{rates[name] / rates['SimPy']:>10,.3g}"
            f"{costs[name]:>10,.3g} s{costs['SimPy'] / costs[name]:>10,.3g}{found:>12.4g}"
        )
    print()
    recursive = case.timeout_s == math.inf or rates["poolsize, recursion"] >= RECURSION_AIM * rates["SimPy"]
    return recursive and rates["poolsize, event by event"] >= EVENTS_AIM * rates["SimPy"]


def _seconds_for_one_percent(row: list[Block]) -> float:
    means = [mean for block in row for mean in block.means]
    relative = 1.96 * statistics.stdev(means) / math.sqrt(len(means)) / statistics.fmean(means)
    return sum(block.seconds for block in row) * (relative / 0.01) ** 2


if __name__ == "__main__":
    raise SystemExit(main())
