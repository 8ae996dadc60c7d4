"""`poolsize verify`."""

from __future__ import annotations

from typing import Annotated, Final

import typer
from msgspec.structs import replace

from poolsize.cli.asking import ask_to_run, check_askable
from poolsize.cli.masking import read_dsn
from poolsize.cli.options import Json, count, flag, text, time
from poolsize.cli.output import emit, note, progress
from poolsize.cli.reading import reproduced
from poolsize.cli.signals import Terminated
from poolsize.cli.simulated_load import (
    LOAD,
    HoldHistogram,
    HoldLawName,
    HoldP95,
    HoldScv,
    HoldTime,
    LoadOptions,
    Rate,
    Think,
    Threads,
    TraceFile,
)
from poolsize.cli.verified import VerifyOptions, plan_for, recommendation_for
from poolsize.datatypes.verify import Verification
from poolsize.live.pools import POOLS

POOL: Final = "Pool"
RUN: Final = "Run"
EXIT: Final = {"interrupted": 130, "terminated": 143}
"""As a shell has it; what else ends a run is the database's failure."""
NO: Final = 3


def verify(
    on: Annotated[
        str | None, text("--on", metavar="DSN", panel=RUN, help="Where it is run; default $DATABASE_URL.")
    ] = None,
    source: Annotated[
        str | None, text("--from", metavar="FILE", panel=RUN, help="What `recommend --json` printed; default the last.")
    ] = None,
    pool: Annotated[
        str, text(metavar="NAME", panel=POOL, choices=POOLS, help=f"One of {', '.join(POOLS)}.")
    ] = "sqlalchemy",
    pool_size: Annotated[int | None, count(panel=POOL, least=1, help="Connections it keeps.")] = None,
    max_overflow: Annotated[int | None, count(panel=POOL, least=0, help="Connections beyond those.")] = None,
    pool_timeout: Annotated[float | None, time(panel=POOL, help="How long a request waits.")] = None,
    rate: Rate = None,
    threads: Threads = None,
    think: Think = None,
    hold: HoldTime = None,
    hold_p95: HoldP95 = None,
    hold_scv: HoldScv = None,
    hold_law: HoldLawName = None,
    hold_histogram: HoldHistogram = None,
    trace: TraceFile = None,
    sql: Annotated[
        str | None, text(metavar="SQL", panel=LOAD, help="Hold connections by this statement, not by sleeps.")
    ] = None,
    p99_wait: Annotated[float | None, time(panel=RUN, help="The goal: 99 % wait no longer.")] = None,
    duration: Annotated[float, time(panel=RUN, is_bound=True, help="After a warm-up; default 30s.")] = 30.0,
    seed: Annotated[int, count(panel=RUN, least=0, help="Other random numbers.")] = 0,
    at_most: Annotated[
        int | None, count(panel=RUN, least=1, help="Connections; default a quarter of the free ones.")
    ] = None,
    allow_writes: Annotated[bool, flag("--allow-writes", help="Let --sql write; else all is read-only.")] = False,
    refine: Annotated[bool, flag("--refine", help="Recommend again, with what was measured.")] = False,
    yes: Annotated[bool, flag("--yes", help="Run without asking.")] = False,
    as_json: Json = False,
) -> None:
    """Run the recommended pool for real, beside what was predicted of it.

    Pool and load are those of the last recommendation where none are said. The
    exit code 3 means: the goal is missed, or a prediction lies outside of what
    was measured.

    For example:

      poolsize verify --on "$DATABASE_URL"
      poolsize verify --pool psycopg_pool --pool-size 4 --rate 120 --hold 20ms
    """
    load = LoadOptions(
        rate_per_s=rate,
        threads=threads,
        think_s=think,
        hold_s=hold,
        hold_p95_s=hold_p95,
        hold_scv=hold_scv,
        hold_law=hold_law,
        app_s=None,
        histogram=hold_histogram,
        trace=trace,
    )
    options = VerifyOptions(
        pool=pool,
        pool_size=pool_size,
        max_overflow=max_overflow,
        timeout_s=pool_timeout,
        goal_s=p99_wait,
        statement=sql,
        duration_s=duration,
        seed=seed,
        load=load,
    )
    answer = recommendation_for(options, source, refine=refine)
    plan = plan_for(options, answer)
    dsn = read_dsn(on)
    check_askable(yes=yes)
    # here: a mistake in the options need not wait for numpy and the drivers
    from poolsize.live.verify import verify as run
    from poolsize.live.verify_budget import planned
    from poolsize.live.verify_plan import checked
    from poolsize.probe.dialect import ProbeOptions
    from poolsize.probe.dialects import ask

    plan = checked(plan, dsn.dialect)
    with progress() as told:
        facts = ask(dsn, ProbeOptions(samples=5, burst=0), told)
    ask_to_run(planned(facts, plan, at_most).sentence, yes=yes)
    with progress() as told:
        found = run(dsn, plan, allow_writes=allow_writes, interrupts=(KeyboardInterrupt, Terminated), on_progress=told)
    if refine and answer is not None and found.rows:
        from poolsize.live.verify_refine import refined_request  # here: few ask for it
        from poolsize.recommend.document import recommendation

        found = replace(found, refined=recommendation(refined_request(answer, found), facts))
    _print(replace(found, reproduce=reproduced(on)), as_json=as_json)
    if found.stopped is not None:
        raise typer.Exit(EXIT.get(found.stopped.kind, 1))
    if found.is_no:
        raise typer.Exit(NO)


def _print(found: Verification, *, as_json: bool) -> None:
    if found.stopped is not None:
        note(found.stopped.reason)
    if as_json:
        emit(found, "", as_json=True)
        return
    from poolsize.report.verify import verification_report  # here: --json needs no rich

    emit(found, verification_report(found), as_json=False)
    if found.refined is not None:
        from poolsize.report.summary import summary  # here: as above

        print("\nWith what was measured:\n")
        emit(found.refined, summary(found.refined), as_json=False)
