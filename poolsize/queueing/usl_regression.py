"""The Universal Scalability Law as a linear regression: fitted, and fitted again to resampled measurements."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from poolsize.queueing.floats import Floats
from poolsize.queueing.nonnegative import fit_nonnegative

Noise = Literal["relative", "absolute"]

_HUBER: Final = 1.345
"""95 % efficient for normal errors. Huber, Robust Statistics (1981), ch. 7."""
MAD_TO_SIGMA: Final = 1.4826
"""The standard deviation of a normal law, in median absolute deviations."""
_SETTLED: Final = 1e-9
"""No measurement of a throughput has more digits than this."""
_LEAST_SHARE: Final = 0.01
"""Of the law's throughput, where errors of an absolute size would make one that is not positive."""
_STEPS: Final = 50
"""Of reweighting. Ten are usual; with many outliers the scale of what is an outlier may swing on without end."""


@dataclass(frozen=True)
class Regression:
    """y = N / X = b_0 + b_1 N + b_2 (1 + N (N - 1)) with b >= 0, over the concurrencies N of one sweep.

    That is the law with gamma = 1 / (b_0 + b_1 + b_2), alpha = gamma b_1 and beta = gamma b_2, where alpha <= 1 (one
    request after the other is the least a database can do) and N* >= 1, since N*^2 = (1 - alpha) / beta: whatever is
    fitted is a law.
    """

    levels: Floats
    noise: Noise
    is_robust: bool

    def fit(self, measured: Floats) -> Floats:
        """The coefficients, (many, 3), for throughputs (many, points).

        With relative errors the sum of (1 - X / X_law)^2 is quadratic in b, which takes one step. Otherwise the
        weights depend on what is found, and the step is repeated until it moves nothing.
        """
        columns, inverse = columns_of(self.levels), self.levels / measured
        found = fit_nonnegative(columns, inverse, 1.0 / inverse)
        if self.noise == "relative" and not self.is_robust:
            return found
        for _ in range(_STEPS):
            law = found @ columns.T
            found = fit_nonnegative(columns, inverse, self._weights(inverse, law))
            if np.allclose(found @ columns.T, law, rtol=_SETTLED, atol=0.0):
                break
        return found

    def _weights(self, inverse: Floats, law: Floats) -> Floats:
        """Those with which the normal equations of the step are those of the sum that is to be minimised."""
        if self.noise == "relative":
            weights, sizes = 1.0 / inverse, np.abs(1.0 - law / inverse)
        else:
            weights = self.levels / np.sqrt(inverse * law**3)
            sizes = self.levels * np.abs(1.0 / inverse - 1.0 / law)
        if not self.is_robust:
            return weights
        allowed = _HUBER * MAD_TO_SIGMA * np.median(sizes, axis=1, keepdims=True)
        is_outlier = sizes > allowed
        return np.where(is_outlier, weights * np.sqrt(allowed / np.where(is_outlier, sizes, 1.0)), weights)

    def resampled(self, coefficients: Floats, measured: Floats, count: int, random: np.random.Generator) -> Floats:
        """The coefficients, (count, 3), of throughputs that might have been measured instead, if `coefficients`, (3,),
        are the law.

        Residuals are divided by what the fit to their own point has taken from them (leverage) and drawn at random.
        A handful of points leaves also their variance unknown, so that each draw is multiplied by what makes it one
        of the variances they may come from: with so few, intervals would be too narrow by a fifth without it.
        """
        law = self.levels / (columns_of(self.levels) @ coefficients)
        residuals = np.log(measured / law) if self.noise == "relative" else measured - law
        residuals = residuals / np.sqrt(np.maximum(1.0 - self._leverages(coefficients), 1.0 / len(law) ** 2))
        drawn = random.choice(residuals - residuals.mean(), (count, len(law)))
        freedom = len(law) - coefficients.size
        drawn *= np.sqrt(freedom / random.chisquare(freedom, (count, 1)))
        if self.noise == "relative":
            return self.fit(law * np.exp(drawn))
        return self.fit(np.maximum(law + drawn, _LEAST_SHARE * law))

    def _leverages(self, coefficients: Floats) -> Floats:
        """Of each point on its own fitted value, 0..1, among the columns that the law uses."""
        columns = columns_of(self.levels)
        law = columns @ coefficients
        used = columns[:, coefficients > 0] * self._weights(law[None], law[None]).T
        leverages: Floats = np.square(np.linalg.qr(used).Q).sum(axis=1)
        return leverages


def columns_of(concurrency: Floats) -> Floats:
    """1, N and 1 + N (N - 1), (points, 3)."""
    return np.stack([np.ones_like(concurrency), concurrency, 1.0 + concurrency * (concurrency - 1.0)], axis=1)
