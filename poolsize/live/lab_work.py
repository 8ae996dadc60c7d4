"""How a request of the lab keeps a connection busy for a given time."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import MappingProxyType
from typing import Any, Final

from poolsize.live.target import Target

SLICE_S: Final = 1.0
"""A longer hold is made of statements of this length: so long may a session outlive us, and the statement timeout is
not met."""

_SLEEP: Final = MappingProxyType(
    {
        "postgresql": "SELECT pg_sleep($1)",
        "mysql": "SELECT SLEEP(%s)",
        "mariadb": "SELECT SLEEP(%s)",
        # A function of ours, and a table that every file has: only reading one begins a read transaction.
        "sqlite": "SELECT poolsize_sleep(?1), count(*) FROM sqlite_master",
    }
)


def sleeper(target: Target, hold_s: float) -> Callable[[Any], None]:
    """A function that keeps a connection of the driver's, or of a pool, at work for so long."""
    statement = _SLEEP[target.dsn.dialect]
    is_sqlite = target.dsn.dialect == "sqlite"

    def work(connection: Any) -> None:
        driver = getattr(connection, "dbapi_connection", connection)
        if is_sqlite:
            driver.create_function("poolsize_sleep", 1, _slept)
        left_s = hold_s
        while left_s > 0.0:
            target.run(driver, statement, (min(left_s, SLICE_S),))
            left_s -= SLICE_S

    return work


def _slept(seconds: float) -> float:
    time.sleep(seconds)
    return seconds
