"""How much holds vary, from a mean and a 95th percentile."""

from __future__ import annotations

import math
from typing import Final

from poolsize.errors import WorkloadError

_Z95: Final = 1.6448536269514722
"""The 95th percentile of the standard normal law."""
HEAVIEST_LOGNORMAL: Final = math.exp(_Z95**2 / 2)
"""3.87: the largest p95 / mean that a lognormal law has, at sigma = 1.645."""
_HEAVIEST_SCV: Final = math.expm1(_Z95**2)
_MOST: Final = 20.0
"""Markov: P(X > t) <= mean / t, so that no law has its p95 above 20 times its mean."""


def scv_from_p95(mean_s: float, p95_s: float) -> tuple[float, str]:
    """The squared coefficient of variation of a hold with this mean and 95th percentile (seconds, > 0), and the
    name of the law it is taken from.

    Up to 3.87 × the mean, the lognormal law with both. Two of them have the same ratio; it is the one with sigma up
    to 1.645, since the other puts nearly all the time into holds that a p95 does not show.
    Above, a mixture of two classes: a share p of long holds of p95 each, the rest short and exponential. p is the
    geometric mean of the least (5 %) and the most (mean / p95) that the two numbers allow. A longer p95 must not give
    a smaller pool, so the scv is at least that of the heaviest lognormal.
    Raises WorkloadError below the mean and above 20 × the mean.
    """
    ratio = p95_s / mean_s
    if ratio < 1.0:
        raise WorkloadError(
            f"A p95 of {p95_s:g} s below the mean of {mean_s:g} s means that a few very long holds make up most of the "
            "time, and no percentile shows them: give --hold-histogram, or its variance / mean² as --hold-scv."
        )
    if ratio > _MOST:
        raise WorkloadError(
            f"No law has its p95 ({p95_s:g} s) above 20 times its mean ({mean_s:g} s): one of the two is wrong."
        )
    if ratio <= HEAVIEST_LOGNORMAL:
        sigma = _Z95 - math.sqrt(max(_Z95**2 - 2.0 * math.log(ratio), 0.0))
        return math.expm1(sigma**2), "lognormal"
    return max(_two_class_scv(ratio), _HEAVIEST_SCV), "two-class mixture"


def _two_class_scv(ratio: float) -> float:
    """E[X²] / E[X]² - 1 in units of the mean."""
    share = math.sqrt(0.05 / ratio)
    short = (1.0 - share * ratio) / (1.0 - share)
    return share * ratio**2 + (1.0 - share) * 2.0 * short**2 - 1.0
