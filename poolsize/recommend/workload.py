"""The workload in the model's words, from whichever words the user has."""

from __future__ import annotations

import math
from typing import Final

from poolsize.datatypes import Deployment, Quantity, Request, Workload
from poolsize.errors import UsageError, WorkloadError
from poolsize.profiles import Profile
from poolsize.recommend.hold_law import scv_from_p95
from poolsize.recommend.recorded_load import Stretch, busiest
from poolsize.units import duration

EXPONENTIAL: Final = Quantity(value=1.0, origin="assumed", source="exponential holds")
_LITTLE: Final = 0.10
"""Little's law holds for any pool over any long time: rate × hold and the connections in use, measured over the same
minutes, differ by less than 10 %, or one of the three is of something else."""

_OPTIONS: Final = {
    "rate_per_s": "--rate",
    "request_rate_per_s": "--request-rate",
    "think_s": "--think",
    "hold_s": "--hold",
    "request_time_s": "--request-time",
    "hold_p95_s": "--hold-p95",
    "hold_scv": "--hold-scv",
    "request_p95_s": "--request-p95",
    "in_use": "--in-use",
    "hold_histogram": "--hold-histogram",
    "trace": "--trace",
}
_ARRIVALS: Final = ("rate_per_s", "request_rate_per_s", "think_s", "trace")
_HOLDS: Final = ("hold_s", "request_time_s", "hold_histogram")
_VARIATIONS: Final = ("hold_p95_s", "hold_scv", "request_p95_s", "hold_histogram")


def resolve_workload(request: Request, chosen: Profile, deployment: Deployment) -> Workload:
    """Stated numbers first, then what was observed or follows from requests, then the profile's.

    Raises UsageError for options that say the same thing twice, WorkloadError for numbers that no workload has.
    """
    _check(request)
    if request.think_s is not None and deployment.threads is None:
        raise UsageError(f"--think is a thread's, and {deployment.worker_type} has no threads: state --rate.")
    stretch = None if request.trace is None else busiest(request.trace, request.hold_s or request.request_time_s or 0.0)
    histogram = request.hold_histogram
    if request.trace is not None and stretch is not None:
        histogram = histogram or stretch.holds(request.trace)
    hold = _stated_hold(request, histogram)
    think = None if request.think_s is None else Quantity(value=request.think_s, origin="stated", source="--think")
    rate = None if think else _stated_rate(request, deployment, stretch)
    if request.in_use is not None:
        rate, hold = _by_littles_law(request.in_use, rate, hold)
    hold = hold or chosen.assumed(chosen.hold_s)
    scv, law = _variation(request, chosen, hold, histogram)
    if rate is None and think is None:
        rate = _profiles_rate(chosen, deployment)
    return Workload(
        hold_s=hold,
        rate_per_s=rate,
        think_s=think,
        hold_scv=scv,
        law=law,
        histogram=histogram if law == "histogram" else (),
        profile=chosen.name,
    )


def _check(request: Request) -> None:
    recorded = request.trace is not None and request.trace.holds_s is not None
    holds = (*_HOLDS, "trace") if recorded else _HOLDS
    variations = (*_VARIATIONS, "trace") if recorded else _VARIATIONS
    for names in (_ARRIVALS, holds, variations):
        given = [_OPTIONS[name] for name in names if getattr(request, name) not in (None, ())]
        if len(given) > 1:
            raise UsageError(f"{given[0]} and {given[1]} say the same thing: give one of them.")
    if request.trace is not None and request.usl is not None:
        raise UsageError(
            "--trace does not go with --usl or --curve: what was recorded is what a busy database made of it already."
        )
    if request.in_use is not None and request.think_s is not None:
        raise UsageError("--in-use goes with --rate, --request-rate, --trace or a hold, and not with --think.")
    for name, option in _OPTIONS.items():
        value = getattr(request, name)
        if not isinstance(value, int | float):
            continue
        if not math.isfinite(value) or value < 0 or (value == 0 and name != "hold_scv"):
            raise WorkloadError(f"{option} must be {'0 or more' if name == 'hold_scv' else 'above 0'}, not {value:g}.")


def _stated_hold(request: Request, histogram: tuple[tuple[float, float], ...]) -> Quantity | None:
    if request.hold_s is not None:
        return Quantity(value=request.hold_s, origin="stated", source="--hold")
    if request.request_time_s is not None:
        return Quantity(
            value=request.request_time_s, origin="upper bound", source="--request-time: at most the whole request"
        )
    if histogram:
        source = "--hold-histogram" if request.hold_histogram else "--trace"
        return Quantity(value=mean_of(histogram), origin="observed", source=source)
    return None


def _stated_rate(request: Request, deployment: Deployment, stretch: Stretch | None) -> Quantity | None:
    if request.rate_per_s is not None:
        return Quantity(value=request.rate_per_s, origin="stated", source="--rate")
    held = deployment.checkouts_per_request
    if request.request_rate_per_s is not None:
        more = f" × {held} connections a request" if held > 1 else ""
        return Quantity(value=request.request_rate_per_s * held, origin="stated", source=f"--request-rate{more}")
    if stretch is not None:
        part = f"{stretch.end - stretch.first} checkouts in"
        if stretch.length_s < stretch.recorded_s:
            part = f"the busiest {duration(stretch.length_s)} of"
        source = f"--trace, {part} {duration(stretch.recorded_s)}"
        return Quantity(value=stretch.rate_per_s, origin="observed", source=source)
    return None


def _profiles_rate(chosen: Profile, deployment: Deployment) -> Quantity:
    each = chosen.rate_per_process_per_s.value
    return Quantity(
        value=each * deployment.instances * deployment.processes,
        origin="assumed",
        source=f"profile {chosen.name}, {each:g}/s in each process",
    )


def _by_littles_law(in_use: float, rate: Quantity | None, hold: Quantity | None) -> tuple[Quantity | None, Quantity]:
    """The one of rate and hold that is missing, or a check of all three: in use = rate × hold."""
    if rate is not None and hold is not None:
        product = rate.value * hold.value
        if abs(product - in_use) > _LITTLE * in_use:
            raise WorkloadError(
                f"{rate.value:.4g} checkouts/s of {duration(hold.value)} each keep {product:.3g} connections in use, "
                f"and --in-use says {in_use:.3g}: by Little's law the two are the same, so one of the three numbers is "
                "of another time or of something else."
            )
        return rate, hold
    if rate is not None:
        return rate, Quantity(value=in_use / rate.value, origin=rate.origin, source="--in-use / rate")
    if hold is not None:
        return Quantity(value=in_use / hold.value, origin=hold.origin, source="--in-use / hold"), hold
    raise UsageError("--in-use needs a rate or a hold beside it, from which the other follows.")


def _variation(
    request: Request, chosen: Profile, hold: Quantity, histogram: tuple[tuple[float, float], ...]
) -> tuple[Quantity, str]:
    if request.hold_scv is not None:
        law = {0.0: "constant", 1.0: "exponential"}.get(request.hold_scv, "lognormal")
        return Quantity(value=request.hold_scv, origin="stated", source="--hold-scv"), law
    for p95, option in ((request.hold_p95_s, "--hold-p95"), (request.request_p95_s, "--request-p95")):
        if p95 is not None:
            _same_subject(request, option)
            scv, law = scv_from_p95(hold.value, p95)
            return Quantity(value=scv, origin="stated", source=f"{option}, {law}"), law
    if histogram:
        return Quantity(value=scv_of(histogram), origin="observed", source=hold.source), "histogram"
    if hold.origin == "assumed":
        return chosen.assumed(chosen.hold_scv), "lognormal"
    return EXPONENTIAL, "exponential"


def _same_subject(request: Request, option: str) -> None:
    """A percentile goes with the mean of the same thing."""
    mean, given = ("--hold", request.hold_s) if option == "--hold-p95" else ("--request-time", request.request_time_s)
    if given is None:
        raise UsageError(f"{option} goes with {mean}, the mean of the same time.")


def mean_of(histogram: tuple[tuple[float, float], ...]) -> float:
    """Seconds."""
    return math.fsum(value * share for value, share in histogram)


def scv_of(histogram: tuple[tuple[float, float], ...]) -> float:
    """variance / mean²."""
    mean = mean_of(histogram)
    return math.fsum((value / mean - 1.0) ** 2 * share for value, share in histogram)
