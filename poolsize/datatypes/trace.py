"""Requests as they were recorded."""

from __future__ import annotations

from msgspec import Struct


class Trace(Struct, frozen=True):
    """The times at which requests came, seconds, not falling; and how long each held its connection, seconds, or None
    where only the arrivals are known."""

    arrivals_s: tuple[float, ...]
    holds_s: tuple[float, ...] | None = None
