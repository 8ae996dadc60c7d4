"""What a run of a real pool shows: each request, and what can be told from them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from poolsize.live.pools.pool import Book

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


class Visit(NamedTuple):
    """One request, as its thread or task saw it; times by `clock`."""

    due_s: float
    """When it should have asked."""
    asked_s: float
    got_s: float
    """Its connection, or gave up."""
    done_s: float
    """With it; of one that gave up the same as `got_s`."""
    connection: int | None
    """None for one that gave up."""


@dataclass
class Log:
    """All requests of a run; threads append to it."""

    begin_s: float
    visits: list[Visit] = field(default_factory=list)
    errors: int = 0
    """Requests whose work failed."""
    last_error: Exception | None = None
    done: Callable[[], None] = lambda: None
    """Told of each that did not."""

    def append(self, visit: Visit) -> None:
        self.visits.append(visit)
        self.done()

    def failed(self, error: Exception) -> None:
        self.errors += 1
        self.last_error = error


@dataclass(frozen=True, eq=False)
class Requests:
    """The requests of one run, in the order in which they asked. Times are in seconds since its start."""

    asked_s: Floats
    delay_s: Floats
    """How much later than it should a request asked: what the machine took to wake its thread."""
    wait_s: Floats
    """Until the pool had a connection for it, or gave it up."""
    handover_s: Floats
    """From then until it knew: the machine's part of the wait, in which the connection is taken already."""
    hold_s: Floats
    """From the end of the wait until the connection was given back, without its set-up; 0 of one that gave up."""
    setup_s: Floats
    """What a request took to open its connection by itself."""
    stay_s: Floats
    """From asking to the end, as its thread saw it."""
    is_late: Flags
    """Whether it gave up."""
    opened_s: Floats
    """When connections were opened, after the first ones."""
    took_s: Floats
    """What that took."""
    begin_s: float
    end_s: float
    """Of the time that was looked at."""

    @property
    def count(self) -> int:
        return len(self.asked_s)

    @property
    def seconds(self) -> float:
        return self.end_s - self.begin_s

    def think_s(self, threads: int) -> float:
        """The mean time of so many threads between two requests."""
        return max(threads * self.seconds - float(self.stay_s.sum()), 0.0) / max(self.count, 1)

    @property
    def served_holds_s(self) -> Floats:
        return self.hold_s[~self.is_late]

    @property
    def rate_per_s(self) -> float:
        return self.count / self.seconds

    def within(self, begin_s: float, end_s: float) -> Requests:
        """Those that asked in that time."""
        kept = (self.asked_s >= begin_s) & (self.asked_s < end_s)
        opened = (self.opened_s >= begin_s) & (self.opened_s < end_s)
        return Requests(
            self.asked_s[kept],
            self.delay_s[kept],
            self.wait_s[kept],
            self.handover_s[kept],
            self.hold_s[kept],
            self.setup_s[kept],
            self.stay_s[kept],
            self.is_late[kept],
            self.opened_s[opened],
            self.took_s[opened],
            begin_s,
            end_s,
        )

    def busy_s(self, edges_s: Floats) -> Floats:
        """Connections held, integrated between each two of the edges."""
        start = (self.asked_s + self.wait_s)[~self.is_late]
        taken = self.served_holds_s + self.setup_s[~self.is_late]
        held = np.array([np.clip(edge - start, 0.0, taken).sum() for edge in edges_s])
        return np.diff(held)


def requests_of(log: Log, book: Book, timeout_s: float | None, end_s: float) -> Requests:
    """A connection that somebody waits for is his from the moment it was given back, though the machine may take a
    while to wake him up. With `timeout_s` who gave up did so then, without it when he knew."""
    visits = sorted(log.visits, key=lambda visit: visit.asked_s)
    columns = [np.array([visit[column] for visit in visits], dtype=np.float64) for column in range(4)]
    due, asked, got, left = columns
    granted, done, setup = (np.array(times, dtype=np.float64) for times in _held_s(visits, book, timeout_s))
    is_late = np.array([visit.connection is None for visit in visits], dtype=np.bool_)
    opened, took = np.array(book.opened_s), np.array(book.took_s)
    later = opened > log.begin_s
    return Requests(
        asked_s=asked - log.begin_s,
        delay_s=np.maximum(asked - due, 0.0),
        wait_s=granted - asked,
        handover_s=got - granted - setup,
        hold_s=np.where(is_late, 0.0, done - granted - setup),
        setup_s=setup,
        stay_s=left - asked,
        is_late=is_late,
        opened_s=opened[later] - log.begin_s,
        took_s=took[later],
        begin_s=0.0,
        end_s=end_s,
    )


def _held_s(visits: Sequence[Visit], book: Book, timeout_s: float | None) -> tuple[list[float], ...]:
    """When each wait ended, and each hold, and what of the hold was the set-up of a connection that nobody had yet."""
    granted_s = [visit.got_s if timeout_s is None else visit.asked_s + timeout_s for visit in visits]
    done_s = [visit.done_s for visit in visits]
    setup_s = [0.0] * len(visits)
    free_s, last = dict(book.ready_s), dict[int, int]()
    for number in sorted(range(len(visits)), key=lambda number: visits[number].got_s):
        visit = visits[number]
        if visit.connection is None:
            granted_s[number] = min(granted_s[number], visit.got_s)
            continue
        if visit.connection not in free_s:
            setup_s[number] = visit.got_s - visit.asked_s
        free = min(free_s.get(visit.connection, visit.asked_s), visit.got_s)
        if visit.connection in last:  # it was given back by then, though who did so may have known it later
            done_s[last[visit.connection]] = min(done_s[last[visit.connection]], free)
        granted_s[number] = max(free, visit.asked_s)
        last[visit.connection], free_s[visit.connection] = number, visit.done_s
    return granted_s, done_s, setup_s
