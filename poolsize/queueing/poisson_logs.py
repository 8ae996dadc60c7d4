"""Logarithms of the Poisson law for arrays of means: the sum above each j, and the reversed hazard."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from poolsize.queueing.floats import Floats
from poolsize.queueing.poisson import steps_to_forget


class PoissonLogs(NamedTuple):
    """For j = 0..longest (rows) and each mean (columns)."""

    tails: Floats
    """ln Pr(X >= j)."""
    hazards: Floats
    """ln of Pr(X = j) / Pr(X >= j)."""


def poisson_logs(longest: int, means: Floats) -> PoissonLogs:
    """`means` >= 0, finite. Nothing cancels, and nothing underflows.

    Up to the mean Pr(X >= j) is at least about a half, and 1 minus the others loses nothing. Above it the hazards obey
    g_(j-1) = g_j / (g_j + mean / j): backward from g = 1 far above, where the start is forgotten, with positive terms.
    """
    places = np.arange(longest + 1.0)[:, None]
    log_masses = _log_masses(places, means)
    masses = np.exp(log_masses)
    below = np.minimum(np.cumsum(masses, axis=0) - masses, 1.0 - 1e-12)  # matters only where it is about a half
    to_mean, above = np.log1p(-below), _log_hazards_above(longest, means)
    is_above = places > means
    return PoissonLogs(np.where(is_above, log_masses - above, to_mean), np.where(is_above, above, log_masses - to_mean))


def _log_masses(places: Floats, means: Floats) -> Floats:
    log_factorials = np.cumsum(np.log(np.maximum(places, 1.0)), axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):  # of a mean of 0, or nothing times its logarithm
        return np.where(places == 0.0, -means, places * np.log(means) - means - log_factorials)


def _log_hazards_above(longest: int, means: Floats) -> Floats:
    """Right where j is above the mean."""
    found = np.zeros((longest + 1, len(means)))
    near = np.minimum(means, longest)
    hazards = np.ones_like(means)
    for j in range(longest + steps_to_forget(longest), 0, -1):
        if j <= longest:
            found[j] = hazards
        hazards = hazards / (hazards + near / j)
    found[0] = hazards
    return np.log(np.maximum(found, 1e-300))
