"""From the runs of a curve to its points, and to the law through them."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from poolsize.datatypes import ClientCeiling, Estimate
from poolsize.datatypes.curve import CurvePoint, UslLaw
from poolsize.live.ceiling import TRUSTED_SHARE, is_beyond
from poolsize.live.curve_crew import Tally

if TYPE_CHECKING:
    from poolsize.queueing.usl_fit import Interval


@dataclass(frozen=True)
class LevelRun:
    """One run at one concurrency."""

    concurrency: int
    throughput_per_s: float
    latencies_s: tuple[float, ...]
    errors: int
    client_share: float

    @property
    def active(self) -> float:
        """By Little's law."""
        return self.throughput_per_s * statistics.fmean(self.latencies_s)


def run_of(concurrency: int, seconds: float, tally: Tally) -> LevelRun | None:
    """None where no operation ended within the window."""
    if not tally.latencies_s:
        return None
    rate = len(tally.latencies_s) / seconds
    return LevelRun(concurrency, rate, tuple(tally.latencies_s), tally.errors, tally.client_share)


def is_clients(run: LevelRun, ceiling: ClientCeiling, processes: int) -> bool:
    """The client, and not the database, may have been the limit."""
    return is_beyond(run.throughput_per_s, ceiling, processes) or run.client_share > TRUSTED_SHARE


def points_of(runs: Sequence[LevelRun], ceiling: ClientCeiling, processes: int) -> tuple[CurvePoint, ...]:
    """One for each concurrency, ascending."""
    levels = sorted({run.concurrency for run in runs})
    grouped = [[run for run in runs if run.concurrency == level] for level in levels]
    alone_s = statistics.fmean(_latencies(grouped[0])) if grouped else 0.0
    return tuple(_point(same, alone_s, ceiling, processes) for same in grouped)


def _point(runs: Sequence[LevelRun], alone_s: float, ceiling: ClientCeiling, processes: int) -> CurvePoint:
    latencies = _latencies(runs)
    latency_s = statistics.fmean(latencies)
    throughput_per_s = statistics.fmean(run.throughput_per_s for run in runs)
    return CurvePoint(
        concurrency=runs[0].concurrency,
        active=throughput_per_s * latency_s,
        throughput_per_s=throughput_per_s,
        latency_s=latency_s,
        p95_latency_s=latencies[math.ceil(0.95 * len(latencies)) - 1],
        speed=alone_s / latency_s,
        runs_per_s=tuple(run.throughput_per_s for run in runs),
        errors=sum(run.errors for run in runs),
        client_share=max(run.client_share for run in runs),
        beyond_client=any(is_clients(run, ceiling, processes) for run in runs),
    )


def _latencies(runs: Sequence[LevelRun]) -> list[float]:
    """Of all of them, ascending."""
    return sorted(latency for run in runs for latency in run.latencies_s)


def law_of(runs: Sequence[LevelRun]) -> UslLaw | None:
    """Through all runs, at the concurrency that each really had; None with fewer than three levels."""
    if len({run.concurrency for run in runs}) < 3:
        return None
    from poolsize.queueing.usl_fit import fit_usl  # here: numpy, for which a mistake need not wait

    try:
        # Robust: on a server that others use too, now and then a run meets what has nothing to do with it.
        fit = fit_usl([run.active for run in runs], [run.throughput_per_s for run in runs], robust=True)
    except ValueError:  # fewer than three levels of what was active on average
        return None
    usl, known = fit.usl, fit.intervals
    # What lies beyond the points is no peak that they show, also where the law would still be believed.
    is_shown = fit.peak_concurrency is not None and fit.peak_concurrency <= fit.measured_up_to
    knee = knee_of(usl.alpha, usl.beta)
    return UslLaw(
        alpha=_estimate(usl.alpha, known.alpha if known else None),
        beta=_estimate(usl.beta, known.beta if known else None),
        single_per_s=_estimate(fit.single_per_s, known.single_per_s if known else None),
        peak_concurrency=_estimate(
            fit.peak_concurrency if is_shown else None, known.peak_concurrency if known else None
        ),
        peak_per_s=_estimate(fit.peak_per_s if is_shown else None, known.peak_per_s if known else None),
        knee_concurrency=knee if knee <= fit.measured_up_to else None,
        cautious=(fit.cautious.alpha, fit.cautious.beta),
        residual=fit.residual,
        measured_up_to=fit.measured_up_to,
        verdict=fit.verdict,
        doubts=fit.doubts,
    )


def _estimate(value: float | None, interval: Interval | None) -> Estimate:
    low, high = (interval.low, interval.high) if interval else (math.inf, math.inf)
    return Estimate(value=value, low=_finite(low), high=_finite(high))


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None


def knee_of(alpha: float, beta: float) -> float:
    """The concurrency N at which X(N) / R(N) is largest by the law; infinite where nothing slows anything down.

    X / R = gamma^2 N / D(N)^2 with D(N) = 1 + alpha (N - 1) + beta N (N - 1), and its derivative is zero where
    3 beta N^2 + (alpha - beta) N = 1 - alpha. Kleinrock, Power and deterministic rules of thumb for probabilistic
    problems in computer communications, ICC 1979.

    >>> knee_of(0.25, 0.0)
    3.0
    """
    if beta > 0.0:
        linear = alpha - beta
        return max((math.sqrt(linear**2 + 12.0 * beta * (1.0 - alpha)) - linear) / (6.0 * beta), 1.0)
    return max((1.0 - alpha) / alpha, 1.0) if alpha > 0.0 else math.inf
