"""The workload in the model's words, from whichever words the user has."""

from __future__ import annotations

import math
from typing import Final

from poolsize.datatypes import Deployment, Quantity, Request, Workload
from poolsize.errors import UsageError, WorkloadError
from poolsize.profiles import Profile
from poolsize.recommend.hold_law import scv_from_p95

EXPONENTIAL: Final = Quantity(value=1.0, origin="assumed", source="exponential holds")


def resolve_workload(request: Request, chosen: Profile, deployment: Deployment) -> Workload:
    """Stated numbers first, then what follows from requests, then the profile's. Raises UsageError for options that
    say the same thing twice, WorkloadError for numbers that no workload has."""
    _at_most_one(request, "rate_per_s", "request_rate_per_s", "think_s")
    _at_most_one(request, "hold_s", "request_time_s")
    _at_most_one(request, "hold_p95_s", "hold_scv", "request_p95_s")
    _positive(request)
    hold = _hold(request, chosen)
    scv, law = _variation(request, chosen, hold)
    think = None
    if request.think_s is not None:
        if deployment.threads is None:
            raise UsageError(f"--think is a thread's, and {deployment.worker_type} has no threads: state --rate.")
        think = Quantity(value=request.think_s, origin="stated", source="--think")
    rate = None if think else _rate(request, chosen, deployment)
    return Workload(hold_s=hold, rate_per_s=rate, think_s=think, hold_scv=scv, law=law, profile=chosen.name)


_OPTIONS: Final = {
    "rate_per_s": "--rate",
    "request_rate_per_s": "--request-rate",
    "think_s": "--think",
    "hold_s": "--hold",
    "request_time_s": "--request-time",
    "hold_p95_s": "--hold-p95",
    "hold_scv": "--hold-scv",
    "request_p95_s": "--request-p95",
}


def _at_most_one(request: Request, *names: str) -> None:
    given = [_OPTIONS[name] for name in names if getattr(request, name) is not None]
    if len(given) > 1:
        raise UsageError(f"{given[0]} and {given[1]} say the same thing: give one of them.")


def _positive(request: Request) -> None:
    for name, option in _OPTIONS.items():
        value = getattr(request, name)
        if value is None:
            continue
        if not math.isfinite(value) or value < 0 or (value == 0 and name != "hold_scv"):
            raise WorkloadError(f"{option} is {'0 or more' if name == 'hold_scv' else 'above 0'}.")


def _hold(request: Request, chosen: Profile) -> Quantity:
    if request.hold_s is not None:
        return Quantity(value=request.hold_s, origin="stated", source="--hold")
    if request.request_time_s is not None:
        return Quantity(
            value=request.request_time_s, origin="upper bound", source="--request-time: at most the whole request"
        )
    return chosen.assumed(chosen.hold_s)


def _rate(request: Request, chosen: Profile, deployment: Deployment) -> Quantity:
    if request.rate_per_s is not None:
        return Quantity(value=request.rate_per_s, origin="stated", source="--rate")
    held = deployment.checkouts_per_request
    if request.request_rate_per_s is not None:
        more = f" × {held} connections a request" if held > 1 else ""
        return Quantity(value=request.request_rate_per_s * held, origin="stated", source=f"--request-rate{more}")
    processes = deployment.instances * deployment.processes
    each = chosen.rate_per_process_per_s.value
    return Quantity(
        value=each * processes, origin="assumed", source=f"profile {chosen.name}, {each:g}/s in each process"
    )


def _variation(request: Request, chosen: Profile, hold: Quantity) -> tuple[Quantity, str]:
    if request.hold_scv is not None:
        law = "exponential" if request.hold_scv == 1 else "general"
        return Quantity(value=request.hold_scv, origin="stated", source="--hold-scv"), law
    for p95, option in ((request.hold_p95_s, "--hold-p95"), (request.request_p95_s, "--request-p95")):
        if p95 is not None:
            _same_subject(request, option)
            scv, law = scv_from_p95(hold.value, p95)
            return Quantity(value=scv, origin="stated", source=f"{option}, {law}"), law
    if hold.origin == "assumed":
        return chosen.assumed(chosen.hold_scv), "lognormal"
    return EXPONENTIAL, "exponential"


def _same_subject(request: Request, option: str) -> None:
    """A percentile goes with the mean of the same thing."""
    mean, given = ("--hold", request.hold_s) if option == "--hold-p95" else ("--request-time", request.request_time_s)
    if given is None:
        raise UsageError(f"{option} goes with {mean}, the mean of the same time.")
