"""Watch over a run: a heartbeat beside the load, which ends it before it does harm, and in every way that it may end.

with Guard(target) as guard:
    while not guard.wait(0.5):
        ...
guard.stopped  # None: it ran to its end
"""

from __future__ import annotations

import statistics
import threading
import time
from types import TracebackType
from typing import Any, Final

from poolsize.datatypes import Stopped
from poolsize.datatypes.stopped import StopKind
from poolsize.errors import DatabaseError, PoolsizeError, UnreachableError
from poolsize.live.target import Target
from poolsize.units import duration

BEAT_S: Final = 0.2
"""Five trivial statements a second are no load, and see harm before a person does."""
LATE_S: Final = 1.0
"""What a trivial statement may take. Whoever else uses the server waits as long for its own: pools time out after
seconds, and a second is what a person calls slow."""
LATE_FACTOR: Final = 20.0
"""Or this many times what it took before the load, where the server is far away."""
LATE_BEATS: Final = 3
"""In a row: one may have met a checkpoint, or a pause of this machine."""
SILENT_S: Final = 5.0
"""Without any answer for so long, the server counts as gone."""
MOST_ERRORS: Final = 20
"""Fewer may be what a server has on any day."""
ERROR_SHARE: Final = 0.05
"""Of the operations. With more, what is measured is the failing."""
_FIRST_BEATS: Final = 5
_SLICE_S: Final = 0.1
"""A wait is this long at most, since Windows interrupts none."""


class Guard:
    """A context around the load, in the main thread. An exception of `interrupts` ends it and goes no further.

    Raises what connecting raises. `done` and `failed` may be called by any thread.
    """

    def __init__(self, target: Target, *, interrupts: tuple[type[BaseException], ...] = (KeyboardInterrupt,)) -> None:
        self.stop = threading.Event()
        """Set when the load must end, for whatever reason, and at the end of the context."""
        self.stopped: Stopped | None = None
        """Why it ended before its time: the first reason."""
        self.usual_beat_s = 0.0
        """What the trivial statement takes without the load, median."""
        self.slowest_beat_s = 0.0
        """Under it."""
        self._target = target
        self._interrupts = interrupts
        self._lock = threading.Lock()
        self._done = self._errors = 0
        self._last_error = ""
        self._late = 0
        self._heard = time.monotonic()
        self._connection: Any = None
        self._thread = threading.Thread(target=self._watch, name="poolsize heartbeat", daemon=True)

    def __enter__(self) -> Guard:
        self._connection = self._target.connect()
        try:
            self.usual_beat_s = statistics.median(self._beat() for _ in range(_FIRST_BEATS))
            self._heard = time.monotonic()
            self._thread.start()
        except BaseException:
            self._target.close(self._connection)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        is_interrupt = isinstance(error, self._interrupts)
        if is_interrupt:
            self.interrupted(error)
        self.stop.set()
        self._thread.join(2 * BEAT_S)
        if self._thread.is_alive():  # it waits for a server that is busy or gone
            self._target.abort(self._connection)
            self._thread.join()
        self._target.close(self._connection)
        return is_interrupt

    def wait(self, seconds: float) -> bool:
        """Let the load run so long. True as soon as it must end."""
        end = time.monotonic() + seconds
        while not self.stop.is_set() and (left_s := end - time.monotonic()) > 0.0:
            self.stop.wait(min(left_s, _SLICE_S))
            if time.monotonic() - self._heard > SILENT_S + BEAT_S:
                self.end("lost", f"The server has not answered for {SILENT_S:g} s.")
        return self.stop.is_set()

    def end(self, kind: StopKind, reason: str) -> None:
        """Now. The first reason is kept."""
        with self._lock:
            if self.stopped is None and not self.stop.is_set():
                self.stopped = Stopped(kind=kind, reason=reason)
        self.stop.set()

    def interrupted(self, error: BaseException | None) -> None:
        """By the person (KeyboardInterrupt) or the system, whose exception is another."""
        if isinstance(error, KeyboardInterrupt):
            self.end("interrupted", "Ctrl-C ended the run.")
        else:
            self.end("terminated", "SIGTERM ended the run.")

    def done(self, operations: int) -> None:
        with self._lock:
            self._done += operations

    def failed(self, error: PoolsizeError, operations: int = 1) -> None:
        """So many operations, the last of them with this error. Too many end the run at the next beat, unless the
        server is gone by then."""
        with self._lock:
            self._errors += operations
            self._last_error = error.message

    def _watch(self) -> None:
        while not self.stop.wait(BEAT_S):
            try:
                self._judge(self._beat())
            except UnreachableError as error:
                self.end("lost", f"The server is gone. {error.message}")
            except DatabaseError as error:
                self.end("late", f"The server no longer answers a trivial statement. {error.message}")

    def _beat(self) -> float:
        start = time.perf_counter()
        self._target.ping(self._connection)
        self._heard = time.monotonic()
        return time.perf_counter() - start

    def _judge(self, beat_s: float) -> None:
        self.slowest_beat_s = max(self.slowest_beat_s, beat_s)
        self._late = self._late + 1 if beat_s > max(LATE_S, LATE_FACTOR * self.usual_beat_s) else 0
        if self._late >= LATE_BEATS:
            usual = duration(self.usual_beat_s)
            self.end("late", f"A trivial statement took {duration(beat_s)}, not {usual} as before: ended for others.")
        with self._lock:
            done, errors, last = self._done, self._errors, self._last_error
        if errors >= MOST_ERRORS and errors > ERROR_SHARE * (done + errors):
            self.end("errors", f"{errors} of {done + errors} operations failed, the last so: {last}")
