"""Confidence intervals of 95 % from independent replications."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Final

import numpy as np

from poolsize.simulate.sample import Floats

LEVEL: Final = 0.95
_Z: Final = NormalDist().inv_cdf((1.0 + LEVEL) / 2.0)
_NONE_SEEN: Final = -math.log(1.0 - LEVEL)
"""3.0: what was never seen in n independent trials is, with 95 %, rarer than 3.0 / n."""

Interval = tuple[float, float]


def of_a_mean(values: Floats, most: float = math.inf) -> Interval:
    """For the expectation of what is never negative, nor more than `most`, from its value in each replication."""
    middle, half = float(values.mean()), half_width(values)
    return max(middle - half, 0.0), min(middle + half, most)


def of_a_share(shares: Floats, trials: float) -> Interval:
    """For a probability, from its share in each replication; `trials`: stretches of time that know nothing of each
    other, over all replications.

    Wilson's interval for as many independent trials as would have given the same spread: near 0 the normal one is too
    short, and ends below 0. What was seen in few replications is no rarer, nor less rare, than as many events of a
    Poisson law may be; for what was seen in none, the rule of three over the trials.
    """
    if len(shares) == 1:
        return float(shares[0]), float(shares[0])
    if shares.mean() > 0.5:
        low, high = of_a_share(1.0 - shares, trials)
        return 1.0 - high, 1.0 - low
    middle, error = float(shares.mean()), standard_error(shares)
    if middle == 0.0:
        return 0.0, min(_NONE_SEEN / trials, 1.0)
    low, high = _wilson(middle, error, _student(len(shares) - 1)) if error > 0.0 else (middle, middle)
    seen = int(np.count_nonzero(shares))
    if seen <= len(shares) / 2:
        fewest, most = _poisson(seen)
        low, high = min(low, middle * fewest / seen), max(high, middle * most / seen)
    return low, min(high, 1.0)


def _wilson(middle: float, error: float, z: float) -> Interval:
    n = middle * (1.0 - middle) / error**2
    centre = (middle + z**2 / (2.0 * n)) / (1.0 + z**2 / n)
    half = z / (1.0 + z**2 / n) * math.sqrt(middle * (1.0 - middle) / n + z**2 / (4.0 * n**2))
    return max(centre - half, 0.0), centre + half


def _poisson(seen: int) -> Interval:
    """For the expectation of a Poisson law of which so many events, >= 1, were seen. By Wilson and Hilferty's cube
    root of the chi-squared law (Abramowitz & Stegun 26.4.17)."""
    low = seen * (1.0 - 1.0 / (9.0 * seen) - _Z / (3.0 * math.sqrt(seen))) ** 3
    above = seen + 1.0
    return max(low, 0.0), above * (1.0 - 1.0 / (9.0 * above) + _Z / (3.0 * math.sqrt(above))) ** 3


def half_width(values: Floats) -> float:
    """Of the interval of their mean, by Student's t."""
    return _student(len(values) - 1) * standard_error(values)


def standard_error(values: Floats) -> float:
    """Of the mean of independent values; 0 for one alone."""
    return float(values.std(ddof=1)) / math.sqrt(len(values)) if len(values) > 1 else 0.0


def _student(freedom: int) -> float:
    """The quantile of Student's t at 97.5 %, by Cornish and Fisher's expansion (Abramowitz & Stegun 26.7.5): within
    0.2 % from 5 degrees of freedom on."""
    z, v = _Z, float(max(freedom, 1))
    return (
        z
        + (z**3 + z) / (4 * v)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * v**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * v**3)
    )
