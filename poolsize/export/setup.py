"""What a renderer reads: a recommendation, seen from the application that connects to a server or to a pooler."""

from __future__ import annotations

import re
from typing import Final

import msgspec

from poolsize.datatypes import Database, PoolerSettings, Recommendation, Settings, Value
from poolsize.errors import UsageError
from poolsize.workers import WORKER_TYPES, WorkerType

Version = tuple[int, int]

OLDEST_PGBOUNCER: Final[Version] = (1, 11)
"""The first with auth_type scram-sha-256 (PgBouncer NEWS, 1.11.0). What it knows, every later one knows."""

DEFAULT_DIALECT: Final = "postgresql"
"""Where the limits were stated without a database, as `recommend` assumes as well."""

DIALECTS: Final = ("postgresql", "mysql", "mariadb", "sqlite")
POOL_MODES: Final = ("session", "transaction", "statement")

DEFAULT_PREPARED: Final[Version] = (1, 24)
"""From here on max_prepared_statements is 200 unless somebody sets it, before it was 0 (PgBouncer NEWS, 1.24.0)."""

PREPARED: Final[Version] = (1, 22)
"""From here on a driver's prepared statements pass in transaction mode: psycopg clears its cache with DEALLOCATE
ALL, which 1.21 does not follow (psycopg's documentation, "Using prepared statements with PgBouncer")."""


class Front(Value, frozen=True):
    """The pooler that the application connects to."""

    title: str
    """PgBouncer, or `A pooler` that the probe could not name."""
    version: Version | None
    """None: not known, and taken to be the oldest."""
    pool_mode: str
    tracks_statements: bool
    """It prepares a client's statements on whichever server connection that client gets next."""

    @property
    def shares_servers(self) -> bool:
        """A server connection serves another client after each transaction, so that nothing of the session stays."""
        return self.pool_mode != "session"

    @property
    def name(self) -> str:
        """For a person: `PgBouncer 1.18 in transaction mode`."""
        version = f" {self.version[0]}.{self.version[1]}" if self.version else ""
        return f"{self.title}{version} in {self.pool_mode} mode"

    def is_since(self, version: Version) -> bool:
        """It is known to be of this version or a later one."""
        return self.version is not None and self.version >= version


class Setup(Value, frozen=True):
    """One application-side pool and what it connects to."""

    recommendation: Recommendation
    settings: Settings
    """Of one pool in one process; pool_size is at least 1."""
    dialect: str
    driver: str | None
    """As the DSN names it; None: the application's framework chooses."""
    worker: WorkerType | None
    """None: a document of another version names one that is not known here."""
    front: Front | None = None
    pooler: PoolerSettings | None = None
    """The shared pooler's own settings, where one is exported or stands in front."""

    @property
    def is_async(self) -> bool:
        """The application's own code runs on an event loop."""
        return self.worker is not None and self.worker.is_async

    @property
    def database(self) -> Database:
        return self.recommendation.database or Database(dialect=self.dialect)


def setup_of(recommendation: Recommendation, *, shared: bool, pgbouncer_version: str | tuple[int, ...] | None) -> Setup:
    """The setup with a pool per process, or with the application's pools in front of the shared pooler.

    Raises UsageError for a recommendation without settings, or without a shared pooler where one is asked for.
    """
    if recommendation.settings is None:
        raise UsageError(f"This recommendation holds no settings to export.{_why(recommendation)}")
    database, deployment = recommendation.database, recommendation.deployment
    dialect = database.dialect if database else DEFAULT_DIALECT
    if dialect not in DIALECTS:
        raise UsageError(f"Nothing can be exported for {dialect!r}, only for {', '.join(DIALECTS)}.")
    if dialect == "sqlite" and database and database.name == ":memory:":
        raise UsageError("A :memory: database belongs to one connection, so that there is no pool to export.")
    pooler = _pooler(recommendation, dialect) if shared else None
    settings = pooler.application if pooler else recommendation.settings
    return Setup(
        recommendation=recommendation,
        settings=_bounded(settings),
        dialect=dialect,
        driver=database.driver if database else None,
        worker=WORKER_TYPES.get(deployment.worker_type) if deployment else None,
        front=_front(pooler, database, pgbouncer_version),
        pooler=pooler,
    )


def _why(recommendation: Recommendation) -> str:
    return f" It says: {recommendation.error.message}" if recommendation.error else ""


def _pooler(recommendation: Recommendation, dialect: str) -> PoolerSettings:
    if dialect != "postgresql":
        raise UsageError(f"PgBouncer speaks PostgreSQL's protocol only, and this recommendation is for {dialect}.")
    if recommendation.scope is None and recommendation.database and recommendation.database.pooler:
        raise UsageError(
            "The DSN of this recommendation leads to a pooler already: for the numbers of one, make it with the DSN of "
            "the server behind it."
        )
    if recommendation.scope is None:
        raise UsageError("This recommendation holds no numbers for a shared pooler: make it again with `recommend`.")
    return recommendation.scope.pooler


def _bounded(settings: Settings) -> Settings:
    """The same capacity with a pool_size of at least 1: SQLAlchemy and PgBouncer take 0 to mean no limit."""
    if settings.capacity < 1 or settings.max_overflow < 0 or settings.pool_size < 0:
        raise UsageError(
            f"pool_size {settings.pool_size} with max_overflow {settings.max_overflow} is no bounded pool: "
            "a limit of at least one connection is needed."
        )
    if settings.pool_size:
        return settings
    return msgspec.structs.replace(settings, pool_size=1, max_overflow=settings.max_overflow - 1)


def _front(
    pooler: PoolerSettings | None, database: Database | None, stated: str | tuple[int, ...] | None
) -> Front | None:
    """The exported pooler, or the one that the probe found. What the probe could not see is taken to be the
    narrowest: the oldest version, in transaction mode."""
    found = database.pooler if database else None
    if pooler is None and found is None:
        return None
    version = _version(stated if stated is not None else found.version if found else None)
    mode = pooler.pool_mode if pooler else found.pool_mode if found else None
    front = Front(
        title="A pooler" if pooler is None and found and found.kind != "pgbouncer" else "PgBouncer",
        version=version,
        pool_mode=mode if mode in POOL_MODES else "transaction",
        tracks_statements=False,
    )
    # The exported file sets max_prepared_statements wherever there is such a setting.
    set_to = "1" if pooler else (found.settings if found else {}).get("max_prepared_statements")
    tracks = front.is_since(DEFAULT_PREPARED) if set_to is None else front.is_since(PREPARED) and set_to != "0"
    return msgspec.structs.replace(front, tracks_statements=tracks)


def _version(version: str | tuple[int, ...] | None) -> Version | None:
    """Major and minor of `1.18.0`, `PgBouncer 1.24.1` or (1, 18)."""
    if version is None:
        return None
    text = version if isinstance(version, str) else ".".join(map(str, version))
    match = re.search(r"(?<![\d.])(\d{1,3})\.(\d{1,3})(?!\d)", text)
    if match is None or (found := (int(match[1]), int(match[2]))) < OLDEST_PGBOUNCER:
        raise UsageError(f"'{text}' is not a version of PgBouncer from 1.11 on, such as 1.18.0.")
    return found
