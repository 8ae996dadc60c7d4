"""What a run of a real pool shows: each request, and figures from them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from poolsize.simulate import Trace

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


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

    def figure(self, name: str, capacity: int) -> float:
        """By its name in `Wait`."""
        served = ~self.is_late
        match name:
            case "wait_probability":
                return float((self.wait_s > 0.0).mean())
            case "timeout_probability":
                return float(self.is_late.mean())
            case "mean_wait_s":
                return float(self.wait_s.mean())
            case "throughput_per_s":
                return float(served.sum()) / self.seconds
            case "utilization":
                return float(self.hold_s[served].sum()) / (self.seconds * capacity)
            case "opens_per_s":
                return len(self.opened_s) / self.seconds
        raise KeyError(name)

    def exceeds(self, t_s: float) -> float:
        """P(wait > t_s)."""
        return float((self.wait_s > t_s).mean())
