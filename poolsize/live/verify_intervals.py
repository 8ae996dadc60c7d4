"""Confidence intervals of figures from one run, by batch means.

Requests that follow each other wait alike, so they are no independent sample. The run is cut into batches of equal
time, each long enough to know little of the one before; the batches' means are nearly independent (Law, Simulation
Modeling and Analysis, 5th ed., section 9.5.3).
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Final, NamedTuple

import numpy as np

from poolsize.live.verify_visits import Floats
from poolsize.simulate.intervals import standard_error

FIGURES: Final = 8
"""That are held against their intervals at once."""
MISSES: Final = 0.05
"""Probability that any of them leaves out the truth by chance. Each interval gets an equal part of it (Bonferroni);
with 95 % for each alone, one run in three of a right prediction would contradict it somewhere."""
CHANCE: Final = MISSES / FIGURES
"""Of one interval."""
Z: Final = NormalDist().inv_cdf(1.0 - CHANCE / 2.0)
"""2.7."""
MOST_BATCHES: Final = 32
LEAST_BATCHES: Final = 8
"""With fewer, Student's t makes the interval needlessly wide; with more, batches are short and know of each other."""
_ALIKE: Final = 0.3
"""Correlation of neighbouring batch means from which on they are taken for too short."""
_FEWEST: Final = 5
"""Events of which a rare share needs so many for the normal law to say anything."""


class Range(NamedTuple):
    low: float
    high: float


def student(freedom: int) -> float:
    """The quantile of Student's t for one of the intervals, by Cornish and Fisher's expansion (Abramowitz & Stegun
    26.7.5)."""
    z, v = Z, float(freedom)
    return (
        z
        + (z**3 + z) / (4 * v)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * v**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * v**3)
    )


def correlation(means: Floats) -> float:
    """Of each batch with the next, -1..1."""
    apart = means - means.mean()
    total = float(apart @ apart)
    return float(apart[1:] @ apart[:-1]) / total if total > 0.0 else 0.0


def half_width(means: Floats) -> float:
    """Of the interval of their mean. What correlation is left in them widens it, as it widens the variance of the mean
    of a first-order autoregression."""
    left = min(max(correlation(means), 0.0), 0.9)
    widened = math.sqrt((1.0 + left) / (1.0 - left)) if left > _ALIKE else 1.0
    return student(len(means) - 1) * standard_error(means) * widened


def of_a_mean(means: Floats) -> Range:
    middle, half = float(means.mean()), half_width(means)
    return Range(max(middle - half, 0.0), middle + half)


def of_a_share(shares: Floats, trials: int) -> Range:
    """Wilson's interval for as many independent trials as would have given the batches' spread, and at most `trials`:
    what was seen a few times only is known as badly as that many events of a Poisson law."""
    middle = float(shares.mean())
    if middle > 0.5:
        low, high = of_a_share(1.0 - shares, trials)
        return Range(1.0 - high, 1.0 - low)
    half = half_width(shares)
    z = student(len(shares) - 1)
    if half == 0.0 or middle * trials < _FEWEST:
        low, high = _wilson(middle, float(trials), z)
    else:
        n = min(middle * (1.0 - middle) * (z / half) ** 2, float(trials))
        low, high = _wilson(middle, n, z)
    seen = int(np.count_nonzero(shares))
    if 0 < seen <= len(shares) / 2:  # long waits come in clusters, and a cluster is one event
        fewest, most = _poisson(seen)
        low, high = min(low, middle * fewest / seen), min(max(high, middle * most / seen), 1.0)
    return Range(low, high)


def of_a_quantile(waits_s: Floats, batch: Floats, batches: int, q: float) -> Range:
    """The quantiles of the shares that the share below the quantile may be, so that no density has to be guessed. The
    upper end is infinite where the run is too short to have one."""
    waits = np.sort(waits_s)
    value = quantile(waits, q)
    shares = batch_means((waits_s <= value).astype(np.float64), batch, batches)
    low, high = of_a_share(shares, len(waits))
    # The share at the quantile is at least q by its definition, also where many have the same wait, as 0.
    below, above = q - (float(shares.mean()) - low), q + (high - float(shares.mean()))
    return Range(quantile(waits, max(below, 0.0)), quantile(waits, above) if above < 1.0 else math.inf)


def quantile(ordered: Floats, q: float) -> float:
    """The smallest value that a share `q` does not exceed."""
    return float(ordered[min(max(math.ceil(q * len(ordered)) - 1, 0), len(ordered) - 1)])


def batch_means(values: Floats, batch: Floats, batches: int) -> Floats:
    """The mean of the values in each batch; an empty one has that of all."""
    numbers = batch.astype(np.int64)
    counts = np.bincount(numbers, minlength=batches)
    sums = np.bincount(numbers, weights=values, minlength=batches)
    means: Floats = np.where(counts > 0, sums / np.maximum(counts, 1), values.mean())
    return means


def batches_for(asked_s: Floats, waits_s: Floats, begin_s: float, end_s: float) -> int:
    """As many as leave them little correlated, by their mean waits."""
    count = MOST_BATCHES
    while count > LEAST_BATCHES:
        means = batch_means(waits_s, batch_numbers(asked_s, begin_s, end_s, count), count)
        if correlation(means) <= _ALIKE:
            break
        count //= 2
    return count


def batch_numbers(asked_s: Floats, begin_s: float, end_s: float, count: int) -> Floats:
    """The batch of each request."""
    numbers: Floats = np.clip((asked_s - begin_s) / (end_s - begin_s) * count, 0, count - 1).astype(np.int64)
    return numbers


def _wilson(middle: float, n: float, z: float) -> Range:
    centre = (middle + z**2 / (2.0 * n)) / (1.0 + z**2 / n)
    half = z / (1.0 + z**2 / n) * math.sqrt(middle * (1.0 - middle) / n + z**2 / (4.0 * n**2))
    return Range(max(centre - half, 0.0), min(centre + half, 1.0))


def _poisson(seen: int) -> Range:
    """For the expectation of a Poisson law of which so many events, >= 1, were seen. By Wilson and Hilferty's cube
    root of the chi-squared law (Abramowitz & Stegun 26.4.17)."""
    low = seen * (1.0 - 1.0 / (9.0 * seen) - Z / (3.0 * math.sqrt(seen))) ** 3
    above = seen + 1.0
    return Range(max(low, 0.0), above * (1.0 - 1.0 / (9.0 * above) + Z / (3.0 * math.sqrt(above))) ** 3)
