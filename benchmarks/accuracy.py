"""How far are the models, and what poolsize decides by them, from a long simulation?

    python benchmarks/accuracy.py [--quick] [--write] [--processes 2]

For laws of holds, loads and sizes of pools, open and with a finite source of three threads a connection:

- the p99 wait of that pool, by each model and as simulated;
- P(timeout) of an open one, for timeouts of one hold and of four;
- the smallest pool at which p99 is within a fifth of a mean hold, by each model, by `recommend` from the options that
  a user would give, with its certificate, and as simulated by other random numbers.

Prints the tables of docs/theory/accuracy.md; `--write` puts them there. All of them take some ten minutes on two
processors, `--quick` a minute.
"""

from __future__ import annotations

import argparse
import itertools
import math
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final, Literal, NamedTuple

import numpy as np

from poolsize import recommend
from poolsize.datatypes import Request
from poolsize.parallel import mapped, usable_processors
from poolsize.queueing import Closed, Hold, Load, Open, Wait, law_of, solve
from poolsize.simulate import Simulated, simulate

MEAN_S: Final = 0.05
GOAL_S: Final = 0.01
"""A fifth of the hold."""
LATE: Final = 0.01
THREADS: Final = 3
"""To a connection of the pool whose p99 is compared."""
LAWS: Final = (
    Hold(MEAN_S, 0.0),
    Hold(MEAN_S, 2.0),
    Hold(MEAN_S, 4.0),
    Hold(MEAN_S, 9.0),
    Hold(MEAN_S, 4.0, "gamma"),
    Hold(MEAN_S, 4.0, "h2"),
)
LOADS: Final = (0.5, 0.7, 0.85, 0.95)
CAPACITIES: Final = (2, 5, 10, 30)
BINS: Final = 400
"""Of the histogram by which `recommend` is told of a law that has no option of its own."""
PATIENCE: Final = (1.0, 4.0)
"""Timeouts in mean holds."""
RAREST: Final = 1e-4
"""A second's worth of requests has three hundred timeouts of that probability, and tells it to some 20 %."""
LONGER: Final = 3
"""Times what `simulate` takes of itself, which is about a second's worth."""
OPEN_MODELS: Final = ("chain", "Allen-Cunneen", "Volterra")
CLOSED_MODELS: Final = ("chain",)
WRITTEN: Final = Path(__file__).parent.parent / "docs" / "theory" / "accuracy.md"


class Case(NamedTuple):
    """A pool."""

    source: Literal["open", "threads"]
    hold: Hold
    utilization: float
    """Of its connections, if nobody had to wait."""
    capacity: int

    @property
    def threads(self) -> int:
        return THREADS * self.capacity

    @property
    def rate_per_s(self) -> float:
        return self.utilization * self.capacity / MEAN_S

    @property
    def think_s(self) -> float:
        return self.threads / self.rate_per_s - MEAN_S

    @property
    def load(self) -> Load:
        return Open(self.rate_per_s) if self.source == "open" else Closed(self.threads, self.think_s)

    @property
    def models(self) -> tuple[str, ...]:
        return OPEN_MODELS if self.source == "open" else CLOSED_MODELS


class Row(NamedTuple):
    """What was found for it."""

    case: Case
    p99_s: float
    p99_half_s: float
    """Half of the 95 % interval."""
    p99s: dict[str, float]
    needed: int
    """Connections, as simulated."""
    is_sure: bool
    """The 95 % intervals of P(wait > goal) say so too."""
    sizes: dict[str, int]
    decided_by: str


class Impatient(NamedTuple):
    """A pool whose requests give up."""

    case: Case
    patience: float
    """The timeout in mean holds."""
    timeout_probability: float
    """As simulated."""
    by_model: dict[str, float]


def found(case: Case) -> Row:
    by_model = {name: MODELS[name](case, case.capacity) for name in case.models}
    long = longer(case, case.capacity, simulated(case, case.capacity, seed=1), seed=2)
    low, high = long.interval(0.99)
    sizes = {name: smallest(case, name) for name in case.models}
    decided, by = decision(case)
    needed, is_sure = needed_by_simulation(case, decided)
    return Row(
        case,
        long.quantile(0.99),
        (high - low) / 2.0,
        {name: wait.quantile(0.99) * stretch for name, (wait, stretch) in by_model.items()},
        needed,
        is_sure,
        sizes | {"recommend": decided},
        by,
    )


def impatient(asked: tuple[Case, float]) -> Impatient:
    case, patience = asked
    timeout_s = patience * MEAN_S
    run = simulate(case.load, case.hold, case.capacity, timeout_s=timeout_s, semantics="sqlalchemy-async", seed=21)
    by_model = {
        "chain": solve(case.load, Hold(MEAN_S), case.capacity, timeout_s=timeout_s).timeout_probability,
        "Volterra": solve(
            case.load, case.hold, case.capacity, timeout_s=timeout_s, model="volterra"
        ).timeout_probability,
    }
    return Impatient(case, patience, run.timeout_probability, by_model)


def chain(case: Case, capacity: int) -> tuple[Wait, float]:
    """A wait, and by what its times are to be multiplied."""
    return solve(case.load, Hold(MEAN_S), capacity), 1.0


def allen_cunneen(case: Case, capacity: int) -> tuple[Wait, float]:
    """The wait of exponential holds, with the mean of those who wait stretched by (1 + scv) / 2: Allen, Probability,
    Statistics, and Queueing Theory (1990)."""
    return solve(case.load, Hold(MEAN_S), capacity), (1.0 + case.hold.scv) / 2.0


def volterra(case: Case, capacity: int) -> tuple[Wait, float]:
    return solve(case.load, case.hold, capacity, model="volterra"), 1.0


MODELS: Final[dict[str, Callable[[Case, int], tuple[Wait, float]]]] = {
    "chain": chain,
    "Allen-Cunneen": allen_cunneen,
    "Volterra": volterra,
}


def smallest(case: Case, model: str) -> int:
    """The fewest connections with P(wait > goal) <= 1 %."""
    for capacity in itertools.count(least(case)):
        wait, stretch = MODELS[model](case, capacity)
        if wait.exceeds(GOAL_S / stretch) <= LATE:
            return capacity
    raise AssertionError("no end")


def least(case: Case) -> int:
    """More connections than are held on average, without which the queue of an open load never settles."""
    return math.floor(case.rate_per_s * MEAN_S) + 1


def decision(case: Case) -> tuple[int, str]:
    """What `recommend` says, and by what it was decided. Opening a connection costs next to nothing here, and timeouts
    are as rare as the goal's."""
    hold = case.hold
    as_histogram = hold.law in ("gamma", "h2")
    has_threads = case.source == "threads"
    answer = recommend(
        Request(
            workers=1,
            worker_type="gunicorn-gthread" if has_threads else "uvicorn",
            threads=case.threads if has_threads else None,
            rate_per_s=None if has_threads else case.rate_per_s,
            think_s=case.think_s if has_threads else None,
            hold_s=None if as_histogram else MEAN_S,
            hold_scv=None if as_histogram else hold.scv,
            hold_histogram=binned(hold) if as_histogram else (),
            p99_wait_s=GOAL_S,
            max_timeouts=LATE,
            connect_cost_s=1e-6,
        )
    )
    settings, certificate = answer.settings, answer.certificate
    if settings is None:
        raise SystemExit(f"No size for {case}: {answer.verdict}.")
    return settings.pool_size + settings.max_overflow, certificate.decided_by if certificate else "nobody waits"


def binned(hold: Hold) -> tuple[tuple[float, float], ...]:
    """A law as monitoring would have counted it: bins between 1e-6 and 100 mean holds, each with its mean."""
    law = law_of(hold)
    edges = np.concatenate([[0.0], np.geomspace(1e-6, 100.0, BINS)]) * MEAN_S
    shares, times = (-np.diff(law.beyond(order, edges)) for order in (0, 1))
    some = shares > 0.0
    values = times[some] / shares[some] * MEAN_S
    return tuple(zip(values.tolist(), (shares[some] / shares[some].sum()).tolist(), strict=True))


def simulated(case: Case, capacity: int, seed: int) -> Simulated:
    """As long as `simulate` takes of itself."""
    return simulate(case.load, case.hold, capacity, semantics="sqlalchemy-async", seed=seed)


def longer(case: Case, capacity: int, short: Simulated, seed: int) -> Simulated:
    """Several times as many replications."""
    replications, requests = LONGER * short.length.replications, short.length.requests
    return simulate(
        case.load,
        case.hold,
        capacity,
        semantics="sqlalchemy-async",
        replications=replications,
        arrivals=requests,
        seed=seed,
    )


def needed_by_simulation(case: Case, start: int) -> tuple[int, bool]:
    """The fewest connections with P(wait > goal) <= 1 %, looked for from `start` on."""
    looked_at: dict[int, tuple[bool, bool]] = {}

    def suffices(capacity: int) -> bool:
        if capacity not in looked_at:
            looked_at[capacity] = verdict(case, capacity)
        return looked_at[capacity][0]

    capacity = start
    while not suffices(capacity):
        capacity += 1
    while capacity > least(case) and suffices(capacity - 1):
        capacity -= 1
    return capacity, all(looked_at[c][1] for c in (capacity, capacity - 1) if c in looked_at)


def verdict(case: Case, capacity: int) -> tuple[bool, bool]:
    """Whether it meets the goal, and whether that is sure; simulated longer where it is not at first."""
    run = simulated(case, capacity, seed=11)
    if is_open(run):
        run = longer(case, capacity, run, seed=12)
    return run.exceeds(GOAL_S) <= LATE, not is_open(run)


def is_open(run: Simulated) -> bool:
    """The interval does not tell whether the goal is met."""
    low, high = run.exceeds_interval(GOAL_S)
    return low <= LATE < high


def cases(*, quick: bool) -> list[Case]:
    laws, loads, capacities = (LAWS[::2], LOADS[1::2], CAPACITIES[::2]) if quick else (LAWS, LOADS, CAPACITIES)
    sources: tuple[Literal["open", "threads"], ...] = ("open", "threads")
    return [Case(*one) for one in itertools.product(sources, laws, loads, capacities)]


def tables(rows: Sequence[Row], timeouts: Sequence[Impatient]) -> Iterator[str]:
    """In markdown."""
    for source, title in (("open", "Open loads"), ("threads", f"Finite sources: {THREADS} threads a connection")):
        some = [row for row in rows if row.case.source == source]
        yield f"## {title}"
        yield ""
        yield from p99_summary(some)
        yield ""
        yield from size_summary(some)
        yield ""
        if source == "open":
            yield from timeout_summary(timeouts)
            yield ""
    for source, title in (("open", "Open loads, one by one"), ("threads", "Finite sources, one by one")):
        yield f"## {title}"
        yield ""
        yield from one_by_one([row for row in rows if row.case.source == source])
        yield ""


def p99_summary(rows: Sequence[Row]) -> Iterator[str]:
    """Over all loads and sizes of a law."""
    models = rows[0].case.models
    yield from header(["p99 wait: model less simulation", *models])
    for law in dict.fromkeys(row.case.hold for row in rows):
        some = [row for row in rows if row.case.hold == law and row.p99_s >= GOAL_S]
        yield line([name_of(law), *(spread([error(row, model) for row in some]) for model in models)])


def spread(errors: list[float]) -> str:
    return f"{statistics.median(errors):+.0%} ({min(errors):+.0%} to {max(errors):+.0%})" if errors else ""


def error(row: Row, model: str) -> float:
    return row.p99s[model] / row.p99_s - 1.0


def timeout_summary(rows: Sequence[Impatient]) -> Iterator[str]:
    """Where timeouts are seen often enough."""
    models = tuple(rows[0].by_model)
    yield from header(["P(timeout): model over simulation", "timeout / hold", "pools", *models])
    for law, patience in dict.fromkeys((row.case.hold, row.patience) for row in rows):
        asked = [row for row in rows if (row.case.hold, row.patience) == (law, patience)]
        some = [row for row in asked if row.timeout_probability >= RAREST]
        factors = [[row.by_model[name] / row.timeout_probability for row in some] for name in models]
        yield line([name_of(law), f"{patience:g}", str(len(some)), *map(factor_spread, factors)])


def factor_spread(factors: list[float]) -> str:
    return f"{statistics.median(factors):.2g} ({min(factors):.2g} to {max(factors):.2g})" if factors else ""


def size_summary(rows: Sequence[Row]) -> Iterator[str]:
    """How often each is right."""
    yield from header(["connections less those needed", "right", "too few", "too many", "from", "to"])
    for name in (*rows[0].case.models, "recommend"):
        off = [row.sizes[name] - row.needed for row in rows]
        counts = [sum(x == 0 for x in off), sum(x < 0 for x in off), sum(x > 0 for x in off)]
        yield line([name, *map(str, counts), f"{min(off):+d}", f"{max(off):+d}"])
    yield ""
    decided = Counter(row.decided_by for row in rows)
    unsure = sum(not row.is_sure for row in rows)
    yield f"Decided by: {', '.join(f'{by} {count}' for by, count in decided.most_common())}. " + (
        f"In {unsure} of {len(rows)} the long simulation itself leaves open which of two sizes is needed."
    )
    if "Volterra" in rows[0].case.models:
        between = sum(is_between(row) for row in rows)
        agree = [row for row in rows if row.sizes["chain"] == row.sizes["Volterra"]]
        right = sum(row.sizes["chain"] == row.needed for row in agree)
        yield (
            f"What is needed is between the chain and the Volterra equation in {between} of {len(rows)}; these two "
            f"agree in {len(agree)}, and are right in {right} of them."
        )


def is_between(row: Row) -> bool:
    low, high = sorted((row.sizes["chain"], row.sizes["Volterra"]))
    return low <= row.needed <= high


def one_by_one(rows: Sequence[Row]) -> Iterator[str]:
    models = rows[0].case.models
    titles = ["holds", "load", "connections", "p99 / hold", *models]
    yield from header([*titles, "needed", *models, "recommend", "decided by"])
    for row in rows:
        case = row.case
        yield line(
            [
                name_of(case.hold),
                f"{case.utilization:g}",
                str(case.capacity),
                f"{row.p99_s / MEAN_S:.3g} ± {row.p99_half_s / MEAN_S:.1g}",
                *(f"{error(row, model):+.0%}" if row.p99_s else "" for model in models),
                f"{row.needed}{'' if row.is_sure else ' ?'}",
                *(f"{row.sizes[name] - row.needed:+d}" for name in (*models, "recommend")),
                row.decided_by,
            ]
        )


def header(titles: list[str]) -> Iterator[str]:
    yield line(titles)
    yield line(["---"] * len(titles))


def line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def name_of(hold: Hold) -> str:
    return hold.law_name if hold.scv == 0.0 else f"{hold.law_name}, scv {hold.scv:g}"


ABOUT: Final = """# How far off the models are

Written by `python benchmarks/accuracy.py --write`; not by hand.

Each row is a pool whose holds have the stated law, FIFO, without a timeout. Load is how much of its connections would
be busy if nobody had to wait. "p99 / hold" is the simulated 99th percentile of the wait over all requests, in mean
holds, with half of its 95 % interval, and the columns after it how far each model is off. "Needed" is the smallest pool
for that load whose p99 is within a fifth of a hold, as simulated, and the columns after it by how many connections each
model is off; a question mark says that the simulation does not tell two sizes apart.

The models: the [chain](chain.md), which takes all holds for exponential; Allen and Cunneen's formula, which stretches
its waits by (1 + scv) / 2 and is here for comparison; the [Volterra equation](holds.md). `recommend` is what a user
gets who states the load and the law (gamma and h2 as a histogram): it solves the chain and the equation, and where they
disagree, or are known to be off, it [simulates](simulation.md); what it is held to is simulated with other random
numbers.

The summaries have the median over loads and sizes, and the ends. Those of p99 leave out pools where it is below a fifth
of a hold: next to 0 its relative error is that of a probability near 1 %. Those of P(timeout) leave out where it is
below 1e-4, since hardly any are seen.
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="an eighth of the pools")
    parser.add_argument("--write", action="store_true", help="write docs/theory/accuracy.md")
    parser.add_argument("--processes", type=int, default=usable_processors())
    arguments = parser.parse_args()
    begin, pools = time.perf_counter(), cases(quick=arguments.quick)
    asked = [(case, patience) for case in pools if case.source == "open" for patience in PATIENCE]
    timeouts = mapped(impatient, asked, processes=arguments.processes)
    rows = mapped(
        found,
        pools,
        processes=arguments.processes,
        on_progress=lambda share: print(f"\r{share:.0%}", end="", file=sys.stderr, flush=True),
    )
    print(f"\r{len(rows)} pools in {time.perf_counter() - begin:.0f} s", file=sys.stderr)
    text = f"{ABOUT}\n{chr(10).join(tables(rows, timeouts))}".rstrip() + "\n"
    if arguments.write:
        WRITTEN.write_text(text, encoding="utf-8")
    else:
        print(text, end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
