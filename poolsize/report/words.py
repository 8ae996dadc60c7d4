"""The sentences and figures of an answer, as every form of it says them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from poolsize.datatypes import Certificate, Estimate, LimitCheck, Predicted, Quantity, Recommendation, Settings, Way
from poolsize.units import amount, duration, rate


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
    if check is not None and check.unit != "connections":
        return f"The {check.name} binds: {check.demand:.2g} of {check.limit:g} {check.unit}."
    total = f"Worst case {answer.worst_case_sum}"
    if check is None:
        return f"{total}; nothing limits it."
    if answer.worst_case_sum.endswith(f"= {check.demand:g}"):
        return f"{total} of {_room(check)}"
    return f"{total}. The {check.name} binds: {check.demand:g} of {_room(check)}"


def _room(check: LimitCheck) -> str:
    others = f" - {check.others:g} others" if check.others else ""
    return f"{check.limit - check.others:g} ({check.name} {check.limit:g}{others})"


def origin_line(answer: Recommendation) -> str:
    """What is stated, assumed and measured of the load, what is aimed at, and where the limits are from."""
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
        ("threads", "threads {:g}"),
        ("skew", "skew {:g}"),
        ("connect_cost_s", "connect {}"),
        ("p99_wait_s", "goal p99 {}"),
    ):
        if name in inputs and not (name == "rate_per_s" and "think_s" in inputs):
            value = inputs[name].value
            yield name, text.format(duration(value) if name.endswith("_s") and name != "rate_per_s" else value)


def way_line(way: Way) -> str:
    """`raise the limit of the server, ... by: 526 connections`."""
    return way.change if way.number is None else f"{way.change}: {amount(way.number, way.unit)}"


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
        what = "the threads are all busy at" if predicted.limited_by == "threads" else "meets the goal up to"
        of_database = "" if "usl_alpha" in answer.inputs else _UNKNOWN
        yield f"{what} {rate(predicted.holds_up_to_per_s)} over all processes{of_database}"
    if predicted.utilization is None:
        yield "no wait is predicted: the workload is assumed (state --rate and --hold)"
        return
    timeout = settings.pool_timeout_s
    yield f"busy {percent(predicted.utilization)}, P(wait) {chance(predicted.wait_probability)}"
    yield (
        f"wait: mean {duration(predicted.mean_wait_s or 0)}, p50 {wait_text(predicted.p50_wait_s, timeout)}, "
        f"p95 {wait_text(predicted.p95_wait_s, timeout)}, p99 {wait_text(predicted.p99_wait_s, timeout)}"
        f"{_tail(answer)}"
    )
    yield f"P(timeout) {chance(predicted.timeout_probability)} after {timeout:g} s"
    connect = answer.inputs.get("connect_cost_s")
    opens = predicted.opens_per_s or 0.0
    cost = f", {duration(connect.value)} each ({connect.origin})" if connect else ""
    yield f"opens {opens:.2g} overflow connections/s{cost}"
    yield f"method: {predicted.method}; FIFO assumed; {_how(answer)}"
    yield from certificate_lines(answer)


def _tail(answer: Recommendation) -> str:
    """Mean and scv do not settle a p99: which law was taken for the rest."""
    scv = answer.inputs.get("hold_scv")
    if scv is None or not answer.hold_law or scv.origin == "observed":
        return ""
    return f" (for {answer.hold_law} holds, which is assumed)"


def _how(answer: Recommendation) -> str:
    if answer.certificate is None:
        return "analytic" if answer.nobody_waits else "analytic, not certified"
    return {
        "exact model": "analytic, exact for this load, and certified",
        "two models": "analytic, bracketed by two models, and certified",
        "confirmed model": "analytic, confirmed by simulation",
        "simulation": "the size by simulation, since the models leave it open",
    }[answer.certificate.decided_by]


def certified_line(answer: Recommendation) -> str | None:
    """What the simulation says, in a line; None where nothing was simulated."""
    found = answer.certificate
    if found is None:
        return "Nobody ever waits: each thread has a connection of its own." if answer.nobody_waits else None
    simulated, modelled = (_wait(seconds or 0.0) for seconds in (found.p99_wait_s.value, found.predicted_p99_wait_s))
    says = "as the model says" if simulated == modelled else f"and {modelled} by the model"
    settled = _settled(found)
    verb = "Certified" if found.agrees or found.decided_by == "simulation" else "Contradicted"
    return (
        f"{verb} by {found.checkouts:,} simulated checkouts: p99 wait {simulated}{_interval(found.p99_wait_s, _wait)}, "
        f"{says}{settled}."
    )


def _settled(found: Certificate) -> str:
    """What was found by it, beside what the models say."""
    if not any(size.capacity == found.capacity and size.meets_goal for size in found.sizes):
        return ""
    low, high = found.model_sizes
    if found.decided_by != "simulation":
        return ""
    if low == high == found.capacity:
        return "; the simulation confirmed the size"
    return f"; the simulation settled the size (models: {low if low == high else f'{low} to {high}'})"


def certificate_lines(answer: Recommendation) -> Iterator[str]:
    """The interval of each number, and the sizes that were simulated until one was settled."""
    found = answer.certificate
    if found is None:
        return
    goal = answer.inputs["p99_wait_s"].value
    yield (
        f"simulated: P(wait > {duration(goal)}) {probability(found.late_probability.value)}"
        f"{_interval(found.late_probability, chance)}, mean wait {duration(found.mean_wait_s.value or 0.0)}"
        f"{_interval(found.mean_wait_s, _wait)}, with 95 % confidence"
    )
    for size in found.sizes:
        if size.capacity == found.capacity:
            continue
        outcome = {True: "meets the goal", False: "does not", None: "too near the 1 % to tell, so not counted on"}
        yield (
            f"simulated with {size.capacity}: P(wait > {duration(goal)}) {probability(size.late_probability.value)}"
            f"{_interval(size.late_probability, probability)}{_lost(size.lost_share)}: {outcome[size.meets_goal]}"
        )


def _lost(share: float) -> str:
    return f", {share * 100:.2g} % of the rate lost" if share > _TOLD else ""


def _wait(seconds: float) -> str:
    return duration(seconds) if seconds else "0"


def _interval(estimate: Estimate, text: Callable[[float], str]) -> str:
    low, high = (text(end or 0.0) for end in (estimate.low, estimate.high))
    return "" if low == high else f" ({low} to {high})"


def percent(share: float | None) -> str:
    return "" if share is None else f"{share * 100:.0f} %"


def wait_text(seconds: float | None, timeout_s: float) -> str:
    if seconds is None:
        return ""
    if seconds >= timeout_s:
        return "timeout"
    return "0" if seconds == 0 else duration(seconds)


_UNKNOWN: Final = "; what the database itself can do is unknown (poolsize curve)"
_EXACT: Final = 0.1
_TOLD: Final = 1e-3
_RARE: Final = 1e-6
"""A probability below it is one that nobody will see, and the digits of which no model knows."""


def probability(value: float | None) -> str:
    """For a table: `<1e-6`, `3e-05`, `0.46 %`."""
    if value is None:
        return ""
    if value < _RARE:
        return "0" if value == 0.0 else "<1e-6"
    if value < _EXACT:
        return f"{value:.0e}" if value < 1e-3 else f"{value * 100:.2g} %"
    return f"{value * 100:.0f} %"


def chance(value: float | None) -> str:
    """For a sentence: `less than 1 in a million`."""
    return "less than 1 in a million" if value is not None and 0.0 < value < _RARE else probability(value)
