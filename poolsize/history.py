"""The history as a list: each stored document in a line, with what changed since the one before it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from poolsize.datatypes import DatabaseFacts, HistoryEntry, Recommendation
from poolsize.store import StoredDocument

NOTEWORTHY: Final = 0.25
"""A measured time is called changed from 25 % on: the median of a probe is known to ±5 %, and the rest is the
ordinary drift of a busy server."""


def history(documents: Iterable[StoredDocument], *, limit: int | None = None) -> tuple[HistoryEntry, ...]:
    """Entries newest first, from documents newest first; at most `limit` of them, None for all."""
    listed = list(documents)
    shown = listed if limit is None else listed[:limit]
    return tuple(_entry(stored, _before(stored, listed)) for stored in shown)


def _before(stored: StoredDocument, documents: list[StoredDocument]) -> StoredDocument | None:
    same = (other for other in documents if (other.kind, other.target) == (stored.kind, stored.target))
    return next((other for other in same if other.id < stored.id), None)


def _entry(stored: StoredDocument, before: StoredDocument | None) -> HistoryEntry:
    now = _points(stored.document)
    earlier = _points(before.document) if before else {}
    return HistoryEntry(
        id=stored.id,
        kind=stored.kind,
        target=stored.target,
        saved_at=stored.saved_at,
        summary=_summary(stored.document),
        changes=_changes(earlier, now) if before else (),
    )


def _summary(document: DatabaseFacts | Recommendation) -> str:
    if document.error is not None:
        return document.error.message
    if isinstance(document, Recommendation):
        settings = document.settings
        size = f"{settings.pool_size} + {settings.max_overflow}" if settings else "no size"
        return f"{document.verdict}: {size}, worst case {document.worst_case}"
    limits, connect = document.limits, document.connect
    parts = []
    is_file = document.database is not None and document.database.dialect == "sqlite"  # whose limit is its writer
    if limits is not None and limits.available_connections is not None and not is_file:
        parts.append(f"{limits.available_connections} of {limits.usable_connections} connections available")
    if connect is not None:
        parts.append(f"a connection costs {connect.p50_s * 1000:.1f} ms")
    return ", ".join(parts) or "nothing could be read"


Point = str | float | None


def _points(document: DatabaseFacts | Recommendation) -> Mapping[str, Point]:
    """What is compared between two documents, under the name a person reads."""
    if isinstance(document, Recommendation):
        settings = document.settings
        return {
            "verdict": document.verdict,
            "pool_size": str(settings.pool_size) if settings else None,
            "max_overflow": str(settings.max_overflow) if settings else None,
            "pool_timeout": f"{settings.pool_timeout_s:g} s" if settings else None,
            "worst case": str(document.worst_case),
            "binding": document.binding,
        }
    limits, database, connect = document.limits, document.database, document.connect
    return {
        "server version": database.server_version if database else None,
        "max_connections": _text(limits.max_connections if limits else None),
        "usable": _text(limits.usable_connections if limits else None),
        "others": _text(limits.other_connections if limits else None),
        "connect p50": connect.p50_s if connect else None,
        "round trip": document.round_trip_s,
    }


def _changes(before: Mapping[str, Point], now: Mapping[str, Point]) -> tuple[str, ...]:
    return tuple(
        f"{name} {_shown(before.get(name))} → {_shown(value)}"
        for name, value in now.items()
        if _differs(before.get(name), value)
    )


def _differs(before: Point, now: Point) -> bool:
    if isinstance(before, float) and isinstance(now, float):
        return abs(now - before) > NOTEWORTHY * before
    return before != now


def _shown(value: Point) -> str:
    if isinstance(value, float):
        return f"{value * 1000:.2f} ms"
    return value or "unknown"


def _text(value: int | None) -> str | None:
    return None if value is None else str(value)
