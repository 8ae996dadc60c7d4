"""What a client that makes load can do by itself."""

from __future__ import annotations

from poolsize.datatypes.quantities import Value


class ClientCeiling(Value, frozen=True):
    """Of one process. Seconds, and operations per second."""

    operations_per_s: float
    """If the database took no time at all."""
    operation_cpu_s: float
    """Of the client's processor, for one."""
    round_trip_s: float
    """One operation that asks the database for nothing, mean."""
    late_p50_s: float
    """By how much a thread that sleeps goes on too late."""
    late_p99_s: float
    clock_s: float
    """The clock's resolution."""
