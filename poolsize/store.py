"""Keep probes and recommendations, so that commands in a row know of each other.

One table of JSON documents in any database that SQLAlchemy reaches: a SQLite file in the user's state folder by
default, the URL in POOLSIZE_STORE otherwise. Documents hold masked DSNs only and no query's text, so nothing secret is
stored.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec
import platformdirs
import sqlalchemy as sa
from sqlalchemy.dialects.mysql import MEDIUMTEXT
from sqlalchemy.exc import ArgumentError, DatabaseError, IntegrityError, NoSuchModuleError, SQLAlchemyError

from poolsize.datatypes import DatabaseFacts, Layer, Recommendation, StoredProbe, StoredRecommendation, limits_of
from poolsize.errors import FileError

SCHEMA_VERSION: Final = 1
"""Raised with a migration when a table changes; a newer store is refused rather than misread."""
_BUSY_TIMEOUT_S: Final = 10
"""Writers of one SQLite file wait for each other; a write takes milliseconds."""
_SECONDS: Final = "%Y-%m-%dT%H:%M:%SZ"

_METADATA = sa.MetaData()
_SCHEMA = sa.Table("poolsize_schema", _METADATA, sa.Column("version", sa.Integer, primary_key=True))
_DOCUMENTS = sa.Table(
    "poolsize_documents",
    _METADATA,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("kind", sa.String(20), nullable=False),
    sa.Column("target", sa.String(500), nullable=False),
    sa.Column("saved_at", sa.String(20), nullable=False),
    # A text of 64 KB, which is MySQL's, would cut a probe with many sessions short.
    sa.Column("document", sa.Text().with_variant(MEDIUMTEXT(), "mysql", "mariadb"), nullable=False),
)


class StoredDocument(msgspec.Struct, frozen=True):
    """One row of the history, decoded."""

    id: int
    kind: str
    target: str
    saved_at: str
    document: DatabaseFacts | Recommendation


class Store:
    """The history. Safe with many processes at once: rows are only ever appended, each in one transaction.

    Raises FileError, with any password masked, when the store cannot be reached, read or written.
    """

    def __init__(self, url: str) -> None:
        try:
            parsed = sa.make_url(url)
            self.name = parsed.render_as_string(hide_password=True)
            arguments = {"timeout": _BUSY_TIMEOUT_S} if parsed.get_backend_name() == "sqlite" else {}
            self._engine = sa.create_engine(parsed, poolclass=sa.NullPool, connect_args=arguments)
        except (ArgumentError, NoSuchModuleError, ImportError, ValueError):  # the last for a port that is no number
            # The text itself may hold a password and could not be parsed, so it is not quoted.
            raise FileError(
                "POOLSIZE_STORE is not a URL that SQLAlchemy can open here: "
                "expected for example sqlite:////var/lib/poolsize.db, with its driver installed."
            ) from None
        with self._reporting("opened"):
            self._prepare()

    def save(self, document: DatabaseFacts | Recommendation) -> int:
        """Append a document; returns its number. The text of queries is left out: it may hold anybody's data."""
        kept = _without_queries(document) if isinstance(document, DatabaseFacts) else document
        row = {
            "kind": document.command,
            "target": document.target[:500],
            "saved_at": datetime.now(UTC).strftime(_SECONDS),
            "document": msgspec.json.encode(kept).decode(),
        }
        with self._reporting("written"), self._engine.begin() as connection:
            result = connection.execute(sa.insert(_DOCUMENTS), row)
            (number,) = result.inserted_primary_key or (0,)
        return int(number)

    def latest_probe(self, target: str | None = None) -> StoredProbe | None:
        """The newest probe that reached its database (of one masked target, or of any); None when there is none."""
        newest = next(self._probes(target), None)
        if newest is None:
            return None
        facts = _with_highest_others(newest, list(self._probes(newest.target)))
        return StoredProbe(facts=facts, saved_at=newest.saved_at)

    def latest_recommendation(self) -> StoredRecommendation | None:
        """The newest recommendation that has settings; None when there is none."""
        for stored in self.documents(kind="recommend"):
            if isinstance(stored.document, Recommendation) and stored.document.settings is not None:
                return StoredRecommendation(recommendation=stored.document, saved_at=stored.saved_at)
        return None

    def documents(self, *, kind: str | None = None, target: str | None = None) -> Iterator[StoredDocument]:
        """All documents, newest first; those that a newer poolsize wrote in a form unknown here are left out."""
        query = sa.select(_DOCUMENTS).order_by(_DOCUMENTS.c.id.desc())
        if kind is not None:
            query = query.where(_DOCUMENTS.c.kind == kind)
        if target is not None:
            query = query.where(_DOCUMENTS.c.target == target[:500])
        with self._reporting("read"), self._engine.connect() as connection:
            rows = connection.execute(query).all()
        for row in rows:
            document = _decode(row.kind, row.document)
            if document is not None:
                yield StoredDocument(row.id, row.kind, row.target, row.saved_at, document)

    def _probes(self, target: str | None) -> Iterator[StoredDocument]:
        for stored in self.documents(kind="probe", target=target):
            if isinstance(stored.document, DatabaseFacts) and stored.document.error is None:
                yield stored

    def _prepare(self) -> None:
        """Create what is missing. Two first users at once: the slower one finds the tables there, or (PostgreSQL's
        catalog race, a doubled version row) fails once and then finds them."""
        try:
            self._create()
        except (IntegrityError, DatabaseError):
            self._create()
        with self._engine.connect() as connection:
            version = connection.execute(sa.select(sa.func.max(_SCHEMA.c.version))).scalar_one()
        if version > SCHEMA_VERSION:
            raise FileError(
                f"The history {self.name} was written by a newer poolsize (schema {version}, this one knows "
                f"{SCHEMA_VERSION}): upgrade poolsize, or set POOLSIZE_STORE to another place."
            )

    def _create(self) -> None:
        if sa.inspect(self._engine).has_table(_SCHEMA.name):
            with self._engine.connect() as connection:
                if connection.execute(sa.select(_SCHEMA.c.version)).first() is not None:
                    return
        with self._engine.begin() as connection:
            for table in _METADATA.sorted_tables:
                connection.execute(sa.schema.CreateTable(table, if_not_exists=True))
            connection.execute(sa.insert(_SCHEMA), {"version": SCHEMA_VERSION})

    @contextmanager
    def _reporting(self, action: str) -> Iterator[None]:
        try:
            yield
        except SQLAlchemyError as error:
            # The driver's own sentence, without SQLAlchemy's statement and parameters (a whole document).
            reason = str(getattr(error, "orig", None) or type(error).__name__).splitlines()[0]
            raise FileError(f"The history {self.name} could not be {action}: {self._masked(reason)}.") from None

    def _masked(self, text: str) -> str:
        password = self._engine.url.password
        return text.replace(str(password), "***") if password else text


def open_store() -> Store:
    """The store of this user: POOLSIZE_STORE, else a SQLite file in the state folder, which is created."""
    url = os.environ.get("POOLSIZE_STORE")
    if url:
        return Store(url)
    folder = Path(platformdirs.user_state_dir("poolsize", appauthor=False))
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise FileError(f"The history folder {folder} cannot be created: {error.strerror}.") from None
    return Store(sa.URL.create("sqlite", database=str(folder / "history.db")).render_as_string())


_TYPES: Final[dict[str, type[DatabaseFacts] | type[Recommendation]]] = {
    "probe": DatabaseFacts,
    "recommend": Recommendation,
}


def _decode(kind: str, text: str) -> DatabaseFacts | Recommendation | None:
    try:
        return msgspec.json.decode(text, type=_TYPES[kind])
    except (KeyError, msgspec.ValidationError):
        return None


def _without_queries(facts: DatabaseFacts) -> DatabaseFacts:
    sessions = tuple(msgspec.structs.replace(group, queries=()) for group in facts.sessions)
    return msgspec.structs.replace(facts, sessions=sessions)


def _with_highest_others(newest: StoredDocument, probes: list[StoredDocument]) -> DatabaseFacts:
    """The newest facts, each layer with the highest `others` that any probe of this target saw."""
    facts = newest.document
    assert isinstance(facts, DatabaseFacts)  # noqa: S101 - _probes yields nothing else
    if facts.limits is None:
        return facts
    layers = tuple(_busiest(layer, probes) for layer in facts.limits.layers)
    limits = limits_of(
        layers,
        max_connections=facts.limits.max_connections,
        reserved_connections=facts.limits.reserved_connections,
        origin=facts.limits.origin,
        source=facts.limits.source,
    )
    return msgspec.structs.replace(facts, limits=limits)


def _busiest(layer: Layer, probes: list[StoredDocument]) -> Layer:
    for stored in probes:
        earlier = stored.document.limits if isinstance(stored.document, DatabaseFacts) else None
        for seen in earlier.layers if earlier else ():
            if seen.name == layer.name and (seen.others or 0) > (layer.others or 0):
                layer = msgspec.structs.replace(layer, others=seen.others, others_at=stored.saved_at)
    return layer
