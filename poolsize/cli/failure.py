"""The JSON document of a command that failed: its own, with what is known, and the error."""

from __future__ import annotations

import msgspec

from poolsize._version import __version__
from poolsize.cli.commands import COMMANDS
from poolsize.cli.masking import masked
from poolsize.datatypes import DatabaseFacts, ErrorReport
from poolsize.errors import DatabaseError, PoolsizeError
from poolsize.report.json import SCHEMAS, Document, encode


def failure_document(command: str, error: PoolsizeError) -> str:
    """`command` as the user wrote it, or empty where the arguments name none."""
    report = ErrorReport(code=error.code, message=error.message, next=error.next)
    facts = error.facts if isinstance(error, DatabaseError) else None
    return _document(command, report, facts)


def bug_document(command: str, error: Exception) -> str:
    return _document(command, ErrorReport(code="bug", message=f"This is a bug in poolsize ({type(error).__name__})."))


def _document(command: str, report: ErrorReport, facts: DatabaseFacts | None = None) -> str:
    kind = SCHEMAS[COMMANDS[command].document if command else "error"]
    if kind is DatabaseFacts and facts is not None:
        document: Document = msgspec.structs.replace(facts, error=report)
    else:
        document = kind(command=command, poolsize_version=__version__, error=report)  # type: ignore[assignment]  # every document has these, as a test holds
    return masked(encode(document))
