"""A recommendation as text for a terminal of 80 × 24: the answer first, then why, then what else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.table import Table
from rich.text import Text

from poolsize.datatypes import Candidate, LimitCheck, Predicted, Quantity, Recommendation, Settings
from poolsize.units import duration, plural

_STYLES: Final = {"blocking": "bold red", "warning": "yellow", "note": "dim"}
_VERDICTS: Final = {"fits": "", "does_not_fit": "too many", "misses_goal": "too slow"}
"""Why a row is not an answer, in a word, beside its numbers."""


class _Detail(NamedTuple):
    """How much is said beside the answer."""

    findings: int
    remedies: bool = False
    scope: bool = True
    changes: bool = True


_DETAILS: Final = (
    _Detail(3, remedies=True),
    _Detail(3),
    _Detail(2),
    _Detail(2, scope=False),
    _Detail(1, scope=False),
    _Detail(1, scope=False, changes=False),
)
"""From the most to the least, which still names the gravest finding."""
_LINES: Final = 24
"""Of a terminal that nobody made larger."""


class _Summary:
    """As much as fits the terminal that was never made larger, at the width that there is."""

    def __init__(self, answer: Recommendation) -> None:
        self._answer = answer

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        forms = (Group(*_parts(self._answer, detail)) for detail in _DETAILS)
        shown = next(forms)
        while len(console.render_lines(shown, options, pad=False)) > _LINES:
            shorter = next(forms, None)
            if shorter is None:
                break
            shown = shorter
        yield shown


def summary(answer: Recommendation) -> RenderableType:
    """The default output: at most 24 lines of 80 columns for ordinary input."""
    return _Summary(answer)


def _parts(answer: Recommendation, detail: _Detail) -> Iterator[RenderableType]:
    yield from head(answer)
    yield Text()
    yield _candidates(answer)
    if answer.current is not None and detail.changes:
        yield _changes(answer.current)
    if answer.ways_to_fit:
        yield Text("It would fit with one of:", style="bold")
        yield from _ways(answer)
    if detail.scope:
        yield from _scope(answer)
    yield from _findings(answer, detail)
    yield _next(answer)


def explanation(answer: Recommendation) -> RenderableType:
    """Everything: the formula by hand, every limit, every input with its origin, every finding with its remedy."""
    return Group(
        *head(answer),
        Text(),
        _candidates(answer),
        Text("\nHow it follows", style="bold"),
        *(Text(f"  {line}") for line in answer.workings),
        Text("\nPredicted for one pool", style="bold"),
        *(Text(f"  {line}") for line in predicted_lines(answer)),
        Text("\nLimits", style="bold"),
        _limits(answer),
        Text("\nInputs", style="bold"),
        _inputs(answer),
        *_ranges(answer),
        *_scope_in_full(answer),
        *([Text("\nIt would fit with one of", style="bold"), *_ways(answer)] if answer.ways_to_fit else []),
        *_findings_in_full(answer),
        _next(answer),
    )


def head(answer: Recommendation) -> Iterator[Text]:
    """The three first lines: the settings or the verdict, the sum that binds, what was measured or assumed."""
    yield Text(verdict_line(answer), style="bold green" if not answer.is_no else "bold red")
    if answer.is_no and answer.settings is not None:
        yield Text(f"Best that fits: {settings_line(answer.settings)}")
    yield Text(sum_line(answer))
    yield Text(origin_line(answer), style="dim")


def verdict_line(answer: Recommendation) -> str:
    """The settings as keyword arguments; or why the answer is no."""
    if answer.verdict == "fits" and not answer.is_no and answer.settings is not None:
        return settings_line(answer.settings)
    blocking = next((finding for finding in answer.findings if finding.severity == "blocking"), None)
    if answer.verdict == "fits" and blocking is not None:
        return f"Not a question of size ({blocking.code}): see below."
    if answer.verdict == "misses_goal":
        return "No: no size meets the goal."
    return "No: what meets the goal does not fit."


def settings_line(settings: Settings) -> str:
    """`pool_size=3 max_overflow=1 pool_timeout=1 pool_recycle=1800 pool_pre_ping=True`."""
    recycle = f" pool_recycle={settings.pool_recycle_s}" if settings.pool_recycle_s else ""
    return (
        f"pool_size={settings.pool_size} max_overflow={settings.max_overflow} "
        f"pool_timeout={settings.pool_timeout_s:g}{recycle} pool_pre_ping={settings.pool_pre_ping}"
    )


def sum_line(answer: Recommendation) -> str:
    """The worst case as a product, against the limit that binds."""
    check = next((check for check in answer.limits if check.name == answer.binding), None)
    total = f"Worst case {answer.worst_case_sum}"
    if check is None:
        return f"{total}; nothing limits it."
    if check.unit != "connections":
        return f"{total}. The {check.name} binds: {check.demand:.2g} of {check.limit:g} {check.unit}."
    if answer.worst_case_sum.endswith(f"= {check.demand:g}"):
        return f"{total} of {_room(check)}"
    return f"{total}. The {check.name} binds: {check.demand:g} of {_room(check)}"


def _room(check: LimitCheck) -> str:
    others = f" - {check.others:g} others" if check.others else ""
    return f"{check.limit - check.others:g} ({check.name} {check.limit:g}{others})"


def origin_line(answer: Recommendation) -> str:
    """What is stated, assumed and measured of the load, and where the limits are from."""
    groups: dict[str, list[str]] = {}
    for name, text in _load_inputs(answer.inputs):
        groups.setdefault(answer.inputs[name].origin, []).append(text)
    parts = [f"{origin.capitalize()}: {', '.join(texts)}." for origin, texts in groups.items()]
    parts.append(f"Limits: {answer.limits_source or 'none known'}.")
    return " ".join(parts)


def _load_inputs(inputs: dict[str, Quantity]) -> Iterator[tuple[str, str]]:
    for name, text in (
        ("rate_per_s", "{:.4g} checkouts/s"),
        ("hold_s", "hold {}"),
        ("think_s", "think {}"),
        ("threads", "{:g} threads"),
        ("skew", "skew {:g}"),
        ("connect_cost_s", "connect {}"),
    ):
        if name in inputs and not (name == "rate_per_s" and "think_s" in inputs):
            value = inputs[name].value
            yield name, text.format(duration(value) if name.endswith("_s") and name != "rate_per_s" else value)


def _candidates(answer: Recommendation) -> Table:
    """The neighbours, and what else was asked to be put beside them."""
    exact = not answer.assumed_workload
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="dim")
    table.add_column("")
    for title in ("size+over", "worst"):
        table.add_column(title, justify="right", no_wrap=True)
    if exact:
        for title in ("busy", "p95", "p99", "timeouts"):
            table.add_column(title, justify="right", no_wrap=True)
    table.add_column("up to", justify="right", no_wrap=True)
    table.add_column("")
    rows = [*answer.neighbours, *answer.alternatives, *((answer.current,) if answer.current else ())]
    for row in rows:
        is_answer = row.label == "c"
        table.add_row(*_cells(row, answer, exact=exact), style="bold" if is_answer else "")
    return table


def _cells(row: Candidate, answer: Recommendation, *, exact: bool) -> list[str]:
    label = (
        answer.deployment.worker_type if row.label == "c" and answer.deployment and answer.alternatives else row.label
    )
    label = label.removeprefix("gunicorn-")
    worst = "no bound" if row.worst_case is None else str(row.worst_case)
    cells = [label, f"{row.settings.pool_size}+{row.settings.max_overflow}", worst]
    p = row.predicted
    if exact:
        cells += [
            _percent(p.utilization),
            *(_wait(wait, row.settings.pool_timeout_s) for wait in (p.p95_wait_s, p.p99_wait_s)),
            _probability(p.timeout_probability),
        ]
    up_to = "" if p.holds_up_to_per_s is None else rate(p.holds_up_to_per_s)
    return [*cells, up_to, _VERDICTS[row.verdict]]


def rate(per_s: float) -> str:
    """`35/s`, `19,200/s`: three digits."""
    rounded = float(f"{per_s:.3g}")
    return f"{rounded:,.0f}/s" if rounded >= 100 else f"{rounded:g}/s"


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share * 100:.0f} %"


def _wait(seconds: float | None, timeout_s: float) -> str:
    if seconds is None:
        return ""
    if seconds >= timeout_s:
        return "timeout"
    return "0" if seconds == 0 else duration(seconds)


def _probability(value: float | None) -> str:
    if value is None:
        return ""
    return "0" if value < 1e-15 else f"{value:.0e}" if value < 1e-3 else f"{value * 100:.2g} %"


def _changes(current: Candidate) -> Text:
    return Text(f"From the present settings: {current.note}.")


def _ways(answer: Recommendation) -> Iterator[Text]:
    for way in answer.ways_to_fit:
        yield Text(f"  - {way.change}{way_number(way.number, way.unit)}")


def way_number(number: float | None, unit: str) -> str:
    """`: 12 ms`, `: 8 connections`, or nothing."""
    if number is None:
        return ""
    if unit == "s":
        return f": {duration(number)}"
    return f": {number:.3g} {unit}".rstrip()


def _scope(answer: Recommendation) -> Iterator[Text]:
    if answer.scope is not None:
        scope = answer.scope
        yield Text(
            f"Per process {scope.per_process_connections} connections, one shared PgBouncer "
            f"{scope.shared_connections}: {scope.recommended}, since {scope.reason}."
        )


def _findings(answer: Recommendation, detail: _Detail) -> Iterator[Text]:
    """Notes are for whoever asks for everything."""
    grave = [finding for finding in answer.findings if finding.severity != "note"][: detail.findings]
    for finding in grave:
        yield Text(f"{finding.code} {finding.message}", style=_STYLES[finding.severity])
        if finding.severity == "blocking" and finding.remedy and detail.remedies:
            yield Text(f"      {finding.remedy}")
    more = len(answer.findings) - len(grave)
    if more:
        yield Text(f"{plural(more, 'more finding' if grave else 'note')} with --explain.", style="dim")


def _findings_in_full(answer: Recommendation) -> Iterator[Text]:
    if answer.findings:
        yield Text("\nFindings", style="bold")
    for finding in answer.findings:
        yield Text(f"  {finding.code} {finding.message}", style=_STYLES[finding.severity])
        if finding.remedy:
            yield Text(f"        {finding.remedy}")


def _next(answer: Recommendation) -> Text:
    """The commands that make sense now; the same one with --explain only by that word, since it may be long."""
    commands = [command for command in answer.next if not command.endswith("--explain")]
    commands += ["--explain for how it follows"] if len(commands) < len(answer.next) else []
    return Text(f"Next: {', or '.join(commands)}", style="cyan") if commands else Text()


def predicted_lines(answer: Recommendation) -> Iterator[str]:
    """Each figure in words, with what memory the worst case takes."""
    predicted, settings = answer.predicted, answer.settings
    if predicted is None or settings is None:
        yield "nothing: not even one connection per pool fits"
        return
    yield from _figures(predicted, settings, answer)
    if answer.memory_bytes is not None:
        yield f"the worst case takes about {answer.memory_bytes / 2**20:.0f} MB of the server's memory"


def _figures(predicted: Predicted, settings: Settings, answer: Recommendation) -> Iterator[str]:
    if predicted.holds_up_to_per_s is not None:
        yield f"meets the goal up to {rate(predicted.holds_up_to_per_s)} over all processes"
    if predicted.utilization is None:
        yield "no wait is predicted: the workload is assumed (state --rate and --hold)"
        return
    timeout = settings.pool_timeout_s
    yield f"busy {_percent(predicted.utilization)}, P(wait) {_probability(predicted.wait_probability)}"
    yield (
        f"wait: mean {duration(predicted.mean_wait_s or 0)}, p50 {_wait(predicted.p50_wait_s, timeout)}, "
        f"p95 {_wait(predicted.p95_wait_s, timeout)}, p99 {_wait(predicted.p99_wait_s, timeout)}"
    )
    yield f"P(timeout) {_probability(predicted.timeout_probability)} after {timeout:g} s"
    connect = answer.inputs.get("connect_cost_s")
    opens = predicted.opens_per_s or 0.0
    cost = f", {duration(connect.value)} each ({connect.origin})" if connect else ""
    yield f"opens {opens:.2g} overflow connections/s{cost}"
    yield f"by {predicted.method}; FIFO assumed"


def _limits(answer: Recommendation) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("  layer")
    for title in ("limit", "others", "worst case", "margin"):
        table.add_column(title, justify="right")
    table.add_column("")
    for check in answer.limits:
        table.add_row(
            f"  {check.name}{' *' if check.name == answer.binding else ''}",
            f"{check.limit:g}",
            f"{check.others:g}",
            f"{check.demand:.4g}",
            f"{check.margin:.4g}",
            check.source,
        )
    return table


def _inputs(answer: Recommendation) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    for name, quantity in answer.inputs.items():
        table.add_row(f"  {name}", f"{quantity.value:.6g}", quantity.origin, quantity.source)
    return table


def _ranges(answer: Recommendation) -> Iterator[Text]:
    if not answer.ranges:
        return
    yield Text("\nThe answer stays the same", style="bold")
    for one in answer.ranges:
        low = "any" if one.low is None else _in_unit(one.low, one.unit)
        high = "any" if one.high is None else _in_unit(one.high, one.unit)
        first = ", the first to break it" if one.name == answer.breaks_first else ""
        yield Text(f"  {one.name} from {low} to {high}{first}")


def _in_unit(value: float, unit: str) -> str:
    return duration(value) if unit == "s" else f"{value:.4g} {unit}"


def _scope_in_full(answer: Recommendation) -> Iterator[Text]:
    if answer.scope is None:
        return
    pooler, app = answer.scope.pooler, answer.scope.pooler.application
    yield Text("\nOne shared PgBouncer instead", style="bold")
    yield Text(f"  recommended: {answer.scope.recommended}, since {answer.scope.reason}")
    yield Text(
        f"  default_pool_size={pooler.default_pool_size} (per user and database pair) "
        f"min_pool_size={pooler.min_pool_size} reserve_pool_size={pooler.reserve_pool_size} "
        f"reserve_pool_timeout={pooler.reserve_pool_timeout_s:g} max_client_conn={pooler.max_client_conn} "
        f"query_wait_timeout={pooler.query_wait_timeout_s:g} pool_mode={pooler.pool_mode}"
    )
    yield Text(f"  in front of it: {settings_line(app)}")
