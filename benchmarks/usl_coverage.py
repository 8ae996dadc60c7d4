"""How often do the 95 % intervals of a fitted scalability law hold the truth?

    python benchmarks/usl_coverage.py [--sweeps 400] [--resamples 1000]

Sweeps of known laws are made up, with errors of 3, 5 and 10 % of the throughput, and fitted. Beside the intervals of
`fit_usl` stand those that a nonlinear regression of the throughput with errors of one size gives (Wald, Student's t),
as they are in common use. The last column is how often a sweep that nothing is wrong with is called doubtful.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import curve_fit
from scipy.stats import t as student

from poolsize.queueing import Usl
from poolsize.queueing.usl_doubts import LARGEST_RESIDUAL
from poolsize.queueing.usl_fit import fit_usl

Array = NDArray[np.float64]

LAWS: Final = (Usl(0.02, 0.0005), Usl(0.05, 0.002), Usl(0.1, 0.0), Usl(0.0, 0.001), Usl(0.03, 0.01))
DESIGNS: Final = (
    (1, 2, 4, 8, 16),
    (1, 2, 4, 8, 16, 32),
    (1, 2, 4, 8, 16, 32, 48, 64),
    (1, 2, 3, 4, 6, 8, 12, 16, 24, 32),
)
ERRORS: Final = (0.03, 0.05, 0.10)
SINGLE_PER_S: Final = 100.0
NAMES: Final = ("alpha", "beta", "gamma", "peak at", "peak")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--sweeps", type=int, default=400, help="sweeps of each law, design and error")
    parser.add_argument("--resamples", type=int, default=1000)
    arguments = parser.parse_args()
    print(
        f"{'law':>16} {'levels':>7} {'errors':>7}  "
        + " ".join(f"{name:>8}" for name in NAMES)
        + "  Wald: alpha beta  doubted"
    )
    coverages = []
    for usl in LAWS:
        for levels in DESIGNS:
            for error in ERRORS:
                held, wald, doubted = _coverage(usl, np.array(levels, float), error, arguments)
                coverages.append(held)
                print(
                    f"{usl.alpha:>8g} {usl.beta:<7g} {len(levels):>2} to {levels[-1]:<2} {error:>5.0%}  "
                    + " ".join(f"{share:>8.3f}" for share in held)
                    + f"        {wald[0]:.3f} {wald[1]:.3f}  {doubted:>6.1%}"
                )
    for name, column in zip(NAMES, np.array(coverages).T, strict=True):
        print(f"{name:>8}: {column.min():.3f} to {column.max():.3f}, mean {column.mean():.3f}")
    return 0


def _coverage(usl: Usl, levels: Array, error: float, arguments: argparse.Namespace) -> tuple[Array, Array, float]:
    held, wald, doubted = np.zeros(len(NAMES)), np.zeros(2), 0
    for seed, measured in enumerate(_sweeps(usl, levels, error, arguments.sweeps)):
        fit = fit_usl(levels, measured, resamples=arguments.resamples, seed=seed)
        if (found := fit.intervals) is None:
            raise SystemExit("each design has enough levels for intervals")
        intervals = (found.alpha, found.beta, found.single_per_s, found.peak_concurrency, found.peak_per_s)
        for i, (interval, truth) in enumerate(zip(intervals, _truths(usl), strict=True)):
            held[i] += interval.low <= truth * (1 + 1e-12) and truth * (1 - 1e-12) <= interval.high
        wald += _wald(usl, levels, measured)
        # more scatter than a sweep has is rightly doubted
        doubted += fit.verdict == "doubtful" and fit.residual <= LARGEST_RESIDUAL
    return held / arguments.sweeps, wald / arguments.sweeps, doubted / arguments.sweeps


def _sweeps(usl: Usl, levels: Array, error: float, count: int) -> Iterator[Array]:
    random = np.random.default_rng(1)
    law = SINGLE_PER_S * levels / np.array([usl.slowdown(level) for level in levels])
    for _ in range(count):
        yield law * np.exp(error * random.normal(size=len(levels)))


def _truths(usl: Usl) -> tuple[float, ...]:
    if usl.beta == 0.0:
        return usl.alpha, usl.beta, SINGLE_PER_S, np.inf, SINGLE_PER_S / usl.alpha
    peak = float(np.sqrt((1.0 - usl.alpha) / usl.beta))
    return usl.alpha, usl.beta, SINGLE_PER_S, peak, SINGLE_PER_S * peak / usl.slowdown(peak)


def _wald(usl: Usl, levels: Array, measured: Array) -> Array:
    def curve(n: Array, gamma: float, alpha: float, beta: float) -> Array:
        return gamma * n / (1.0 + alpha * (n - 1.0) + beta * n * (n - 1.0))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # five points at times leave no covariance, which then holds nothing
        found, covariance = curve_fit(curve, levels, measured, p0=[SINGLE_PER_S, 0.02, 0.001], maxfev=10_000)
    width = student.ppf(0.975, len(levels) - 3) * np.sqrt(np.diag(covariance))
    return (np.abs(found - [SINGLE_PER_S, usl.alpha, usl.beta]) <= width)[1:].astype(float)


if __name__ == "__main__":
    sys.exit(main())
