"""One wish for a connection."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from poolsize.simulate.pools.pool import Pool


class Request:
    """What is made again after a timeout is another one."""

    __slots__ = ("arrived", "attempt", "hold_s", "is_measured", "is_waiting", "pool")

    def __init__(self, pool: Pool, hold_s: float, attempt: int, arrived: float) -> None:
        self.pool, self.hold_s, self.attempt = pool, hold_s, attempt
        self.arrived = arrived
        """When it asked its pool."""
        self.is_measured = False
        self.is_waiting = False
        """It wants a connection, has none and has not given up."""
