"""What requests that run at once report, and the figures of a run from it."""

from __future__ import annotations

import threading
import time
from collections import Counter
from statistics import fmean
from typing import Final, NamedTuple

from poolsize.datatypes import LabMoment, LabRun
from poolsize.probe.sampling import percentile

MOMENTS: Final = 56
"""Stretches of a run's picture: what is left of 80 columns beside the names of the two runs."""

clock: Final = time.perf_counter


class Served(NamedTuple):
    """One request that got what it asked for. Seconds."""

    response_s: float
    wait_s: float
    """Until it had its connection."""
    hold_s: float
    """From having its connection to giving it back or closing it."""


class Tally:
    """Thread-safe. Times are in seconds since `begin`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._begin_s = clock()
        self._open: list[tuple[float, int]] = [(0.0, 0)]
        self.served: list[Served] = []
        self.failures: Counter[str] = Counter()
        self.opened = 0
        self.peak = 0
        self._ended_s = 0.0

    def begin(self) -> None:
        """From now on it is counted."""
        self._begin_s = clock()

    @property
    def elapsed_s(self) -> float:
        return clock() - self._begin_s

    @property
    def open_now(self) -> int:
        return self._open[-1][1]

    @property
    def ended(self) -> int:
        return len(self.served) + self.failures.total()

    def connection_opened(self) -> None:
        with self._lock:
            self.opened += 1
            self._change(1)

    def connection_closed(self) -> None:
        with self._lock:
            self._change(-1)

    def _change(self, by: int) -> None:
        count = self._open[-1][1] + by
        self.peak = max(self.peak, count)
        self._open.append((self.elapsed_s, count))

    def serve(self, request: Served) -> None:
        with self._lock:
            self.served.append(request)
            self._ended_s = self.elapsed_s

    def fail(self, reason: str) -> None:
        """A request that got no answer but this."""
        with self._lock:
            self.failures[reason] += 1
            self._ended_s = self.elapsed_s

    def run(self, requests: int, cpu_s: float | None, memory_bytes: int | None) -> LabRun:
        """The figures, until the last request's end, or now where some have not ended."""
        elapsed_s = self._ended_s if self.ended == requests else self.elapsed_s
        responses = [request.response_s for request in self.served]
        return LabRun(
            requests=requests,
            served=len(self.served),
            errors=self.failures.total(),
            unfinished=requests - self.ended,
            error_kinds=dict(self.failures.most_common()),
            p50_s=_percentile(responses, 0.50),
            p95_s=_percentile(responses, 0.95),
            p99_s=_percentile(responses, 0.99),
            wait_p99_s=_percentile([request.wait_s for request in self.served], 0.99),
            mean_hold_s=fmean(request.hold_s for request in self.served) if self.served else None,
            requests_per_s=len(self.served) / elapsed_s,
            elapsed_s=elapsed_s,
            connections_opened=self.opened,
            peak_connections=self.peak,
            server_cpu_s=cpu_s,
            server_memory_bytes=memory_bytes,
            moments=self._moments(elapsed_s),
        )

    def _moments(self, elapsed_s: float) -> tuple[LabMoment, ...]:
        """The most that were open in each stretch of the same length."""
        moments, index, count = [], 0, 0
        for number in range(1, MOMENTS + 1):
            end_s, most = elapsed_s * number / MOMENTS, count
            while index < len(self._open) and self._open[index][0] <= end_s:
                count = self._open[index][1]
                most = max(most, count)
                index += 1
            moments.append(LabMoment(time_s=end_s, connections=most))
        return tuple(moments)


def _percentile(values: list[float], share: float) -> float | None:
    return percentile(values, share) if values else None
