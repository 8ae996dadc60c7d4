"""The history as a list: each stored document in a line, with what changed since the one before it."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import TYPE_CHECKING, Final, NamedTuple

from poolsize.datatypes import Curve, HistoryEntry, Quantity, Recommendation
from poolsize.units import duration, rate, size

if TYPE_CHECKING:
    from poolsize.store import Kept, Store, StoredDocument

NOTEWORTHY: Final = 0.25
"""A measured time is called changed from 25 % on: the median of a probe is known to ±5 %, and the rest is the
ordinary drift of a busy server."""


def history_entries(store: Store, *, limit: int | None = None) -> tuple[HistoryEntry, ...]:
    """Entries newest first; at most `limit` of them, None for all. Raises FileError where the store cannot be read."""
    listed = islice(store.documents(), limit)
    return tuple(_entry(one, None if one.document.error else store.before(one)) for one in listed)


def _entry(stored: StoredDocument, before: StoredDocument | None) -> HistoryEntry:
    document = stored.document
    return HistoryEntry(
        id=stored.id,
        kind=stored.kind,
        target=stored.target,
        saved_at=stored.saved_at,
        summary=_summary(document),
        changes=_changes(_points(before.document), _points(document)) if before else (),
        reproduce=document.reproduce if isinstance(document, Recommendation) else "",
    )


def _summary(document: Kept) -> str:
    if document.error is not None:
        return document.error.message
    if isinstance(document, Curve):
        return _curve_summary(document)
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


def _curve_summary(curve: Curve) -> str:
    what = "processors only" if curve.is_built_in else "own statements"
    if curve.usl is None:
        return f"{what}: too few points for a law"
    law = f"alpha {curve.usl.alpha.value:.3g}, beta {curve.usl.beta.value:.3g}"
    peak = curve.usl.peak_concurrency.value
    where = f"peak at {peak:.3g} busy connections" if peak else f"no peak up to {curve.usl.measured_up_to:.3g}"
    return f"{what}: {law}, {where}"


class Point(NamedTuple):
    """One value of a document, as a person reads it."""

    text: str
    seconds: float | None = None
    """Of a measured time, which is never twice the same."""


def _points(document: Kept) -> Mapping[str, Point | None]:
    """What is compared between two documents, under the name a person reads: of an answer first what was asked, since
    the answer to another question is another."""
    if isinstance(document, Recommendation):
        deployment, settings = document.deployment, document.settings
        return {
            "worker type": _point(deployment.worker_type if deployment else None),
            **{name: _input(name, quantity) for name, quantity in document.inputs.items()},
            "verdict": _point(document.verdict),
            "pool_size": _point(settings.pool_size if settings else None),
            "max_overflow": _point(settings.max_overflow if settings else None),
            "pool_timeout": Point(duration(settings.pool_timeout_s)) if settings else None,
            "worst case": _point(document.worst_case),
            "binding": _point(document.binding),
        }
    if isinstance(document, Curve):
        highest = max((point.throughput_per_s for point in document.points), default=None)
        return {
            "server version": _point(document.database.server_version if document.database else None),
            "statements": _point("built-in" if document.is_built_in else "own"),
            "highest throughput": None if highest is None else Point(rate(highest), 1.0 / highest),
        }
    limits, database, connect = document.limits, document.database, document.connect
    return {
        "server version": _point(database.server_version if database else None),
        "max_connections": _point(limits.max_connections if limits else None),
        "usable": _point(limits.usable_connections if limits else None),
        "others": _point(limits.other_connections if limits else None),
        "connect p50": _measured(connect.p50_s if connect else None),
        "round trip": _measured(document.round_trip_s),
    }


def _input(name: str, quantity: Quantity) -> Point:
    """The name ends with the unit."""
    value = quantity.value
    if name.endswith("_per_s"):
        return Point(rate(value))
    if name.endswith("_bytes"):
        return Point(size(value))
    if name.endswith("_s"):
        return Point(duration(value), value if quantity.origin == "measured" else None)
    return Point(f"{value:g}")


def _point(value: str | int | None) -> Point | None:
    return None if value is None else Point(str(value))


def _measured(seconds: float | None) -> Point | None:
    return None if seconds is None else Point(duration(seconds), seconds)


def _changes(before: Mapping[str, Point | None], now: Mapping[str, Point | None]) -> tuple[str, ...]:
    names = dict.fromkeys((*now, *before))
    pairs = ((name, before.get(name), now.get(name)) for name in names)
    return tuple(f"{name} {_shown(old)} → {_shown(new)}" for name, old, new in pairs if _differs(old, new))


def _differs(before: Point | None, now: Point | None) -> bool:
    if before is None or now is None or before.seconds is None or now.seconds is None:
        return (before and before.text) != (now and now.text)
    return abs(now.seconds - before.seconds) > NOTEWORTHY * before.seconds


def _shown(point: Point | None) -> str:
    return "unknown" if point is None else point.text
