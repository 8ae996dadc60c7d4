"""The load of one pool: the options that describe it, and what they mean."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, cast

from msgspec.structs import replace

from poolsize.choices import not_one_of
from poolsize.cli.options import count, number, text, time
from poolsize.datatypes import Trace
from poolsize.errors import UsageError, WorkloadError
from poolsize.queueing import Closed, Hold, HoldLaw, Open
from poolsize.recommend.hold_law import scv_from_p95

LAWS: Final = ("constant", "exponential", "lognormal", "gamma", "h2")
"""What --hold-law takes; a histogram has an option of its own."""

LOAD: Final = "Load of one pool"
Rate = Annotated[float | None, number(panel=LOAD, help="Checkouts per second.")]
Threads = Annotated[int | None, count(panel=LOAD, least=1, help="Threads that make them, with --think or --rate.")]
Think = Annotated[float | None, time(panel=LOAD, help="Mean time of a thread between two checkouts.")]
HoldTime = Annotated[float | None, time(panel=LOAD, help="Mean time a checkout holds a connection, as 20ms.")]
HoldP95 = Annotated[float | None, time(panel=LOAD, help="Its 95th percentile.")]
HoldScv = Annotated[float | None, number(panel=LOAD, help="Or its squared coefficient of variation.")]
HoldLawName = Annotated[str | None, text(metavar="NAME", panel=LOAD, choices=LAWS, help=f"One of {', '.join(LAWS)}.")]
HoldHistogram = Annotated[str | None, text(metavar="FILE", panel=LOAD, help="Or lines of value,count.")]
TraceFile = Annotated[str | None, text(metavar="FILE", panel=LOAD, help="Replay lines of arrival, or of arrival,hold.")]


@dataclass(frozen=True, kw_only=True)
class LoadOptions:
    """As they were typed, in base units; None: not at all."""

    rate_per_s: float | None
    threads: int | None
    think_s: float | None
    hold_s: float | None
    hold_p95_s: float | None
    hold_scv: float | None
    hold_law: str | None
    app_s: float | None
    histogram: str | None
    trace: str | None


def load_of(options: LoadOptions) -> tuple[Open | Closed | Trace, Hold]:
    """Raises UsageError for what is missing or said twice, WorkloadError and ValueError for numbers that no workload
    has, FileError for a file that cannot be read."""
    trace = _trace(options)
    hold = _hold(options, trace)
    hold = replace(hold, app_s=options.app_s) if options.app_s is not None else hold
    return trace or _load(options, hold), hold


def _trace(options: LoadOptions) -> Trace | None:
    if options.trace is None:
        return None
    if options.rate_per_s is not None or options.threads is not None or options.think_s is not None:
        raise UsageError("--trace is the load: give neither --rate nor --threads nor --think beside it.")
    from poolsize.recorded import read_trace  # here: few have recorded anything

    return read_trace(Path(options.trace))


def _hold(options: LoadOptions, trace: Trace | None) -> Hold:
    holds_s = trace.holds_s if trace else None
    stated = {
        "--hold": options.hold_s is not None,
        "--hold-histogram": options.histogram is not None,
        "the holds of --trace": holds_s is not None,
    }
    ways = [option for option, is_stated in stated.items() if is_stated]
    if len(ways) != 1:
        said = f"{ways[0]} and {ways[1]} say the same thing." if ways else "How long is a connection held?"
        raise UsageError(f"{said} Give one of --hold, --hold-histogram and a --trace with holds.")
    if options.hold_s is not None:
        return _hold_by_law(options, options.hold_s)
    if options.hold_p95_s is not None or options.hold_scv is not None or options.hold_law is not None:
        raise UsageError("--hold-p95, --hold-scv and --hold-law go with --hold.")
    if holds_s is not None:
        return Hold.from_samples(holds_s)
    from poolsize.recorded import read_histogram  # here: few have recorded anything

    return read_histogram(Path(options.histogram or ""))


def _hold_by_law(options: LoadOptions, mean_s: float) -> Hold:
    law, scv = options.hold_law, options.hold_scv
    if law is not None and law not in LAWS:
        raise not_one_of("law", law, LAWS)
    if options.hold_p95_s is not None:
        if law is not None or scv is not None:
            raise UsageError("--hold-p95 says how much holds vary: give neither --hold-scv nor --hold-law beside it.")
        scv, name = scv_from_p95(mean_s, options.hold_p95_s)
        return Hold(mean_s, scv, "h2" if name == "two-class mixture" else None)
    if scv is None:
        scv = 0.0 if law == "constant" else 1.0
    return Hold(mean_s, scv, cast("HoldLaw | None", law))  # one of LAWS by now


def _load(options: LoadOptions, hold: Hold) -> Open | Closed:
    rate_per_s, threads, think_s = options.rate_per_s, options.threads, options.think_s
    if (rate_per_s is None) == (think_s is None) or (threads is None and think_s is not None):
        raise UsageError("What is the load? Give --rate, or --threads with one of --think and --rate, or --trace.")
    if threads is None or rate_per_s is None:
        return Open(rate_per_s or 0.0) if think_s is None else Closed(threads or 0, think_s)
    if rate_per_s <= 0.0:
        raise WorkloadError("--rate is above 0.")
    pause_s = threads / rate_per_s - hold.mean_s
    if pause_s <= 0.0:
        raise WorkloadError(
            f"Threads that hold a connection for {hold.mean_s:g} s at a time make at most {1 / hold.mean_s:.4g} "
            f"checkouts/s each, and {threads} of them no {rate_per_s:g}."
        )
    return Closed(threads, pause_s)
