"""Numbers that know where they came from."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Origin = Literal["measured", "observed", "stated", "upper bound", "assumed"]
"""measured: by a probe. observed: from a running system. stated: by the user. upper bound: derived from a
stated number that is at least as large. assumed: a profile's or a default."""


class Value(Struct, frozen=True, kw_only=True):
    """A base for every value that flows: immutable, named fields only, JSON and schema for free."""


class Quantity(Value, frozen=True):
    """One input of a recommendation: its value in the unit that its name states, and its origin."""

    value: float
    origin: Origin
    source: str = ""
    """Who says so: an option's name, a profile, a probe's time."""


class Unread(Value, frozen=True):
    """A fact that could not be read: its dotted name in the document, why, and what would allow it."""

    name: str
    reason: str
    remedy: str = ""


Severity = Literal["note", "warning", "blocking"]


class Finding(Value, frozen=True):
    """What is wrong, or worth knowing, about a setup: not an error of the program.

    `code` is stable: PS1xx limits and sums, PS2xx sessions and transactions, PS3xx settings and semantics,
    PS4xx the workload as given, PS5xx a dialect's own advice (SQLite, PgBouncer).
    """

    code: str
    severity: Severity
    message: str
    remedy: str = ""


class ErrorReport(Value, frozen=True):
    """A failure, as a JSON document holds it."""

    code: str
    message: str
    next: tuple[str, ...] = ()
