"""`poolsize recommend`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer

from poolsize.choices import not_one_of
from poolsize.cli.facts_source import LimitOptions, facts_for
from poolsize.cli.options import Json, NoSave, count, flag, number, text, time
from poolsize.cli.output import emit, progress
from poolsize.cli.reading import reproduced
from poolsize.cli.saving import keep
from poolsize.datatypes import Recommendation, Request, Trace
from poolsize.profiles import PROFILES
from poolsize.providers import PROVIDERS
from poolsize.recommend.document import recommendation
from poolsize.request_text import parse_current, parse_surge, parse_usl
from poolsize.workers import WORKER_TYPES

DEPLOYMENT: Final = "Deployment"
LOAD: Final = "Workload (one way to say each; default: a profile)"
GOAL: Final = "Goal"
LIMITS: Final = "Limits (default: the stored probe of DATABASE_URL, or the last one)"
FORMATS: Final = ("text", "markdown", "json")
NO: Final = 3
"""The exit code of an answer that is no."""


def recommend(
    workers: Annotated[int, count(panel=DEPLOYMENT, help="Processes per instance.")],
    dsn: Annotated[
        str | None, typer.Argument(metavar="DSN", help="Probed first; as `poolsize probe` takes it.")
    ] = None,
    threads: Annotated[int | None, count(panel=DEPLOYMENT, help="Requests a process works on at once.")] = None,
    instances: Annotated[int, count(panel=DEPLOYMENT, help="Pods or hosts.")] = 1,
    surge: Annotated[
        str | None,
        text(
            metavar="N|P%",
            panel=DEPLOYMENT,
            help="Extra instances in a rollout; default 25 % rounded up, 0 for one instance.",
        ),
    ] = None,
    pools: Annotated[int, count(panel=DEPLOYMENT, help="Engines per process.")] = 1,
    checkouts_per_request: Annotated[
        int, count(metavar="M", panel=DEPLOYMENT, help="Connections one request holds at once.")
    ] = 1,
    skew: Annotated[float, number(panel=DEPLOYMENT, help="Load of the busiest process over the mean.")] = 1.0,
    worker_type: Annotated[
        str | None,
        text(
            metavar="NAME",
            panel=DEPLOYMENT,
            choices=WORKER_TYPES,
            help=f"Default gunicorn-gthread with 8 threads. One of {', '.join(WORKER_TYPES)}.",
        ),
    ] = None,
    current: Annotated[
        str | None,
        text(
            metavar="SIZE+OVER",
            panel=DEPLOYMENT,
            choices=("default",),
            help="Put the present settings beside the answer, or SQLAlchemy's: `default`.",
        ),
    ] = None,
    rate: Annotated[float | None, number(panel=LOAD, help="Checkouts per second at peak, over all processes.")] = None,
    hold: Annotated[float | None, time(panel=LOAD, help="Mean time a checkout holds a connection, as 20ms.")] = None,
    hold_p95: Annotated[float | None, time(panel=LOAD, help="Its 95th percentile.")] = None,
    hold_scv: Annotated[float | None, number(panel=LOAD, help="Or its squared coefficient of variation.")] = None,
    request_rate: Annotated[float | None, number(panel=LOAD, help="Requests per second.")] = None,
    request_time: Annotated[float | None, time(panel=LOAD, help="Mean time of a request.")] = None,
    request_p95: Annotated[float | None, time(panel=LOAD, help="Its 95th percentile.")] = None,
    think: Annotated[float | None, time(panel=LOAD, help="Mean time of a thread between two checkouts.")] = None,
    in_use: Annotated[
        float | None, number(panel=LOAD, help="Connections checked out on average, for the rate or the hold.")
    ] = None,
    hold_histogram: Annotated[
        str | None, text(metavar="FILE", panel=LOAD, help="Holds as measured: lines of value,count.")
    ] = None,
    trace: Annotated[
        str | None,
        text(metavar="FILE", panel=LOAD, help="Checkouts as recorded over the peak: lines of arrival or arrival,hold."),
    ] = None,
    profile: Annotated[
        str | None,
        text(metavar="NAME", panel=LOAD, choices=PROFILES, help=f"{', '.join(PROFILES)}, or a .toml file."),
    ] = None,
    p99_wait: Annotated[
        float | None,
        time(panel=GOAL, help="99 % of the checkouts wait no longer; default a quarter of the hold, at least 10ms."),
    ] = None,
    max_timeouts: Annotated[
        float | None, number(panel=GOAL, help="Share of checkouts that may time out; default 1e-6.")
    ] = None,
    request_timeout: Annotated[float | None, time(panel=GOAL, help="No pool_timeout beyond it; default 30s.")] = None,
    max_connections: Annotated[
        int | None, count(panel=LIMITS, help="The server's setting, instead of a probe.")
    ] = None,
    reserved: Annotated[
        int | None, count(panel=LIMITS, help="Of those, not for applications; default PostgreSQL's 3.")
    ] = None,
    dialect: Annotated[
        str | None,
        text(
            metavar="NAME",
            panel=LIMITS,
            choices=("postgresql", "mysql", "mariadb"),
            help="With --max-connections: postgresql (the default), mysql or mariadb.",
        ),
    ] = None,
    provider: Annotated[
        str | None,
        text(metavar="NAME", panel=LIMITS, choices=PROVIDERS, help=f"An estimate for {', '.join(PROVIDERS)}."),
    ] = None,
    db_memory: Annotated[str | None, text(metavar="SIZE", panel=LIMITS, help="The instance's memory, as 8GB.")] = None,
    others: Annotated[
        int | None,
        count(panel=LIMITS, help="Connections of everything else on the server; default as probed, at least 3."),
    ] = None,
    connect_cost: Annotated[
        float | None, time(panel=LIMITS, help="To open a connection from where the service runs.")
    ] = None,
    db_cores: Annotated[int | None, count(panel=LIMITS, help="The server's processors.")] = None,
    curve: Annotated[
        str | None,
        text(metavar="last|FILE", panel=LIMITS, help="How it slows down, as poolsize curve measured it."),
    ] = None,
    usl: Annotated[
        str | None,
        text(
            metavar="ALPHA,BETA",
            panel=LIMITS,
            help="How the database slows down with busy connections; --hold is then that of one alone.",
        ),
    ] = None,
    no_certify: Annotated[
        bool, flag("--no-certify", help="Skip the simulation of a second or two that certifies the answer.")
    ] = False,
    explain: Annotated[bool, flag("--explain", help="Show every formula, limit and input.")] = False,
    output_format: Annotated[
        str, text("--format", metavar="|".join(FORMATS), choices=FORMATS, help="markdown is for a pull request.")
    ] = "text",
    as_json: Json = False,
    no_save: NoSave = False,
) -> None:
    """Say which pool_size, max_overflow and pool_timeout meet the goal, which limit binds, and why.

    With --workers alone it assumes a workload and says so. The exit code 3 means:
    the answer is no.

    For example:

      poolsize recommend --workers 4
      poolsize recommend --workers 4 --rate 80 --hold 20ms --explain
      poolsize recommend "$DATABASE_URL" --workers 4 --request-rate 80 --request-time 60ms
    """
    if output_format not in FORMATS:
        raise not_one_of("format", output_format, FORMATS)
    request = Request(
        workers=workers,
        threads=threads,
        instances=instances,
        surge=parse_surge(surge, instances),
        pools=pools,
        checkouts_per_request=checkouts_per_request,
        skew=skew,
        worker_type=worker_type,
        others=others,
        rate_per_s=rate,
        hold_s=hold,
        hold_p95_s=hold_p95,
        hold_scv=hold_scv,
        request_rate_per_s=request_rate,
        request_time_s=request_time,
        request_p95_s=request_p95,
        think_s=think,
        in_use=in_use,
        hold_histogram=_histogram(hold_histogram),
        trace=_trace(trace),
        usl=parse_usl(usl),
        profile=profile,
        p99_wait_s=p99_wait,
        max_timeouts=max_timeouts,
        request_timeout_s=request_timeout,
        connect_cost_s=connect_cost,
        db_cores=db_cores,
        current=parse_current(current),
    )
    limits = LimitOptions(dsn, max_connections, reserved, dialect, provider, db_memory)
    facts = facts_for(limits, no_save=no_save)
    if curve is not None:
        from poolsize.cli.curve_source import curve_for  # here: few have measured one
        from poolsize.live.curve_file import sized_by

        found = curve_for(curve, facts.target if facts is not None and facts.target else None)
        request, facts = sized_by(request, facts, found)
    with progress() as told:
        answer = recommendation(request, facts, certify=not no_certify, on_progress=told)
    again = reproduced(dsn)
    more = () if explain else (f"{again} --explain",)
    answer = msgspec.structs.replace(answer, reproduce=again, next=(*answer.next, *more))
    keep(answer, unless=no_save)
    _print(answer, "json" if as_json else output_format, explain=explain)
    if answer.is_no:
        raise typer.Exit(NO)


def _histogram(file: str | None) -> tuple[tuple[float, float], ...]:
    if file is None:
        return ()
    from poolsize.recorded import read_histogram  # here: few have recorded anything

    return read_histogram(Path(file)).histogram


def _trace(file: str | None) -> Trace | None:
    if file is None:
        return None
    from poolsize.recorded import read_trace  # here: few have recorded anything

    return read_trace(Path(file))


def _print(answer: Recommendation, form: str, *, explain: bool) -> None:
    if form == "json":
        emit(answer, "", as_json=True)
    elif form == "markdown":
        from poolsize.report.markdown import markdown  # here: one form needs no other

        emit(answer, markdown(answer), as_json=False)
    else:
        from poolsize.report.explanation import explanation  # here: one form needs no other
        from poolsize.report.summary import summary

        emit(answer, explanation(answer) if explain else summary(answer), as_json=False)
