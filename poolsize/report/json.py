"""The documents as JSON, and the JSON schema of each."""

from __future__ import annotations

from typing import Final

import msgspec

from poolsize.datatypes import (
    Curve,
    DatabaseFacts,
    ErrorReport,
    HistoryDocument,
    Lab,
    Recommendation,
    Simulation,
    Value,
    Verification,
)


class Export(Value, frozen=True):
    """The document of `poolsize export --json`."""

    schema_version: int = 1
    command: str = "export"
    poolsize_version: str = ""
    export_target: str = ""
    """The registry's name of the target: sqlalchemy, django, ..."""
    text: str | None = None
    """The snippet; None on failure."""
    file: str | None = None
    """Where it was written, None for stdout."""
    next: tuple[str, ...] = ()
    error: ErrorReport | None = None


class Demo(Value, frozen=True):
    """The document of `poolsize demo --json`: what each step gave."""

    schema_version: int = 1
    command: str = "demo"
    poolsize_version: str = ""
    probe: DatabaseFacts | None = None
    recommend: Recommendation | None = None
    exports: tuple[Export, ...] = ()
    error: ErrorReport | None = None


class Failure(Value, frozen=True):
    """What a command without a document of its own prints when it fails."""

    schema_version: int = 1
    command: str = ""
    poolsize_version: str = ""
    error: ErrorReport | None = None


Document = (
    DatabaseFacts | Recommendation | Simulation | Curve | Verification | Lab | HistoryDocument | Export | Demo | Failure
)

SCHEMAS: Final[dict[str, type[Value]]] = {
    "probe": DatabaseFacts,
    "recommend": Recommendation,
    "simulate": Simulation,
    "curve": Curve,
    "verify": Verification,
    "lab": Lab,
    "export": Export,
    "history": HistoryDocument,
    "demo": Demo,
    "error": Failure,
}
"""Name of a document -> its type. A field is added freely; renaming or removing one raises schema_version."""


def encode(document: Document) -> str:
    """The document as indented JSON. Infinite and undefined numbers become null, as JSON has neither."""
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode()


def schema(name: str) -> str:
    """The JSON schema (draft 2020-12) of one of SCHEMAS. Raises KeyError for another name."""
    document = msgspec.json.schema(SCHEMAS[name])
    identified = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": f"poolsize {name}", **document}
    return msgspec.json.format(msgspec.json.encode(identified), indent=2).decode()
