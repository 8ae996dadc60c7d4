"""How near the predictions come to what real pools do on a real PostgreSQL.

    python benchmarks/real_accuracy.py [--seconds 40] [--only NAME] [--write]

Each workload is run by `poolsize verify`'s own driver. Three predictions stand beside the measured mean and p99 wait:
`stated`, from the hold that was asked for; `as measured`, from the rate and the holds that came of it, for runs of
that length; and `replayed`, the waits of the very same requests (their arrivals and their holds) at a simulated pool,
which leaves no chance between the two: a pool that serves in another order, or has another number of connections,
would differ at once, while one that follows its rules is repeated to the digit. The aim, 5 % of the mean and 10 % of
the p99, is judged on what is replayed, and the verdict `inside` on the intervals of `poolsize verify`.
--write keeps the table in benchmarks/results/.
"""

from __future__ import annotations

import argparse
import math
import os
import platform
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from poolsize.datatypes import Settings, Trace
from poolsize.datatypes.verify import Verification, VerifiedRow
from poolsize.dsn import parse
from poolsize.live.verify import document_of
from poolsize.live.verify_drive import Driven, driven
from poolsize.live.verify_plan import VerifyPlan
from poolsize.queueing import Closed, Hold, Open
from poolsize.simulate import simulate
from tests.servers import PgBouncerServer, PostgresServer, started_pgbouncer, started_postgres

MEAN_AIM: Final = 0.05
P99_AIM: Final = 0.10
RESULTS: Final = Path(__file__).parent / "results" / "real_accuracy.md"
ROLE: Final = "trust"
FINEST_S: Final = 1e-4
"""Waits that are shorter than what it takes to wake up a thread say nothing in percent."""


class Case(NamedTuple):
    """One pool and its load. Seconds."""

    pool: str
    size: int
    over: int
    load: Open | Closed
    hold: Hold
    timeout_s: float = 30.0


CASES: Final = {
    "1 connection, half busy": Case("psycopg_pool", 1, 0, Open(25.0), Hold(0.02)),
    "2, hardly busy": Case("sqlalchemy", 2, 0, Open(30.0), Hold(0.02)),
    "4, usual": Case("sqlalchemy", 4, 0, Open(120.0), Hold(0.02)),
    "4, constant holds": Case("psycopg_pool", 4, 0, Open(150.0), Hold(0.02, 0.0)),
    "4, uneven holds": Case("psycopg_pool", 4, 0, Open(110.0), Hold(0.02, 4.0)),
    "4, heavy tail": Case("psycopg_pool", 4, 0, Open(80.0), Hold(0.02, 9.0)),
    "10, nearly full": Case("psycopg_pool", 10, 0, Open(220.0), Hold(0.04)),
    "20, full": Case("psycopg_pool", 20, 0, Open(230.0), Hold(0.08)),
    "12 threads": Case("sqlalchemy", 4, 0, Closed(12, 0.05), Hold(0.02)),
    "40 threads": Case("psycopg_pool", 10, 0, Closed(40, 0.16), Hold(0.05)),
    "timeouts": Case("sqlalchemy", 4, 0, Open(170.0), Hold(0.02), 0.05),
    "overflow": Case("sqlalchemy", 2, 4, Open(80.0), Hold(0.04)),
    "asyncio": Case("sqlalchemy-async", 6, 0, Open(90.0), Hold(0.04)),
    "PgBouncer": Case("pgbouncer", 4, 0, Closed(16, 0.08), Hold(0.02)),
}


def dsn_of(case: Case, server: PostgresServer, pooler: PgBouncerServer) -> str:
    return pooler.dsn(ROLE) if case.pool == "pgbouncer" else server.dsn(ROLE)


def plan_of(case: Case, seconds: float) -> VerifyPlan:
    settings = Settings(pool_size=case.size, max_overflow=case.over, pool_timeout_s=case.timeout_s)
    return VerifyPlan(pool=case.pool, settings=settings, load=case.load, hold=case.hold, duration_s=seconds)


def replayed(run: Driven) -> tuple[float, float]:
    """Mean and p99 of the same requests at a simulated pool, after the same warm-up."""
    seen, settings = run.requests, run.plan.settings
    if seen is None:
        raise RuntimeError("the pool was not opened")
    # One that gave up would have held as long as the others do.
    holds = np.where(seen.is_late, seen.served_holds_s.mean(), seen.hold_s)
    kept = settings.capacity if run.plan.pool == "pgbouncer" else settings.pool_size
    found = simulate(
        Trace(tuple((seen.asked_s - seen.asked_s[0]).tolist()), tuple(holds.tolist())),
        Hold(1.0),
        settings.capacity,
        timeout_s=settings.pool_timeout_s,
        pool_size=kept,
        semantics=run.plan.pool,
        setup_s=float(np.mean(run.took_s)) if run.took_s else 0.0,
    )
    waits = found.sample.path[seen.asked_s >= run.plan.warm_up_s, 1]
    return float(waits.mean()), float(np.quantile(waits, 0.99, method="inverted_cdf"))


def row_of(document: Verification, metric: str) -> VerifiedRow:
    return next(row for row in document.rows if row.metric == metric)


class Line(NamedTuple):
    """One workload's figures."""

    text: str
    is_within: bool
    is_inside: bool
    """By the intervals, for the inputs as measured."""
    apart: float
    """Of the mean wait: the prediction for the inputs as measured over the measured one, less 1."""


def line(name: str, case: Case, run: Driven) -> Line:
    document = document_of(run)
    mean, p99 = (row_of(document, metric) for metric in ("mean_wait_s", "p99_wait_s"))
    again_mean, again_p99 = replayed(run)
    is_inside = all(row.is_explained is not False for row in document.rows)
    is_near = near(again_mean, mean, MEAN_AIM), near(again_p99, p99, P99_AIM)
    hold = document.measured_inputs["hold_s"].value
    busy = row_of(document, "utilization").measured or 0.0
    cells = [
        name,
        case.pool,
        f"{document.requests:,}",
        f"{case.hold.mean_s * 1e3:.3g} → {hold * 1e3:.3g}",
        f"{busy:.0%}",
        *figures(mean, again_mean),
        *figures(p99, again_p99),
        "yes" if is_inside else "no",
        "yes" if all(is_near) else "no",
    ]
    apart = (mean.from_measured_inputs or math.inf) / (mean.measured or math.inf) - 1.0
    return Line(f"| {' | '.join(cells)} |", all(is_near), is_inside, apart)


def figures(row: VerifiedRow, again_s: float) -> Iterator[str]:
    measured = row.measured or 0.0
    yield f"{ms(row.predicted)} / {ms(row.from_measured_inputs)} / {ms(again_s)}"
    yield f"{ms(measured)} ({ms(row.low)} to {ms(row.high)})"
    yield f"{(again_s - measured) / measured:+.1%}" if measured > FINEST_S else "-"


def near(predicted_s: float, row: VerifiedRow, aim: float) -> bool:
    measured = row.measured or 0.0
    return abs(predicted_s - measured) <= max(aim * measured, FINEST_S)


def ms(seconds: float | None) -> str:
    return "∞" if seconds is None else f"{seconds * 1e3:.3g}"


HEAD: Final = (
    "| workload | pool | requests | hold, ms: asked → real | busy | mean wait, ms: stated / as measured / replayed "
    "| measured (interval) | replayed is off by | p99 wait, ms: stated / as measured / replayed "
    "| measured (interval) | replayed is off by | as measured: inside | replayed: within the aim |\n"
    "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---|---|"
)


def machine() -> str:
    now = datetime.now(UTC).isoformat(timespec="minutes")
    system = f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors"
    return f"{now}, {system}, Python {platform.python_version()}"


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=40.0, help="of each run")
    parser.add_argument("--only", choices=CASES, help="this workload alone")
    parser.add_argument("--write", action="store_true", help=f"keep it in {RESULTS.name}")
    arguments = parser.parse_args()
    lines = []
    print(HEAD, flush=True)
    with started_postgres(tls=False) as server, started_pgbouncer(server, default_pool_size=4) as pooler:
        for name, case in CASES.items():
            if arguments.only in (None, name):
                plan = plan_of(case, arguments.seconds)
                run = driven(
                    parse(dsn_of(case, server, pooler)), plan, interrupts=(), on_progress=lambda _what, _share: None
                )
                lines.append(line(name, case, run))
                print(lines[-1].text, flush=True)
    apart = np.array([one.apart for one in lines])
    error = apart.std(ddof=1) / math.sqrt(len(apart)) if len(apart) > 1 else math.nan
    told = (
        f"{sum(one.is_inside for one in lines)} of {len(lines)} workloads have every figure inside of its interval for "
        f"the inputs as measured; {sum(one.is_within for one in lines)} are replayed within {MEAN_AIM:.0%} of the mean "
        f"and {P99_AIM:.0%} of the p99 (or {FINEST_S * 1e3:g} ms). The mean waits predicted for the inputs as measured "
        f"are {apart.mean():+.1%} ± {error:.1%} off on average over them all, which says more than one run can."
        f"\n\n{machine()}, {arguments.seconds:g} s each."
    )
    print(f"\n{told}")
    if arguments.write:
        RESULTS.parent.mkdir(exist_ok=True)
        table = "\n".join([HEAD, *(one.text for one in lines)])
        RESULTS.write_text(f"# Predicted beside measured\n\n{table}\n\n{told}\n", encoding="utf-8")
    return 0 if all(one.is_within for one in lines) else 1


if __name__ == "__main__":
    sys.exit(main())
