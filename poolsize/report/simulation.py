"""A simulation as text: what was run, its numbers with their intervals, and a picture of one run."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from poolsize.datatypes import Estimate, Moment, SimulatedPool, Simulation
from poolsize.units import duration, plural

_ROWS: Final = 8
"""Height of the picture, in lines."""
_RETRIED: Final = 1e-3
"""Without retries as many fail as are refused or time out, but for where the replications differ in both."""
_LABEL: Final = 9
"""Width of the times beside it."""

Format = Callable[[float], str]


def simulation_report(document: Simulation) -> RenderableType:
    """One pool with all its numbers and a picture, several side by side."""
    return Group(*_parts(document))


def _parts(document: Simulation) -> Iterator[RenderableType]:
    yield Text(f"{document.semantics} under {_load(document)}", style="bold")
    settings = _settings(document)
    if settings:
        yield Text(settings, style="dim")
    yield Text()
    if len(document.pools) == 1:
        yield _numbers(document.pools[0])
        yield Text()
        yield from _picture(document.pools[0].moments)
    else:
        yield _comparison(document.pools)
    yield Text()
    yield from _how(document)


def _load(document: Simulation) -> str:
    inputs = {name: quantity.value for name, quantity in document.inputs.items()}
    if "rate_per_s" in inputs:
        who = f"{inputs['rate_per_s']:,.6g} checkouts/s"
    elif "threads" in inputs:
        who = f"{plural(int(inputs['threads']), 'thread')} that think {duration(inputs['think_s'])}"
    else:
        who = f"{inputs['recorded_requests']:,.0f} recorded requests over {duration(inputs['recorded_s'])}"
    varies = f", scv {inputs['hold_scv']:.3g}" if document.hold_law not in ("constant", "exponential") else ""
    return f"{who}, holds of {duration(inputs['hold_s'])} ({document.hold_law}{varies})"


def _settings(document: Simulation) -> str:
    """What is not as if it were not there; times and counts by the names that the document has."""
    hidden = {"rate_per_s", "threads", "think_s", "hold_s", "hold_scv", "recorded_requests", "recorded_s"}
    sizes = {(pool.pool_size, pool.capacity) for pool in document.pools}
    shown = [f"{kept} kept of {capacity} connections" for kept, capacity in sizes] if len(sizes) == 1 else []
    for name, quantity in document.inputs.items():
        is_neutral = quantity.value == (1 if name == "pools" else 0) or quantity.origin == "assumed"
        if name in hidden or (is_neutral and name != "timeout_s"):
            continue
        is_time = name.endswith("_s")
        shown.append(f"{name.removesuffix('_s')} {duration(quantity.value) if is_time else f'{quantity.value:g}'}")
    return ", ".join(shown)


def _numbers(pool: SimulatedPool) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("")
    table.add_column("", justify="right")
    table.add_column("95 % interval")
    for label, estimate, form in _rows(pool):
        table.add_row(label, _value(estimate, form), _interval(estimate, form))
    return table


def _rows(pool: SimulatedPool) -> Iterator[tuple[str, Estimate, Format]]:
    yield "have to wait", pool.wait_probability, _share
    yield "mean wait", pool.mean_wait_s, duration
    yield "p50", pool.p50_wait_s, duration
    yield "p95", pool.p95_wait_s, duration
    yield "p99", pool.p99_wait_s, duration
    if pool.mean_acquire_s != pool.mean_wait_s:
        yield "mean time to get one", pool.mean_acquire_s, duration
    yield "time out", pool.timeout_probability, _share
    if pool.refused_probability.value:
        yield "are refused", pool.refused_probability, _share
    refused = pool.refused_probability.value or 0.0
    once = refused + (1.0 - refused) * (pool.timeout_probability.value or 0.0)
    if not math.isclose(pool.failure_probability.value or 0.0, once, rel_tol=_RETRIED):
        yield "fail after retries", pool.failure_probability, _share
    yield "busy", pool.utilization, _share
    yield "served", pool.throughput_per_s, _rate
    if pool.opens_per_s.high:
        yield "opened", pool.opens_per_s, _rate


def _comparison(pools: tuple[SimulatedPool, ...]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for title in ("size", "busy", "wait", "mean", "p95", "p99", "±", "time out", "opened"):
        table.add_column(title, justify="right", no_wrap=True)
    for pool in pools:
        table.add_row(
            str(pool.capacity) if pool.pool_size == pool.capacity else f"{pool.pool_size}..{pool.capacity}",
            _value(pool.utilization, _share),
            _value(pool.wait_probability, _share),
            _value(pool.mean_wait_s, duration),
            _value(pool.p95_wait_s, duration),
            _value(pool.p99_wait_s, duration),
            _precision(pool.p99_wait_s),
            _value(pool.timeout_probability, _share),
            _value(pool.opens_per_s, _rate),
        )
    return table


def _value(estimate: Estimate, form: Format) -> str:
    return "∞" if estimate.value is None else form(estimate.value) if estimate.value else "0"


def _interval(estimate: Estimate, form: Format) -> str:
    low, high = estimate.low, estimate.high
    if low == high:
        return ""
    if not low:
        return f"below {form(high)}" if high is not None else ""
    return f"{form(low)} to {form(high)}" if high is not None else f"above {form(low)}"


def _precision(estimate: Estimate) -> str:
    """Half of the 95 % interval in proportion to the number."""
    if not estimate.value or estimate.low is None or estimate.high is None or estimate.low == estimate.high:
        return ""
    return f"{(estimate.high - estimate.low) / 2.0 / estimate.value * 100:.2g} %"


def _share(share: float) -> str:
    return f"{share * 100:.3g} %"


def _rate(per_s: float) -> str:
    return f"{per_s:,.3g}/s" if per_s < 1000 else f"{per_s:,.0f}/s"


def _picture(moments: tuple[Moment, ...]) -> Iterator[Text]:
    """The mean wait of each stretch of a run as a full column, the longest on top of it as a light one."""
    highest = max((moment.max_wait_s or 0.0 for moment in moments), default=0.0)
    if highest == 0.0:
        yield Text("In one of the runs nobody waited.", style="dim")
        return
    yield Text(f"{'wait':>{_LABEL}}   mean █ and longest ░ of one run", style="dim")
    for row in range(_ROWS, 0, -1):
        label = duration(highest * row / _ROWS) if row in (_ROWS, _ROWS // 2) else ""
        cells = "".join(_cell(moment, (row - 0.5) / _ROWS * highest) for moment in moments)
        yield Text(f"{label:>{_LABEL}} │ {cells}".rstrip())
    end = duration(moments[-1].time_s)
    yield Text(f"{'0':>{_LABEL}} └{'─' * (len(moments) + 1)}")
    yield Text(f"{'':{_LABEL}}   0{end:>{len(moments) - 1}}")


def _cell(moment: Moment, height_s: float) -> str:
    if (moment.mean_wait_s or 0.0) >= height_s:
        return "█"
    return "░" if (moment.max_wait_s or 0.0) >= height_s else " "


def _how(document: Simulation) -> Iterator[Text]:
    pool = document.pools[-1]
    yield Text(f"{pool.method[0].upper()}{pool.method[1:]}; after {document.semantics_source}.", style="dim")
    if not all(pool.is_settled for pool in document.pools):
        yield Text("Too near its limit to settle: what such a pool does depends on the day.", style="yellow")
    if document.next:
        yield Text(f"Next: {', or '.join(document.next)}", style="cyan")
