"""`poolsize recommend`."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import msgspec
import typer

from poolsize.cli.facts_source import LimitOptions, facts_for
from poolsize.cli.options import Json, NoSave, seconds
from poolsize.cli.output import emit
from poolsize.cli.reading import current_of, reproduced, surge_of
from poolsize.cli.saving import keep
from poolsize.datatypes import Recommendation, Request
from poolsize.profiles import PROFILES
from poolsize.providers import PROVIDERS
from poolsize.recommend.document import recommendation
from poolsize.workers import WORKER_TYPES

LOAD = "Workload (one way to say each; default: a profile)"
DEPLOYMENT = "Deployment"
GOAL = "Goal"
LIMITS = "Limits (default: the stored probe of DATABASE_URL, or the last one)"
NO = 3
"""The exit code of an answer that is no."""


class Format(StrEnum):
    """How the answer is printed."""

    text = "text"
    markdown = "markdown"
    json = "json"


def recommend(
    workers: Annotated[int, typer.Option(rich_help_panel=DEPLOYMENT, help="Processes per instance.")],
    dsn: Annotated[
        str | None, typer.Argument(metavar="[DSN]", help="Probed first; as `poolsize probe` takes it.")
    ] = None,
    threads: Annotated[
        int | None, typer.Option(rich_help_panel=DEPLOYMENT, help="Requests a process works on at once.")
    ] = None,
    instances: Annotated[int, typer.Option(rich_help_panel=DEPLOYMENT, help="Pods or hosts.")] = 1,
    surge: Annotated[
        str | None,
        typer.Option(
            metavar="N|P%",
            rich_help_panel=DEPLOYMENT,
            help="Extra instances in a rollout; default 25 % rounded up, 0 for one instance.",
        ),
    ] = None,
    pools: Annotated[int, typer.Option(rich_help_panel=DEPLOYMENT, help="Engines per process.")] = 1,
    checkouts_per_request: Annotated[
        int, typer.Option(metavar="M", rich_help_panel=DEPLOYMENT, help="Connections one request holds at once.")
    ] = 1,
    skew: Annotated[
        float, typer.Option(rich_help_panel=DEPLOYMENT, help="Load of the busiest process over the mean.")
    ] = 1.0,
    worker_type: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            rich_help_panel=DEPLOYMENT,
            help=f"Default gunicorn-gthread with 8 threads. One of {', '.join(WORKER_TYPES)}.",
        ),
    ] = None,
    current: Annotated[
        str | None,
        typer.Option(
            metavar="SIZE+OVER",
            rich_help_panel=DEPLOYMENT,
            help="Put the present settings beside the answer, or SQLAlchemy's: `default`.",
        ),
    ] = None,
    rate: Annotated[
        float | None, typer.Option(rich_help_panel=LOAD, help="Checkouts per second at peak, over all processes.")
    ] = None,
    hold: Annotated[
        str | None,
        typer.Option(metavar="TIME", rich_help_panel=LOAD, help="Mean time a checkout holds a connection, as 20ms."),
    ] = None,
    hold_p95: Annotated[
        str | None, typer.Option("--hold-p95", metavar="TIME", rich_help_panel=LOAD, help="Its 95th percentile.")
    ] = None,
    hold_scv: Annotated[
        float | None, typer.Option(rich_help_panel=LOAD, help="Or its squared coefficient of variation.")
    ] = None,
    request_rate: Annotated[float | None, typer.Option(rich_help_panel=LOAD, help="Requests per second.")] = None,
    request_time: Annotated[
        str | None, typer.Option(metavar="TIME", rich_help_panel=LOAD, help="Mean time of a request.")
    ] = None,
    request_p95: Annotated[
        str | None, typer.Option("--request-p95", metavar="TIME", rich_help_panel=LOAD, help="Its 95th percentile.")
    ] = None,
    think: Annotated[
        str | None,
        typer.Option(metavar="TIME", rich_help_panel=LOAD, help="Mean time of a thread between two checkouts."),
    ] = None,
    profile: Annotated[
        str | None,
        typer.Option(metavar="NAME", rich_help_panel=LOAD, help=f"{', '.join(PROFILES)}, or a .toml file."),
    ] = None,
    p99_wait: Annotated[
        str | None,
        typer.Option(
            "--p99-wait",
            metavar="TIME",
            rich_help_panel=GOAL,
            help="99 % of the checkouts wait no longer; default a quarter of the hold, at least 10ms.",
        ),
    ] = None,
    max_timeouts: Annotated[
        float | None, typer.Option(rich_help_panel=GOAL, help="Share of checkouts that may time out; default 1e-6.")
    ] = None,
    request_timeout: Annotated[
        str | None, typer.Option(metavar="TIME", rich_help_panel=GOAL, help="No pool_timeout beyond it; default 30s.")
    ] = None,
    max_connections: Annotated[
        int | None, typer.Option(rich_help_panel=LIMITS, help="The server's setting, instead of a probe.")
    ] = None,
    reserved: Annotated[
        int | None, typer.Option(rich_help_panel=LIMITS, help="Of those, not for applications; default PostgreSQL's 3.")
    ] = None,
    dialect: Annotated[
        str, typer.Option(rich_help_panel=LIMITS, help="With --max-connections: postgresql, mysql or mariadb.")
    ] = "postgresql",
    provider: Annotated[
        str | None,
        typer.Option(metavar="NAME", rich_help_panel=LIMITS, help=f"An estimate for {', '.join(PROVIDERS)}."),
    ] = None,
    db_memory: Annotated[
        str | None, typer.Option(metavar="SIZE", rich_help_panel=LIMITS, help="The instance's memory, as 8GB.")
    ] = None,
    others: Annotated[
        int | None,
        typer.Option(
            rich_help_panel=LIMITS, help="Connections of everything else on the server; default as probed, at least 3."
        ),
    ] = None,
    connect_cost: Annotated[
        str | None,
        typer.Option(metavar="TIME", rich_help_panel=LIMITS, help="To open a connection from where the service runs."),
    ] = None,
    db_cores: Annotated[int | None, typer.Option(rich_help_panel=LIMITS, help="The server's processors.")] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Show every formula, limit and input.")] = False,
    output_format: Annotated[Format, typer.Option("--format", help="markdown is for a pull request.")] = Format.text,
    as_json: Json = False,
    no_save: NoSave = False,
) -> None:
    """Say which pool_size, max_overflow and pool_timeout meet the goal, which limit binds, and why.

    With --workers alone it assumes a workload and says so. Exit code 3: the answer is no.

    Examples:  poolsize recommend --workers 4    |    poolsize recommend --workers 4 --rate 80 --hold 20ms --explain
    """
    request = Request(
        workers=workers,
        threads=threads,
        instances=instances,
        surge=surge_of(surge, instances),
        pools=pools,
        checkouts_per_request=checkouts_per_request,
        skew=skew,
        worker_type=worker_type,
        others=others,
        rate_per_s=rate,
        hold_s=seconds(hold),
        hold_p95_s=seconds(hold_p95),
        hold_scv=hold_scv,
        request_rate_per_s=request_rate,
        request_time_s=seconds(request_time),
        request_p95_s=seconds(request_p95),
        think_s=seconds(think),
        profile=profile,
        p99_wait_s=seconds(p99_wait),
        max_timeouts=max_timeouts,
        request_timeout_s=seconds(request_timeout),
        connect_cost_s=seconds(connect_cost),
        db_cores=db_cores,
        current=current_of(current),
    )
    limits = LimitOptions(dsn, max_connections, reserved, dialect, provider, db_memory)
    answer = recommendation(request, facts_for(limits, no_save=no_save))
    again = reproduced(dsn)
    more = () if explain else (f"{again} --explain",)
    answer = msgspec.structs.replace(answer, reproduce=again, next=(*answer.next, *more))
    keep(answer, unless=no_save)
    _print(answer, Format.json if as_json else output_format, explain=explain)
    if answer.is_no:
        raise typer.Exit(NO)


def _print(answer: Recommendation, form: Format, *, explain: bool) -> None:
    if form is Format.json:
        emit(answer, "", as_json=True)
    elif form is Format.markdown:
        from poolsize.report.markdown import markdown  # here: one form needs no other

        emit(answer, markdown(answer), as_json=False)
    else:
        from poolsize.report.recommendation import explanation, summary  # here: one form needs no other

        emit(answer, explanation(answer) if explain else summary(answer), as_json=False)
