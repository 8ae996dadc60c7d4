"""Everything that can go wrong in a way a user can mend.

    PoolsizeError
    ├── UsageError               2  an argument is missing, impossible or contradicts another
    │   ├── DsnError             2  the text is not a DSN that poolsize can read
    │   └── WorkloadError        2  numbers that no workload can have
    ├── MissingDriverError       1  an extra is not installed
    ├── FileError                1  a file or the store could not be read or written
    └── DatabaseError            1  the database could not be used; carries the facts known so far
        ├── UnreachableError     1  name resolution, refused, no answer in time
        ├── AuthenticationError  1  the server said no to this user or password
        ├── TlsError             1  the TLS that was asked for could not be had
        ├── UnknownDatabaseError 1
        └── TooManyConnectionsError 1

The number is the exit code. Each message is one sentence that a user can act on and holds no password:
whoever raises with a driver's text masks it first (`Dsn.mask`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from poolsize.datatypes import DatabaseFacts


class PoolsizeError(Exception):
    """The root: one sentence, a stable `code`, an `exit_code`, and commands that make sense `next`."""

    code: ClassVar[str] = "error"
    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, next: tuple[str, ...] = ()) -> None:  # noqa: A002 - the JSON key
        super().__init__(message)
        self.message = message
        self.next = next


class UsageError(PoolsizeError):
    code = "usage"
    exit_code = 2


class DsnError(UsageError):
    code = "dsn"


class WorkloadError(UsageError):
    code = "workload"


class MissingDriverError(PoolsizeError):
    code = "missing_driver"


class FileError(PoolsizeError):
    code = "file"


class DatabaseError(PoolsizeError):
    """The database could not be used. `facts` holds what was learned before that, or None."""

    code = "database"

    def __init__(
        self,
        message: str,
        *,
        next: tuple[str, ...] = (),  # noqa: A002 - the JSON key
        facts: DatabaseFacts | None = None,
    ) -> None:
        super().__init__(message, next=next)
        self.facts = facts


class UnreachableError(DatabaseError):
    code = "unreachable"


class AuthenticationError(DatabaseError):
    code = "authentication"


class TlsError(DatabaseError):
    code = "tls"


class UnknownDatabaseError(DatabaseError):
    code = "unknown_database"


class TooManyConnectionsError(DatabaseError):
    code = "too_many_connections"
