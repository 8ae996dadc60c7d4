"""A capacity curve as text: its points, a picture with the law through them, and what they say."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Final

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from poolsize.datatypes import Curve, CurvePoint, Estimate, UslLaw
from poolsize.report.probe import STYLES, database_line
from poolsize.units import duration, plural, rate

_ROWS: Final = 9
_COLUMNS: Final = 56
"""Size of the picture."""
_LABEL: Final = 10
"""Width of the numbers beside it."""


def curve_report(curve: Curve) -> RenderableType:
    return Group(*_parts(curve))


def _parts(curve: Curve) -> Iterator[RenderableType]:
    where = database_line(curve.database) if curve.database else curve.target
    what = "the built-in statement" if curve.is_built_in else plural(len(curve.statements), "statement")
    yield Text(f"{where}, with {what}", style="bold")
    if not curve.points:
        yield Text("It was ended before anything was measured.", style="yellow")
        return
    yield Text()
    yield curve_table(curve.points)
    yield Text()
    yield from _picture(curve.points, curve.usl)
    yield Text()
    yield from _law(curve)
    yield from _findings(curve)
    if curve.next:
        yield Text(f"\nNext: {', or '.join(curve.next)}", style="cyan")


def curve_table(points: Sequence[CurvePoint]) -> Table:
    """Also while it grows."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for title in ("busy", "throughput", "latency", "p95", "speed of each", "client"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("")
    for point in points:
        failed = f"{point.errors:,} failed" if point.errors else ""
        table.add_row(
            str(point.concurrency),
            rate(point.throughput_per_s),
            duration(point.latency_s),
            duration(point.p95_latency_s),
            _percent(point.speed),
            _percent(point.client_share),
            "beyond the client" if point.beyond_client else failed,
            style="dim" if point.beyond_client else "",
        )
    return table


def _percent(share: float) -> str:
    return f"{share * 100:.0f} %"


def _picture(points: Sequence[CurvePoint], law: UslLaw | None) -> Iterator[Text]:
    """Throughput over the busy connections, each doubling as wide as the one before."""
    most = points[-1].concurrency
    highest = max(point.throughput_per_s for point in points)
    cells = [[" "] * _COLUMNS for _ in range(_ROWS)]

    def put(busy: float, throughput_per_s: float, sign: str) -> None:
        row = min(math.ceil(throughput_per_s / highest * _ROWS), _ROWS) - 1
        cells[max(row, 0)][_column(busy, most)] = sign

    for column in range(_COLUMNS if law is not None and most > 1 else 0):
        busy = most ** (column / (_COLUMNS - 1))
        if law is not None and busy <= law.measured_up_to:
            put(busy, law.throughput_per_s(busy), "·")
    for point in points:
        put(point.concurrency, point.throughput_per_s, "○" if point.beyond_client else "●")
    signs = "● measured  · by the law" + ("  ○ beyond the client" if any(p.beyond_client for p in points) else "")
    yield Text(f"{'per second':>{_LABEL}}   {signs}", style="dim")
    for row in range(_ROWS, 0, -1):
        label = f"{highest * row / _ROWS:,.0f}" if row in (_ROWS, (_ROWS + 1) // 2) else ""
        yield Text(f"{label:>{_LABEL}} │ {''.join(cells[row - 1])}".rstrip())
    yield Text(f"{'0':>{_LABEL}} └{'─' * (_COLUMNS + 1)}")
    yield Text(f"{'busy':>{_LABEL}}   {_scale(points, most)}")


def _column(busy: float, most: int) -> int:
    return round(math.log(busy) / math.log(most) * (_COLUMNS - 1)) if most > 1 else 0


def _scale(points: Sequence[CurvePoint], most: int) -> str:
    """The concurrencies below their points, as far as there is room."""
    line = ""
    for point in points:
        at = _column(point.concurrency, most)
        if not line or at > len(line):
            line = f"{line:<{at}}{point.concurrency}"
    return line


def _law(curve: Curve) -> Iterator[Text]:
    law = curve.usl
    if law is None:
        yield Text("No law: it takes three levels of concurrency that are the database's own.", style="yellow")
        return
    yield Text(f"alone {_rate(law.single_per_s)}; {_peak(law)}; {_knee(law)}")
    style = "yellow" if law.verdict == "doubtful" else "dim"
    yield Text(
        f"alpha {_number(law.alpha)} (contention), beta {_number(law.beta)} (crosstalk); to be careful "
        f"{law.cautious[0]:.3g} and {law.cautious[1]:.3g}",
        style="dim",
    )
    for doubt in law.doubts:
        yield Text(f"{doubt[0].upper()}{doubt[1:]}.", style=style)


def _peak(law: UslLaw) -> str:
    peak = law.peak_concurrency
    if peak.value is None:
        return f"no peak up to {law.measured_up_to:.3g} busy"
    return f"the peak, {_rate(law.peak_per_s)}, is at {peak.value:.3g} busy{_interval(peak)}"


def _knee(law: UslLaw) -> str:
    if law.knee_concurrency is None:
        return "no knee"
    return f"the knee is at {law.knee_concurrency:.2g}"


def _rate(estimate: Estimate) -> str:
    return rate(estimate.value or 0.0)


def _number(estimate: Estimate) -> str:
    return f"{estimate.value or 0.0:.3g}{_interval(estimate)}"


def _interval(estimate: Estimate) -> str:
    """95 %; without any bound where none is known."""
    if estimate.low is None and estimate.high is None:
        return ""
    if estimate.high is None:
        return f" (at least {estimate.low:.3g})"
    return f" ({estimate.low:.3g} to {estimate.high:.3g})"


def _findings(curve: Curve) -> Iterator[RenderableType]:
    if curve.stopped is not None:
        yield Text("\nIt was ended before its time: these are the results so far.", style="yellow")
    if curve.findings:
        yield Text()
    for finding in curve.findings:
        yield Text(f"{finding.code} {finding.message}", style=STYLES[finding.severity])
        if finding.remedy:
            yield Padding(Text(finding.remedy), (0, 0, 0, 2))
