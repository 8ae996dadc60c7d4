"""The Universal Scalability Law of a database, from a sweep of its throughput over the concurrency."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike

from poolsize.queueing.floats import Floats
from poolsize.queueing.model import Usl
from poolsize.queueing.nonnegative import fit_nonnegative
from poolsize.queueing.usl_doubts import FEWEST_LEVELS, Sweep, count_levels, speaking_against, still_rising
from poolsize.queueing.usl_regression import MAD_TO_SIGMA, Noise, Regression, columns_of

Verdict = Literal["measured", "rising", "doubtful"]

EXTRAPOLATION: Final = 1.5
"""Up to this factor of the largest measured concurrency the law is believed. Crosstalk grows with the square of the
concurrency: of what decides where throughput falls, a sweep that ends well before shows nothing but noise."""
RESAMPLES: Final = 2000
"""Each end of a 95 % interval rests on 50 of them."""
_TAIL: Final = 0.025


@dataclass(frozen=True)
class Interval:
    """A 95 % confidence interval."""

    low: float
    high: float


@dataclass(frozen=True)
class UslIntervals:
    """What the measurements leave open. Infinite is a peak that may not exist."""

    alpha: Interval
    beta: Interval
    single_per_s: Interval
    peak_concurrency: Interval
    peak_per_s: Interval


@dataclass(frozen=True)
class UslFit:
    """What a sweep says of a database, and how much of it may be believed."""

    usl: Usl
    single_per_s: float
    """Throughput of one connection alone by the law (gamma), 1/s; its inverse is the hold at a concurrency of 1."""
    peak_concurrency: float | None
    """Where throughput is largest; None where that would lie beyond `trusted_up_to`."""
    peak_per_s: float | None
    """The throughput there, 1/s."""
    intervals: UslIntervals | None
    """None with fewer than FEWEST_LEVELS levels, which show no scatter."""
    cautious: Usl
    """The law through the upper ends of the slow-down's intervals at the measured concurrencies, for decisions where
    too little slow-down is the costly error. The same as `usl` where there are no intervals."""
    residual: float
    """Root mean square of the measurements' relative differences from the law; of a robust fit what it would be by
    their median."""
    measured_up_to: float
    verdict: Verdict
    """measured: nothing speaks against the law, and the peak lies within what was measured. rising: nothing speaks
    against the law, but the peak was not reached. doubtful: something speaks against it."""
    doubts: tuple[str, ...]
    """The sentences that say what."""

    @property
    def trusted_up_to(self) -> float:
        """The concurrency beyond which this fit says nothing."""
        return EXTRAPOLATION * self.measured_up_to

    def throughput_per_s(self, concurrency: float) -> float:
        """By the law, 1/s, for 0 < concurrency <= `trusted_up_to`; ValueError beyond, where it would be a guess."""
        if not 0.0 < concurrency <= self.trusted_up_to:
            raise ValueError(
                f"A sweep that reached a concurrency of {self.measured_up_to:g} says nothing of {concurrency:g}."
            )
        return self.single_per_s * concurrency / self.usl.slowdown(concurrency)


def fit_usl(
    concurrency: ArrayLike,
    throughput_per_s: ArrayLike,
    *,
    noise: Noise = "relative",
    robust: bool = False,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> UslFit:
    """The law X(N) = gamma N / (1 + alpha (N - 1) + beta N (N - 1)) nearest to the measurements.

    `concurrency` N > 0 is what was active on average (throughput times latency), not the number of threads that were
    started; `throughput_per_s` X > 0. A level may be measured several times. ValueError with fewer than three levels,
    through which many laws pass; whatever else speaks against the result is in its `doubts`.

    N / X is linear in the coefficients, so that with errors relative to the throughput the fit has one optimum and
    needs no start. `noise="absolute"` assumes errors of one size at all levels, as R's package usl does. `robust`
    gives outliers less weight (Huber). The intervals are by residual bootstrap; `benchmarks/usl_coverage.py` measures
    how often they hold the truth. Gunther, Guerrilla Capacity Planning (2007), ch. 4 to 6; Davison & Hinkley,
    Bootstrap Methods and their Application (1997), ch. 6.

    >>> fit = fit_usl([1, 2, 4, 6, 8, 10], [1.0, 1.8868, 3.0769, 3.5294, 3.5398, 3.3557])
    >>> round(fit.usl.alpha, 3), round(fit.usl.beta, 3), round(fit.peak_concurrency, 1)
    (0.02, 0.02, 7.0)
    """
    levels, measured = _checked(concurrency, throughput_per_s)
    regression = Regression(levels, noise, robust)
    found = regression.fit(measured[None])[0]
    drawn = None
    if count_levels(levels) >= FEWEST_LEVELS:
        drawn = regression.resampled(found, measured, resamples, np.random.default_rng(seed))
    law = levels / (columns_of(levels) @ found)
    return _judged(Sweep(levels, measured, _residual(measured / law - 1.0, robust)), found, drawn)


def _checked(concurrency: ArrayLike, throughput_per_s: ArrayLike) -> tuple[Floats, Floats]:
    levels, measured = np.asarray(concurrency, dtype=float), np.asarray(throughput_per_s, dtype=float)
    if levels.ndim != 1 or levels.shape != measured.shape:
        raise ValueError("A sweep has one throughput for each concurrency.")
    if not (np.isfinite(levels) & np.isfinite(measured) & (levels > 0) & (measured > 0)).all():
        raise ValueError("Each concurrency and each throughput must be above 0, and finite.")
    if (count := count_levels(levels)) < 3:
        raise ValueError(f"{count} different levels of concurrency determine no scalability law: 3 are the least.")
    order = np.argsort(levels, kind="stable")
    return levels[order], measured[order]


def _residual(differences: Floats, is_robust: bool) -> float:
    if is_robust:
        return MAD_TO_SIGMA * float(np.median(np.abs(differences)))
    return float(np.sqrt(np.mean(np.square(differences))))


def _judged(sweep: Sweep, found: Floats, drawn: Floats | None) -> UslFit:
    alpha, beta, single_per_s, peak_concurrency, peak_per_s = (float(number) for number in _numbers(found[None])[0])
    usl, measured_up_to = Usl(alpha, beta), float(sweep.levels[-1])
    intervals = None if drawn is None else _intervals(drawn)
    is_known = peak_concurrency <= EXTRAPOLATION * measured_up_to
    against = list(speaking_against(sweep, alpha if intervals is None else intervals.alpha.low))
    rising = (
        []
        if peak_concurrency <= measured_up_to
        else [still_rising(measured_up_to, None if intervals is None else intervals.peak_concurrency.low)]
    )
    return UslFit(
        usl=usl,
        single_per_s=single_per_s,
        peak_concurrency=peak_concurrency if is_known else None,
        peak_per_s=peak_per_s if is_known else None,
        intervals=intervals,
        cautious=usl if drawn is None else _cautious(sweep.levels, drawn),
        residual=sweep.residual,
        measured_up_to=measured_up_to,
        verdict="doubtful" if against else "rising" if rising else "measured",
        doubts=(*against, *rising),
    )


def _numbers(coefficients: Floats) -> Floats:
    """alpha, beta, gamma, N* and X(N*), (many, 5), from (many, 3). Infinite where there is no peak."""
    ideal, serial, crosstalk = coefficients.T
    single = 1.0 / coefficients.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        # alpha = 1 alone: throughput is the same everywhere, and nothing is gained by a second connection
        peak = np.where(ideal + crosstalk == 0.0, 1.0, np.sqrt((ideal + crosstalk) / crosstalk))
        # X(N*) = 1 / (b_1 + 2 sqrt(b_2 (b_0 + b_2)) - b_2), the minimum of the hold's rising and falling parts
        per_s = 1.0 / (serial + 2.0 * np.sqrt(crosstalk * (ideal + crosstalk)) - crosstalk)
    return np.stack([serial * single, crosstalk * single, single, peak, per_s], axis=1)


def _intervals(drawn: Floats) -> UslIntervals:
    # An end is one of the draws: between a finite and an infinite one nothing can be interpolated.
    low = np.quantile(_numbers(drawn), _TAIL, axis=0, method="lower")
    high = np.quantile(_numbers(drawn), 1.0 - _TAIL, axis=0, method="higher")
    return UslIntervals(*(Interval(float(a), float(b)) for a, b in zip(low, high, strict=True)))


def _cautious(levels: Floats, drawn: Floats) -> Usl:
    inverse = drawn @ columns_of(levels).T / drawn.sum(axis=1, keepdims=True)
    high = np.quantile(inverse, 1.0 - _TAIL, axis=0)
    contention = np.stack([levels - 1.0, levels * (levels - 1.0)], axis=1)
    alpha, beta = fit_nonnegative(contention, (high - 1.0)[None], 1.0 / high[None])[0]
    return Usl(float(alpha), float(beta))
