"""The lessons of the lab. A new one is one file and one line here."""

from __future__ import annotations

from typing import Final

from poolsize.live.lessons.lesson import Entry

_HERE: Final = "poolsize.live.lessons"
_ENTRIES: Final = (
    Entry("setup-cost", "What a connection costs, and what keeping it saves.", f"{_HERE}.setup_cost", 1, 1, 6.0),
    Entry("sizing", "What a too small and a too large pool do.", f"{_HERE}.sizing", 32, 8, 12.0),
    Entry("overflow", "What max_overflow really does under bursts.", f"{_HERE}.overflow", 10, 10, 8.0),
    Entry("timeout", "What a pool's timeout looks like, and what it changes.", f"{_HERE}.timeout", 2, 2, 8.0),
    Entry("exhaustion", "What happens at the server's limit.", f"{_HERE}.exhaustion", 0, 1, 5.0, fills_server=True),
    Entry("leak", "What a leak looks like, in the pool and from outside.", f"{_HERE}.leak", 6, 6, 8.0),
)
LESSONS: Final = {entry.name: entry for entry in _ENTRIES}
