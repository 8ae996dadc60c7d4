"""What every probe does in the same way: begin its document, measure within its bounds, and say what is missing."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from importlib import metadata
from types import TracebackType
from typing import Any, Final

import msgspec

from poolsize.datatypes import Burst, Database, DatabaseFacts, Finding, Unread
from poolsize.dsn import Dsn
from poolsize.errors import DatabaseError, TooManyConnectionsError
from poolsize.probe.dialect import ProbeOptions, Progress
from poolsize.probe.sampling import Sample, connect_cost, until_settled

LOCAL_SAMPLES: Final = 100
REMOTE_SAMPLES: Final = 20
"""Fewer on a server elsewhere: each sample is a login that somebody else's log shows."""
FEWEST_SAMPLES: Final = 10
"""Before the median may be called settled: with fewer, its interval is nearly the range of the values."""
ROUND_TRIPS: Final = 21
"""Odd, so that the median is one of them."""
_ROUND_TRIP_SHARE: Final = 0.1
"""Of the time left, for each of the two round trips: over a slow network fewer rounds must do."""
SAMPLES_NEED_FREE: Final = 3
"""Free slots below which no further connection is opened: the last ones are the application's."""
BURST_NEEDS_FREE: Final = 10
"""Free slots below which nothing is opened at once, and the most that ever is."""
FURTHER_LOGINS: Final = 4
"""Beside samples and burst: the one that asks (a second time where a pooler allows no transaction), the one whose
memory is read, and the one that reads the server's log, or a pooler's console."""
_SAMPLING_SHARE: Final = 0.8
"""Of the time left after asking; the rest is the burst's."""
_SECTIONS: Final = (
    "limits",
    "connect",
    "round_trip_s",
    "transaction_round_trip_s",
    "sessions",
    "timeouts",
    "memory",
)


def planned_logins(options: ProbeOptions, *, is_local: bool | None = None) -> int:
    """The most logins that the server's log will show. `is_local` None: not known before the first one."""
    default = REMOTE_SAMPLES if is_local is False else LOCAL_SAMPLES
    samples = default if options.samples is None else options.samples
    return samples + min(max(options.burst, 0), BURST_NEEDS_FREE) + FURTHER_LOGINS


class Run:
    """One probe under way: its bounds, and the facts so far.

    As a context it completes a DatabaseError that passes: with the facts so far, all else listed as unread.
    """

    def __init__(self, dsn: Dsn, options: ProbeOptions, on_progress: Progress) -> None:
        self.dsn = dsn
        self.options = options
        self.tell = on_progress
        self.deadline = time.monotonic() + options.budget_s
        self.database = Database(
            dialect=dsn.dialect, driver=dsn.driver, host=dsn.host, port=dsn.port, name=dsn.database, user=dsn.user
        )
        self.facts = DatabaseFacts(
            poolsize_version=metadata.version("poolsize"),
            measured_at=datetime.now(timezone.utc).isoformat(timespec="seconds"),  # noqa: UP017 - plain on 3.11
            target=dsn.masked,
            own=tuple(sorted(set(options.own))),
            database=self.database,
        )

    def __enter__(self) -> Run:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, DatabaseError):
            self._miss_the_rest()
            error.facts = self.facts

    @property
    def source(self) -> str:
        """Who tells the limits: the database as far as it is described by now, and when."""
        return f"probe of {self.database.place}, {self.facts.measured_at[:16].replace('T', ' ')} UTC"

    @property
    def left_s(self) -> float:
        """Of the budget; negative when it is over."""
        return self.deadline - time.monotonic()

    @property
    def asking_deadline(self) -> float:
        """Until when questions are asked: the budget, but at least a connect timeout, since without any of the facts
        a probe is worth nothing."""
        return max(self.deadline, self.deadline - self.options.budget_s + self.options.connect_timeout_s)

    @property
    def round_trip_deadline(self) -> float:
        return time.monotonic() + _ROUND_TRIP_SHARE * max(self.left_s, 0.0)

    def learn(self, **found: Any) -> None:
        """Fields of DatabaseFacts."""
        self.facts = msgspec.structs.replace(self.facts, **found)

    def describe(self, **found: Any) -> None:
        """Fields of Database."""
        self.database = msgspec.structs.replace(self.database, **found)
        self.learn(database=self.database)

    def has_free(self, slots: int, *, if_unknown: bool) -> bool:
        """That many connections could be opened in every layer that is known."""
        limits = self.facts.limits
        if limits is None or limits.free_connections is None:
            return if_unknown
        return limits.free_connections >= slots

    def note(self, *findings: Finding) -> None:
        self.learn(findings=self.facts.findings + findings)

    def miss(self, *entries: Unread) -> None:
        self.learn(unread=self.facts.unread + entries)

    def _miss_the_rest(self) -> None:
        known = {entry.name.partition(".")[0] for entry in self.facts.unread}
        names = [name for name in _SECTIONS if getattr(self.facts, name) is None]
        if self.facts.limits is None:
            names.append("sessions")
        reason = "The database could not be used before this was read."
        self.miss(*(Unread(name=name, reason=reason) for name in names if name not in known))


def measure_connects(
    run: Run, sample: Callable[[], Sample], burst: Callable[[int], Burst], *, client: str, first: Sample
) -> None:
    """What fresh connections to a server cost: one at a time until the median is settled, then a few at once.

    `sample` opens and closes one, `burst` that many at the same moment; `first` are the phases of the connection
    that asked, used where no other may be opened. They raise the children of DatabaseError: one for want of slots or
    time ends the measurement, any other ends the probe. What was measured before is kept either way.
    """
    if run.left_s <= 0 or not run.has_free(SAMPLES_NEED_FREE, if_unknown=True):
        reason = f"Fewer than {SAMPLES_NEED_FREE} slots are free, and the last ones are the application's: one sample."
        run.miss(out_of_time("connect") if run.left_s <= 0 else Unread(name="connect", reason=reason))
        run.learn(connect=connect_cost([first], client=client))
        return
    try:
        sample_connects(run, sample, client=client)
    except DatabaseError as error:
        if run.left_s > 0 and not isinstance(error, TooManyConnectionsError):
            raise
        run.miss(Unread(name="connect", reason=f"The next connection failed. {error.message}"))
        return
    if run.options.burst > 0:
        _burst(run, burst)


def sample_connects(run: Run, sample: Callable[[], Sample], *, client: str) -> None:
    """One connection at a time; keeps what was measured before `sample` raises."""
    most = run.options.samples or (LOCAL_SAMPLES if run.database.is_local else REMOTE_SAMPLES)
    samples: list[Sample] = []
    deadline = time.monotonic() + _SAMPLING_SHARE * run.left_s
    try:
        for one in until_settled(sample, minimum=min(FEWEST_SAMPLES, most), maximum=most, deadline=deadline):
            samples.append(one)
            run.tell(f"connection {len(samples)} of at most {most}", 0.1 + 0.8 * len(samples) / most)
    finally:
        if samples:
            run.learn(connect=connect_cost(samples, client=client))


def _burst(run: Run, burst: Callable[[int], Burst]) -> None:
    if not run.has_free(BURST_NEEDS_FREE, if_unknown=False):
        run.miss(Unread(name="connect.burst", reason=f"Fewer than {BURST_NEEDS_FREE} slots are free."))
        return
    if run.left_s <= 0:
        run.miss(out_of_time("connect.burst"))
        return
    count = min(run.options.burst, BURST_NEEDS_FREE)
    run.tell(f"{count} connections at once", 0.95)
    try:
        found = burst(count)
    except DatabaseError as error:
        run.miss(Unread(name="connect.burst", reason=f"One of the connections failed. {error.message}"))
        return
    if run.facts.connect is not None:
        run.learn(connect=msgspec.structs.replace(run.facts.connect, burst=found))


def out_of_time(name: str) -> Unread:
    """What is said of everything that the budget did not suffice for."""
    return Unread(name=name, reason="The time was used up.", remedy="--budget SECONDS")


def burst_of(spent: Sequence[float]) -> Burst:
    """Seconds from the common start until each of the connections was ready."""
    return Burst(connections=len(spent), first_s=min(spent), p50_s=statistics.median(spent), last_s=max(spent))


def median_time(act: Callable[[], object], deadline: float) -> float:
    """Median seconds of `act` over some rounds, fewer when `time.monotonic()` passes `deadline`, at least one."""
    spent = []
    for _ in range(ROUND_TRIPS):
        start = time.perf_counter()
        act()
        spent.append(time.perf_counter() - start)
        if time.monotonic() >= deadline:
            break
    return statistics.median(spent)
