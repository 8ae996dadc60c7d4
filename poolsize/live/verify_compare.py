"""Predicted beside measured: the rows, the goal, and what was really otherwise than stated."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from msgspec.structs import replace

from poolsize.datatypes import Quantity, Trace
from poolsize.datatypes.ceiling import ClientCeiling
from poolsize.datatypes.verify import Goal, Senses, Verification, VerifiedRow
from poolsize.live.verify_changes import changes_of
from poolsize.live.verify_figures import WAITS, Batches, Figure, batches_of, figures_of, late_share
from poolsize.live.verify_intervals import Range
from poolsize.live.verify_plan import VerifyPlan
from poolsize.live.verify_prediction import Load, Prediction, predicted
from poolsize.live.verify_senses import senses_of
from poolsize.live.verify_visits import Requests
from poolsize.queueing import Closed, Hold, Open

LATE_SHARE: Final = 0.01
"""What a 99th percentile leaves out."""
_ROUNDING: Final = 1e-12


@dataclass(frozen=True)
class Measurement:
    """All that was seen."""

    seen: Requests
    sessions: int | None
    """The most on the server at once; None: could not be counted."""
    errors: int
    took_s: Sequence[float]
    """What opening each connection took, the first ones too."""
    ceiling: ClientCeiling


def compared(document: Verification, plan: VerifyPlan, measurement: Measurement) -> Verification:
    """The document with its figures."""
    seen, batches = measurement.seen, batches_of(measurement.seen)
    stated = _stated(plan, measurement.took_s)
    real = replace(stated, load=_real_load(plan, seen), hold=Hold.from_samples(seen.served_holds_s.tolist()))
    said, explained = predicted(stated, seen.count), _predicted_or_none(real, seen.count)
    senses = senses_of(seen, measurement.ceiling)
    rows = [_row(figure, said, explained, senses) for figure in figures_of(seen, plan.settings.capacity, batches)]
    rows.append(_sessions_row(plan, measurement.sessions))
    measured_inputs = _measured_inputs(real, seen, measurement.took_s)
    return replace(
        document,
        duration_s=seen.seconds,
        requests=seen.count,
        errors=measurement.errors,
        batches=batches.number,
        rows=tuple(rows),
        measured_inputs=measured_inputs,
        goal=None if plan.goal_p99_wait_s is None else _goal(seen, plan.goal_p99_wait_s, batches),
        changes=tuple(changes_of(document.inputs, measured_inputs, seen, is_sleep=document.is_sleep)),
        senses=senses,
        method=said.method,
    )


def _stated(plan: VerifyPlan, took_s: Sequence[float]) -> Load:
    """Opening a connection takes what it took: nobody states it for this machine."""
    setup_s = float(np.mean(took_s)) if len(took_s) else 0.0
    return Load(plan.load, plan.hold, plan.settings, plan.pool, setup_s)


def _real_load(plan: VerifyPlan, seen: Requests) -> Open | Closed | Trace:
    if isinstance(plan.load, Open):
        return Open(seen.rate_per_s)
    if isinstance(plan.load, Closed):
        return Closed(plan.load.threads, max(seen.think_s(plan.load.threads), _ROUNDING))
    begin = float(seen.asked_s[0])
    return Trace(tuple((seen.asked_s - begin).tolist()), tuple(seen.hold_s.tolist()))


def _predicted_or_none(real: Load, requests: int) -> Prediction | None:
    """None where the real load is more than the pool can serve for ever, so that there is nothing to predict."""
    try:
        return predicted(real, requests)
    except ValueError:
        return None


def _row(figure: Figure, said: Prediction, explained: Prediction | None, senses: Senses) -> VerifiedRow:
    name, value, batches = figure
    found = _widened(batches, value, said.deviations.get(name))
    predicted_value = said.values[name]
    row = VerifiedRow(
        metric=name,
        predicted=_finite(predicted_value),
        measured=_finite(value),
        low=found.low,
        high=_finite(found.high),
        inside=_meet(found, said.ranges[name], predicted_value),
    )
    if explained is not None:
        again = explained.values[name]
        is_explained = _meet(found, explained.ranges[name], again)
        row = replace(row, from_measured_inputs=_finite(again), is_explained=is_explained)
    if senses.is_overloaded:
        return replace(row, inside=None, note="the client itself was the bottleneck")
    if name in WAITS and not row.inside and max(value, predicted_value) < senses.sees_from_s:
        return replace(row, inside=None, note="shorter than this client can see")
    return row


def _widened(batches: Range, value: float, deviation: Range | None) -> Range:
    """No shorter than runs of this length differ: what is too high by so much is that far above the truth."""
    if deviation is None:
        return batches
    return Range(min(batches.low, max(value - deviation.high, 0.0)), max(batches.high, value - deviation.low))


def _meet(measured: Range, said: Range, value: float) -> bool:
    """The prediction, with what its simulation leaves open, lies in the interval."""
    low, high = min(said.low, value), max(said.high, value)
    return low <= measured.high + _ROUNDING and high >= measured.low - _ROUNDING


def _sessions_row(plan: VerifyPlan, sessions: int | None) -> VerifiedRow:
    most = plan.settings.capacity
    return VerifiedRow(
        metric="connections",
        predicted=most,
        measured=sessions,
        low=sessions,
        high=sessions,
        inside=None if sessions is None else sessions <= most,
        note="could not be counted on the server" if sessions is None else "at most, as the server counts them",
    )


def _goal(seen: Requests, goal_s: float, batches: Batches) -> Goal:
    late = late_share(seen, goal_s, batches)
    low, high = late.range
    verdict = "met" if high <= LATE_SHARE else "missed" if low > LATE_SHARE else "open"
    return Goal(
        p99_wait_s=goal_s,
        verdict=verdict,  # type: ignore[arg-type]  # one of the three words
        late_share=late.value,
        low=low,
        high=high,
    )


def _measured_inputs(real: Load, seen: Requests, took_s: Sequence[float]) -> dict[str, Quantity]:
    return {name: Quantity(value=value, origin="measured") for name, value in _values(real, seen, took_s)}


def _values(real: Load, seen: Requests, took_s: Sequence[float]) -> Iterator[tuple[str, float]]:
    yield "hold_s", real.hold.mean_s
    yield "hold_scv", real.hold.scv
    yield "rate_per_s", seen.rate_per_s
    if isinstance(real.load, Closed):
        yield "threads", real.load.threads
        yield "think_s", real.load.think_s
    if len(took_s):
        yield "connect_cost_s", real.setup_s


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None
