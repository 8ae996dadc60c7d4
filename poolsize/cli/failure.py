"""The JSON document of a command that failed: its own, with what is known, and the error."""

from __future__ import annotations

import msgspec

from poolsize._version import __version__
from poolsize.cli.commands import COMMANDS
from poolsize.cli.masking import masked
from poolsize.datatypes import DatabaseFacts, ErrorReport, Recommendation
from poolsize.errors import DatabaseError, PoolsizeError
from poolsize.report.json import SCHEMAS, Document, encode


def failure_document(command: str, error: PoolsizeError) -> str:
    """`command` as the user wrote it, or empty where the arguments name none."""
    facts = error.facts if isinstance(error, DatabaseError) else None
    return encode(_document(command, report_of(error), facts))


def bug_document(command: str, error: Exception) -> str:
    report = ErrorReport(code="bug", message=f"This is a bug in poolsize ({type(error).__name__}).")
    return encode(_document(command, report))


def report_of(error: PoolsizeError) -> ErrorReport:
    """Masked before it is encoded, which might spell a password in yet another way."""
    return ErrorReport(code=error.code, message=masked(error.message), next=tuple(map(masked, error.next)))


def _document(command: str, report: ErrorReport, facts: DatabaseFacts | None = None) -> Document:
    kind = SCHEMAS[COMMANDS[command].document if command else "error"]
    if kind is DatabaseFacts and facts is not None:
        return msgspec.structs.replace(facts, error=report)
    known = {"target": facts.target, "database": facts.database} if facts and kind is Recommendation else {}
    return kind(command=command, poolsize_version=__version__, error=report, **known)  # type: ignore[return-value]  # every document has these, as a test holds
