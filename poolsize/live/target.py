"""The database that load is run on: how to connect to it and run one operation, whatever its dialect."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from types import MappingProxyType
from typing import Any, Final, Protocol, cast

from poolsize.choices import not_one_of
from poolsize.dsn import Dsn
from poolsize.errors import PoolsizeError
from poolsize.probe.dialects import with_driver

STATEMENT_TIMEOUT_S: Final = 3.0
"""A server that does not notice that its client was killed works on to the end of the statement, so that this also
bounds how long a session may outlive us. Load is made of statements of milliseconds."""
CONNECT_TIMEOUT_S: Final = 5.0
"""As a probe has it."""

_MODULES: Final = MappingProxyType(
    {
        "postgresql": "poolsize.live.target_postgresql",
        "mysql": "poolsize.live.target_mysql",
        "mariadb": "poolsize.live.target_mysql",
        "sqlite": "poolsize.live.target_sqlite",
    }
)


@dataclass(frozen=True)
class Reach:
    """What load may do on a target. Seconds."""

    allow_writes: bool = False
    """Else every session and every operation is read-only, so that the server itself refuses a write."""
    statement_timeout_s: float = STATEMENT_TIMEOUT_S
    connect_timeout_s: float = CONNECT_TIMEOUT_S
    is_pooled: bool = False
    """A pooler answers: what a session is SET to would stay with a server connection that somebody else gets next,
    so that all is said in each transaction."""


class Target(Protocol):
    """One database. Safe to share among threads; each connection is one thread's at a time.

    What is raised is a child of PoolsizeError, in one sentence without a password: UnreachableError where the session
    or the server is lost, another DatabaseError for what the server refuses in a session that goes on.
    """

    dsn: Dsn
    reach: Reach

    def connect(self) -> Any:
        """A connection of the driver's: psycopg (autocommit), PyMySQL (autocommit) or sqlite3. It is named poolsize,
        has a bound on each statement, and is read-only unless writes are allowed."""

    def run(self, connection: Any, statement: str, parameters: Sequence[Any] = ()) -> None:
        """One operation: a transaction with this statement in it, all its rows fetched."""

    def ping(self, connection: Any) -> None:
        """The least that a server can be asked."""

    def close(self, connection: Any) -> None:
        """Whatever state it is in; raises nothing."""

    def abort(self, connection: Any) -> None:
        """From another thread: what waits for the server on it fails at once. It must still be closed by its own."""

    def placeholder(self, position: int) -> str:
        """How the parameter at `position`, from 1 on, is written in a statement for `run`."""

    def literal(self, text: str) -> str:
        """How the rest of a statement for `run` is written where it has parameters."""

    def explain(self, error: Exception) -> PoolsizeError:
        """A driver's exception, as what is raised here."""


def target_of(dsn: Dsn, reach: Reach | None = None) -> Target:
    """The target of a DSN; nothing is opened yet. Raises UsageError for a dialect that load is not run on,
    MissingDriverError without its driver, and DsnError for what the driver cannot read."""
    if dsn.dialect not in _MODULES:
        raise not_one_of("dialect", dsn.dialect, _MODULES)
    with_driver(dsn.dialect)
    made = import_module(_MODULES[dsn.dialect]).target(dsn, reach or Reach())  # a driver is slow to load
    return cast(Target, made)
