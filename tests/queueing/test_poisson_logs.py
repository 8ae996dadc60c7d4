"""The Poisson law in logarithms, against scipy's."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import gammainc
from scipy.stats import poisson

from poolsize.queueing.poisson_logs import poisson_logs

MEANS = np.array([0.0, 1e-6, 0.3, 1.0, 7.0, 40.0, 399.0, 401.0, 3000.0])


@pytest.mark.parametrize("longest", [0, 1, 12, 400, 2500])
def test_tails_and_hazards_are_those_of_the_law(longest: int) -> None:
    found = poisson_logs(longest, MEANS)
    j = np.arange(longest + 1)[:, None]
    tails = np.where(j > 0, gammainc(np.maximum(j, 1), MEANS), 1.0)
    seen = tails > 1e-290
    assert np.exp(found.tails[seen]) == pytest.approx(tails[seen], rel=1e-9)
    masses = np.asarray(poisson.pmf(j, MEANS))
    assert np.exp(found.hazards[seen]) == pytest.approx(masses[seen] / tails[seen], rel=1e-9, abs=1e-290)


def test_nothing_is_lost_where_a_probability_is_below_every_double() -> None:
    found = poisson_logs(2500, np.array([1.0, 2000.0]))
    assert np.isfinite(found.tails).all()
    assert np.isfinite(found.hazards).all()
    # far above the mean the tail is its first term, and a little
    assert found.hazards[2500, 0] == pytest.approx(0.0, abs=1e-3)
    assert found.tails[0, 1] == 0.0
    assert found.hazards[0, 1] == pytest.approx(-2000.0)


def test_the_law_is_summed_from_either_side() -> None:
    found = poisson_logs(60, np.array([20.0]))
    masses = np.exp(found.hazards + found.tails)[:, 0]
    tails = np.exp(found.tails)[:, 0]
    assert tails[:-1] - tails[1:] == pytest.approx(masses[:-1], rel=1e-9, abs=1e-15)
