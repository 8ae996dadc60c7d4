"""What this client can do by itself: beyond it, a measurement tells of the client and not of the database."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable
from typing import Final

from poolsize.datatypes.ceiling import ClientCeiling

TRUSTED_SHARE: Final = 0.7
"""Of the ceiling. At 70 % an operation waits for the client itself longer than the client works on it (a queue with
one server: 0.7 / 0.3 / 2 = 1.2 times, or 2.3 with exponential times), and its response time is no longer the
database's."""
_SPENT_S: Final = 0.3
"""Some hundreds of operations."""
_SLEEP_S: Final = 0.002
_THREADS: Final = 8
_SLEEPS: Final = 50


def ceiling_of(operation: Callable[[], object], *, seconds: float = _SPENT_S) -> ClientCeiling:
    """Of one process that repeats `operation`, which is as the load's but does as little as the database can be asked.

    Each takes so much of this process's processor time, whatever the database does meanwhile; Python's lock lets one
    thread of a process work at a time, so that it can make no more than fill a second.
    """
    operation()
    count, start, cpu = 0, time.perf_counter(), time.process_time()
    while (passed := time.perf_counter() - start) < seconds:
        operation()
        count += 1
    spent = max(time.process_time() - cpu, time.get_clock_info("process_time").resolution)
    late = lateness()
    return ClientCeiling(
        operations_per_s=count / spent,
        operation_cpu_s=spent / count,
        round_trip_s=passed / count,
        late_p50_s=statistics.median(late),
        late_p99_s=late[int(0.99 * len(late))],
        clock_s=time.get_clock_info("perf_counter").resolution,
    )


def lateness(threads: int = _THREADS, sleeps: int = _SLEEPS, sleep_s: float = _SLEEP_S) -> list[float]:
    """Seconds by which a thread that sleeps goes on too late, ascending: the system's timer, its scheduling and
    Python's lock among so many threads. A wait that is shorter cannot be told from none."""
    late: list[float] = []

    def sleeper() -> None:
        for _ in range(sleeps):
            start = time.perf_counter()
            time.sleep(sleep_s)
            late.append(time.perf_counter() - start - sleep_s)

    running = [threading.Thread(target=sleeper, daemon=True) for _ in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    return sorted(late)


def is_beyond(operations_per_s: float, ceiling: ClientCeiling, processes: int = 1) -> bool:
    """So many operations per second, made by so many processes, are more than this client may be trusted with."""
    return operations_per_s > TRUSTED_SHARE * ceiling.operations_per_s * processes
