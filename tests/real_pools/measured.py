"""What a run of a real pool shows: each request, and from them figures with intervals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from poolsize.queueing import Wait
from poolsize.simulate import Simulated, Trace
from poolsize.simulate.intervals import half_width

BATCHES: Final = 20
"""Parts of a run whose means count as independent. Each is some relaxation times long."""
WIDTHS: Final = 1.6
"""By which an interval of 95 % becomes one of 99.8 %, as for so many comparisons it has to."""
TAIL: Final = 0.05
"""The share of requests beyond the quantile that is compared."""

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


class Estimate(NamedTuple):
    """A figure, and half of its interval of 95 %."""

    value: float
    half: float = 0.0

    def __str__(self) -> str:
        return f"{self.value:.4g}" + (f" ± {self.half:.2g}" if self.half else "")

    def agrees_with(self, other: Estimate) -> bool:
        return abs(self.value - other.value) <= WIDTHS * float(np.hypot(self.half, other.half))


@dataclass(frozen=True, eq=False)
class Measured:
    """The requests of one run, in the order in which they asked. Times are in seconds since its start."""

    asked_s: Floats
    wait_s: Floats
    """Until the pool had a connection for it, or gave it up."""
    handover_s: Floats
    """From then until it knew: what the machine takes to wake it up."""
    hold_s: Floats
    """From the end of its wait until the connection was given back; of one that gave up, as long as it would have
    held it."""
    is_late: Flags
    """Whether it gave up."""
    opened_s: Floats
    """When connections were opened."""

    @property
    def seconds(self) -> float:
        return float(self.asked_s[-1] - self.asked_s[0])

    @property
    def hold_mean_s(self) -> float:
        """Of those that had a connection."""
        return float(self.hold_s[~self.is_late].mean())

    @property
    def overtaken(self) -> float:
        """The share of requests that got a connection later than one that asked after them."""
        got = (self.asked_s + self.wait_s + self.handover_s)[~self.is_late]
        earliest_after = np.minimum.accumulate(got[::-1])[::-1][1:]
        return float((earliest_after < got[:-1]).mean())

    @property
    def trace(self) -> Trace:
        """The same requests for a simulation."""
        return Trace(tuple(self.asked_s.tolist()), tuple(self.hold_s.tolist()))

    def after(self, start_s: float) -> Measured:
        """Without the warm-up."""
        kept = self.asked_s >= start_s
        return Measured(
            self.asked_s[kept],
            self.wait_s[kept],
            self.handover_s[kept],
            self.hold_s[kept],
            self.is_late[kept],
            self.opened_s[self.opened_s >= start_s],
        )

    def estimate(self, name: str, capacity: int) -> Estimate:
        """Of a figure of `Wait`."""
        match name:
            case "wait_probability":
                return _mean(self.wait_s > 0.0)
            case "timeout_probability":
                return _mean(self.is_late)
            case "mean_wait_s":
                return _mean(self.wait_s)
            case "throughput_per_s":
                return self._rate(np.where(self.is_late, 0.0, 1.0))
            case "utilization":
                return self._rate(np.where(self.is_late, 0.0, self.hold_s / capacity))
            case "opens_per_s":
                places = np.searchsorted(self.asked_s, self.opened_s)
                return self._rate(np.bincount(places, minlength=len(self.asked_s)).astype(float))
        raise KeyError(name)

    def exceeds(self, t_s: float) -> Estimate:
        """P(wait > t_s)."""
        return _mean(self.wait_s > t_s)

    def _rate(self, amounts: Floats) -> Estimate:
        """Of what comes with each request, per second."""
        ends = np.array([part[-1] for part in np.array_split(self.asked_s, BATCHES)])
        lengths = np.diff(ends, prepend=self.asked_s[0])
        sums = np.array([part.sum() for part in np.array_split(amounts, BATCHES)])
        return Estimate(float(amounts.sum()) / self.seconds, half_width(sums / lengths))


def _mean(values: Floats | Flags) -> Estimate:
    batches = np.array([part.mean() for part in np.array_split(values, BATCHES)])
    return Estimate(float(values.mean()), half_width(batches))


def predicted(found: Wait | Simulated, name: str) -> Estimate:
    """A figure of the model, which is exact, or of the simulation, with its interval."""
    value = float(getattr(found, name))
    if isinstance(found, Wait):
        return Estimate(value)
    low, high = found.interval(name)
    return Estimate(value, (high - low) / 2.0)


def assert_agrees(measured: Measured, found: Wait | Simulated, capacity: int, *names: str) -> None:
    """Each of these figures, measured and predicted, lies in the interval of the two."""
    for name in names:
        seen, said = measured.estimate(name, capacity), predicted(found, name)
        assert seen.agrees_with(said), f"{name}: measured {seen}, predicted {said} ({found.method})"


def assert_tail_agrees(measured: Measured, found: Wait | Simulated) -> None:
    """So many requests wait longer than the predicted quantile as should."""
    t_s = found.quantile(1.0 - TAIL)
    seen = measured.exceeds(t_s)
    assert seen.agrees_with(Estimate(found.exceeds(t_s))), f"P(wait > {t_s:.4g} s): {seen}, not {TAIL} ({found.method})"


def assert_repeats(measured: Measured, replay: Simulated) -> None:
    """The same requests at a simulated pool wait as long on average, but for the interval of the differences, within
    which who asks at nearly the same moment may change places, and for what the machine needs for a handover."""
    differences = measured.wait_s - replay.sample.path[:, 1]
    seen, handover_s = _mean(differences), float(measured.handover_s.mean())
    assert abs(seen.value) <= WIDTHS * seen.half + handover_s, f"{seen} s off, with handovers of {handover_s:.2g} s"
