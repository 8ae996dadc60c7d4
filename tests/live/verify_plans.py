"""Pools and loads that the tests run."""

from __future__ import annotations

from typing import Any

from poolsize.datatypes import Settings
from poolsize.live.verify_plan import VerifyPlan
from poolsize.queueing import Hold, Open


def pool_of(size: int, over: int = 0, timeout_s: float = 30.0) -> Settings:
    return Settings(pool_size=size, max_overflow=over, pool_timeout_s=timeout_s)


def plan(pool: str = "sqlalchemy", **changed: Any) -> VerifyPlan:
    """A pool of three that is two thirds busy, for two seconds."""
    usual: dict[str, Any] = {"settings": pool_of(3), "load": Open(100.0), "hold": Hold(0.02), "duration_s": 2.0}
    return VerifyPlan(pool=pool, **(usual | changed))
