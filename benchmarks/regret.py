"""How far from the best size is poolsize's answer on a real PostgreSQL, and how far are the rules of thumb?

    python benchmarks/regret.py [--seconds 60] [--only NAME] [--write]

Each workload's pool is run for real with every size from the fewest connections that can carry the load on, by the
same arrivals and holds, until 99 % of the requests wait no longer than the goal: that size is the best. Beside it
stands the range that it may be in: from the first size that does not surely miss the goal, by the interval of its
share, to the first that surely meets it. A run of 12 s tells a share of 1 % from one of 3 % no better than a coin
does; one of 60 s does mostly, on a machine with nothing else to do. Compared with it: `recommend`, fed with the hold
that the runs measured, since the stated one is not the real one; the same from the stated hold; SQLAlchemy's default
of 5 + 10; processors × 2 + 1; and Erlang C with the stated hold. An answer is near that may be large enough and is at
most one connection above the best.
--write keeps the table in benchmarks/results/.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from benchmarks.real_accuracy import ROLE, machine
from poolsize.datatypes import Request, Settings
from poolsize.dsn import parse
from poolsize.live.verify_drive import Driven, driven
from poolsize.live.verify_figures import batches_of, late_share
from poolsize.live.verify_plan import VerifyPlan
from poolsize.providers import stated_facts
from poolsize.queueing import Closed, Hold, Open, solve
from poolsize.recommend import recommend
from tests.servers import PostgresServer, started_postgres

LATE: Final = 0.01
MOST: Final = 24
TIMEOUT_S: Final = 30.0
DEFAULT: Final = 15
SERVER_CONNECTIONS: Final = 100
RESULTS: Final = Path(__file__).parent / "results" / "regret.md"


class Case(NamedTuple):
    """One pool's load, and its goal. Seconds."""

    pool: str
    load: Open | Closed
    hold: Hold
    goal_s: float

    @property
    def rate_per_s(self) -> float:
        if isinstance(self.load, Open):
            return self.load.rate_per_s
        return self.load.threads / (self.load.think_s + self.hold.mean_s)


CASES: Final = {
    "light": Case("psycopg_pool", Open(40.0), Hold(0.02), 0.01),
    "usual": Case("psycopg_pool", Open(120.0), Hold(0.02), 0.01),
    "patient": Case("sqlalchemy", Open(120.0), Hold(0.02), 0.05),
    "constant holds": Case("psycopg_pool", Open(150.0), Hold(0.02, 0.0), 0.01),
    "uneven holds": Case("psycopg_pool", Open(100.0), Hold(0.02, 4.0), 0.02),
    "long holds": Case("psycopg_pool", Open(50.0), Hold(0.1), 0.05),
    "short holds": Case("sqlalchemy", Open(200.0), Hold(0.005), 0.005),
    "threads": Case("sqlalchemy", Closed(8, 0.06), Hold(0.02), 0.01),
    "many threads": Case("psycopg_pool", Closed(24, 0.15), Hold(0.04), 0.02),
    "asyncio": Case("sqlalchemy-async", Open(80.0), Hold(0.03), 0.02),
}


def run_of(case: Case, size: int, server: PostgresServer, seconds: float) -> Driven:
    settings = Settings(pool_size=size, max_overflow=0, pool_timeout_s=TIMEOUT_S)
    plan = VerifyPlan(pool=case.pool, settings=settings, load=case.load, hold=case.hold, duration_s=seconds)
    return driven(parse(server.dsn(ROLE)), plan, interrupts=(), on_progress=lambda _what, _share: None)


class Tried(NamedTuple):
    """A size, and the share of requests that waited for longer than the goal."""

    size: int
    share: float
    low: float
    high: float
    """Of its interval."""


class Real(NamedTuple):
    """What the real pools show."""

    tried: tuple[Tried, ...]
    hold_s: float
    hold_scv: float
    """Of the last run."""

    @property
    def best(self) -> int:
        return next(one.size for one in self.tried if one.share <= LATE)

    @property
    def least(self) -> int:
        """The first that does not surely miss it."""
        return next(one.size for one in self.tried if one.low <= LATE)

    @property
    def surely(self) -> int | None:
        """The first that meets it with all of its interval."""
        return next((one.size for one in self.tried if one.high <= LATE), None)


def real(case: Case, server: PostgresServer, seconds: float) -> Real:
    """Until a size surely meets the goal, or two more than the best do not suffice to be sure."""
    tried: list[Tried] = []
    hold_s, hold_scv = case.hold.mean_s, case.hold.scv
    for size in range(math.ceil(case.rate_per_s * case.hold.mean_s), MOST):
        seen = run_of(case, size, server, seconds).measured
        if seen is None:
            raise RuntimeError("nothing was measured")
        found = late_share(seen, case.goal_s, batches_of(seen))
        tried.append(Tried(size, found.value, *found.range))
        holds = seen.served_holds_s
        hold_s, hold_scv = float(holds.mean()), float(holds.var() / holds.mean() ** 2)
        good = sum(one.share <= LATE for one in tried)
        if found.range.high <= LATE or good > 2:
            break
    return Real(tuple(tried), hold_s, hold_scv)


def recommended(case: Case, hold_s: float, hold_scv: float) -> int:
    """The capacity that poolsize gives one process of this load."""
    is_open = isinstance(case.load, Open)
    request = Request(
        workers=1,
        worker_type="uvicorn" if is_open else "gunicorn-gthread",
        threads=None if isinstance(case.load, Open) else case.load.threads,
        rate_per_s=case.load.rate_per_s if isinstance(case.load, Open) else None,
        think_s=None if isinstance(case.load, Open) else case.load.think_s,
        hold_s=hold_s,
        hold_scv=hold_scv,
        p99_wait_s=case.goal_s,
    )
    settings = recommend(request, stated_facts(SERVER_CONNECTIONS)).settings
    if settings is None:
        raise RuntimeError("no size was recommended")
    return settings.capacity


def erlang_c(case: Case) -> int:
    """The smallest M/M/c of the stated mean that meets the goal."""
    sizes = range(math.floor(case.rate_per_s * case.hold.mean_s) + 1, MOST)
    return next(
        size
        for size in sizes
        if solve(Open(case.rate_per_s), Hold(case.hold.mean_s), size).exceeds(case.goal_s) <= LATE
    )


class Line(NamedTuple):
    """One workload's sizes, each with its distance from the best."""

    name: str
    case: Case
    found: Real
    sizes: dict[str, int]

    def is_under(self, name: str) -> bool:
        """That size surely misses the goal."""
        return self.sizes[name] < self.found.least

    def is_near(self, name: str) -> bool:
        """It is no smaller than what may be the best, and within one connection above what was."""
        return not self.is_under(name) and self.sizes[name] <= self.found.best + 1

    @property
    def text(self) -> str:
        surely = self.found.surely
        cells = [
            self.name,
            self.case.pool,
            f"{self.case.hold.mean_s * 1e3:.3g} → {self.found.hold_s * 1e3:.3g}",
            f"{self.case.goal_s * 1e3:.3g}",
            ", ".join(f"{one.size}: {one.share:.2%}" for one in self.found.tried),
            f"{self.found.best} ({self.found.least} to {surely if surely is not None else '?'})",
            *(f"{size} ({size - self.found.best:+d})" for size in self.sizes.values()),
        ]
        return f"| {' | '.join(cells)} |"


def sizes_of(case: Case, found: Real) -> dict[str, int]:
    return {
        "poolsize, measured hold": recommended(case, found.hold_s, found.hold_scv),
        "poolsize, stated hold": recommended(case, case.hold.mean_s, case.hold.scv),
        "SQLAlchemy's 5+10": DEFAULT,
        "processors × 2 + 1": (os.cpu_count() or 1) * 2 + 1,
        "Erlang C": erlang_c(case),
    }


def summary(lines: list[Line]) -> Iterator[str]:
    """Of each way to choose: how often it was too small, how many connections it was above the best otherwise."""
    for name in lines[0].sizes:
        apart = [line.sizes[name] - line.found.best for line in lines]
        over = [max(one, 0) for one in apart]
        yield (
            f"- {name}: {sum(line.is_near(name) for line in lines)} of {len(lines)} near, "
            f"{sum(line.is_under(name) for line in lines)} surely too small; above the best by "
            f"{sum(over) / len(over):.1f} connections on average, {max(over)} at most"
        )


HEAD: Final = (
    "| workload | pool | hold, ms: asked → real | goal, ms | size: waited longer | best (range) "
    "| poolsize, measured hold | poolsize, stated hold | SQLAlchemy's 5+10 | processors × 2 + 1 | Erlang C |\n"
    "|---|---|---:|---:|---|---:|---:|---:|---:|---:|---:|"
)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=60.0, help="of each run")
    parser.add_argument("--only", choices=CASES, help="this workload alone")
    parser.add_argument("--write", action="store_true", help=f"keep it in {RESULTS.name}")
    arguments = parser.parse_args()
    lines = []
    print(HEAD, flush=True)
    with started_postgres(tls=False) as server:
        for name, case in CASES.items():
            if arguments.only in (None, name):
                found = real(case, server, arguments.seconds)
                lines.append(Line(name, case, found, sizes_of(case, found)))
                print(lines[-1].text, flush=True)
    told = "\n".join([*summary(lines), "", f"{machine()}, {arguments.seconds:g} s each."])
    print(f"\n{told}")
    if arguments.write:
        RESULTS.parent.mkdir(exist_ok=True)
        table = "\n".join([HEAD, *(line.text for line in lines)])
        RESULTS.write_text(f"# The best size beside what is recommended\n\n{table}\n\n{told}\n", encoding="utf-8")
    return 0 if all(line.is_near("poolsize, measured hold") for line in lines) else 1


if __name__ == "__main__":
    sys.exit(main())
