"""Keep probes, recommendations and capacity curves, so that commands in a row know of each other.

One table of JSON documents in any database that SQLAlchemy reaches: a SQLite file in the user's state folder by
default, the URL in POOLSIZE_STORE otherwise. Documents hold masked DSNs only and no query's text, so nothing secret is
stored.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Final

import msgspec
import platformdirs
import sqlalchemy as sa
from sqlalchemy.dialects.mysql import MEDIUMTEXT
from sqlalchemy.exc import ArgumentError, DatabaseError, IntegrityError, NoSuchModuleError, SQLAlchemyError

from poolsize.datatypes import (
    Curve,
    DatabaseFacts,
    ErrorReport,
    Layer,
    Recommendation,
    Stopped,
    StoredCurve,
    StoredProbe,
    StoredRecommendation,
    with_layers,
)
from poolsize.errors import FileError

SCHEMA_VERSION: Final = 1
"""Raised with a migration when a table changes; a newer store is refused rather than misread."""
_BUSY_TIMEOUT_S: Final = 10
"""Writers of one SQLite file wait for each other; a write takes milliseconds."""
REMEMBERED: Final = timedelta(days=30)
"""How long before a probe the most `others` still count: a month holds the month's own jobs, while services that moved
away longer ago must not take room for ever."""
REMEMBERED_PROBES: Final = 500
"""As many probes of one database are looked at for that, so that a history of one a minute costs no more."""
_PAGE: Final = 20
"""Documents read at once: what `poolsize history` lists; whoever wants the newest alone reads little in vain."""
_TARGET_LENGTH: Final = 500
_SECONDS: Final = "%Y-%m-%dT%H:%M:%SZ"

_METADATA = sa.MetaData()
_SCHEMA = sa.Table("poolsize_schema", _METADATA, sa.Column("version", sa.Integer, primary_key=True))
_DOCUMENTS = sa.Table(
    "poolsize_documents",
    _METADATA,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("kind", sa.String(20), nullable=False),
    sa.Column("target", sa.String(_TARGET_LENGTH), nullable=False),
    sa.Column("saved_at", sa.String(20), nullable=False),
    # A text of 64 KB, which is MySQL's, would cut a probe with many sessions short.
    sa.Column("document", sa.Text().with_variant(MEDIUMTEXT(), "mysql", "mariadb"), nullable=False),
    # True of any rows, since `id` is: for its index, which every database makes with the table.
    sa.UniqueConstraint("kind", "target", "id"),
)


Kept = DatabaseFacts | Recommendation | Curve


class StoredDocument(msgspec.Struct, frozen=True):
    """One row of the history, decoded."""

    id: int
    kind: str
    target: str
    saved_at: str
    document: Kept


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

    def save(self, document: Kept) -> int:
        """Append a document; returns its number. The text of queries is left out: it may hold anybody's data."""
        kept = _without_queries(document)
        row = {
            "kind": document.command,
            "target": document.target[:_TARGET_LENGTH],
            "saved_at": datetime.now(UTC).strftime(_SECONDS),
            "document": msgspec.json.encode(kept).decode(),
        }
        with self._reporting("written"), self._engine.begin() as connection:
            result = connection.execute(sa.insert(_DOCUMENTS), row)
            (number,) = result.inserted_primary_key or (0,)
        return int(number)

    def latest_probe(self, target: str | None = None) -> StoredProbe | None:
        """The newest probe that reached its database (of one masked target, or of any); None when there is none."""
        for stored in self.documents(kind="probe", target=target):
            if isinstance(stored.document, DatabaseFacts) and stored.document.error is None:
                return StoredProbe(facts=self.with_highest_others(stored.document), saved_at=stored.saved_at)
        return None

    def with_highest_others(self, facts: DatabaseFacts) -> DatabaseFacts:
        """The facts of a probe, each layer with the highest `others` that it or an earlier probe saw, and when: of the
        same target with the same `own`, within `REMEMBERED` before it, and of those the last `REMEMBERED_PROBES`."""
        if facts.limits is None:
            return facts
        until = datetime.fromisoformat(facts.measured_at) if facts.measured_at else datetime.now(UTC)
        query = (
            self._newest(kind="probe", target=facts.target)
            .where(_DOCUMENTS.c.saved_at >= (until - REMEMBERED).strftime(_SECONDS))
            .limit(REMEMBERED_PROBES)
        )
        seen = [(row.saved_at, found) for row in self._rows(query) if (found := _sighting(row.document)) is not None]
        same = [(at, one) for at, one in seen if one.error is None and one.own == facts.own]
        layers = tuple(_busiest(layer, same) for layer in facts.limits.layers)
        return msgspec.structs.replace(facts, limits=with_layers(facts.limits, layers))

    def latest_recommendation(self) -> StoredRecommendation | None:
        """The newest recommendation that has settings; None when there is none."""
        for stored in self.documents(kind="recommend"):
            if isinstance(stored.document, Recommendation) and stored.document.settings is not None:
                return StoredRecommendation(recommendation=stored.document, saved_at=stored.saved_at)
        return None

    def latest_curve(self, target: str | None = None) -> StoredCurve | None:
        """The newest capacity curve that has a law (of one masked target, or of any); None when there is none."""
        for stored in self.documents(kind="curve", target=target):
            if isinstance(stored.document, Curve) and stored.document.usl is not None:
                return StoredCurve(curve=stored.document, saved_at=stored.saved_at)
        return None

    def before(self, stored: StoredDocument) -> StoredDocument | None:
        """The one before it of the same kind and target that did not fail, where there is one close by."""
        earlier = islice(self.documents(kind=stored.kind, target=stored.target, before=stored.id), _PAGE)
        return next((found for found in earlier if found.document.error is None), None)

    def documents(
        self, *, kind: str | None = None, target: str | None = None, before: int | None = None
    ) -> Iterator[StoredDocument]:
        """All documents, newest first, or those numbered below `before`; read as they are asked for. Those that a newer
        poolsize wrote in a form unknown here are left out."""
        while True:
            query = self._newest(kind=kind, target=target)
            rows = self._rows((query if before is None else query.where(_DOCUMENTS.c.id < before)).limit(_PAGE))
            for row in rows:
                document = _decode(row.kind, row.document)
                if document is not None:
                    yield StoredDocument(row.id, row.kind, row.target, row.saved_at, document)
            if len(rows) < _PAGE:
                return
            before = rows[-1].id

    def _newest(self, *, kind: str | None, target: str | None) -> sa.Select[tuple[int, str, str, str, str]]:
        query = sa.select(
            _DOCUMENTS.c.id, _DOCUMENTS.c.kind, _DOCUMENTS.c.target, _DOCUMENTS.c.saved_at, _DOCUMENTS.c.document
        ).order_by(_DOCUMENTS.c.id.desc())
        if kind is not None:
            query = query.where(_DOCUMENTS.c.kind == kind)
        if target is not None:
            query = query.where(_DOCUMENTS.c.target == target[:_TARGET_LENGTH])
        return query

    def _rows(
        self, query: sa.Select[tuple[int, str, str, str, str]]
    ) -> Sequence[sa.Row[tuple[int, str, str, str, str]]]:
        with self._reporting("read"), self._engine.connect() as connection:
            return connection.execute(query).all()

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


_TYPES: Final[dict[str, type[Kept]]] = {
    "probe": DatabaseFacts,
    "recommend": Recommendation,
    "curve": Curve,
}


def _decode(kind: str, text: str) -> Kept | None:
    try:
        return msgspec.json.decode(text, type=_TYPES[kind])
    except (KeyError, msgspec.ValidationError):
        return None


def _without_queries(document: Kept) -> Kept:
    if isinstance(document, DatabaseFacts):
        sessions = tuple(msgspec.structs.replace(group, queries=()) for group in document.sessions)
        return msgspec.structs.replace(document, sessions=sessions)
    if isinstance(document, Curve):
        # The command line has the statements too, and what the server said of one may quote it.
        stopped = document.stopped and Stopped(kind=document.stopped.kind, reason="")
        return msgspec.structs.replace(document, statements=(), reproduce="", stopped=stopped, error=None)
    return document


class _SeenLayer(msgspec.Struct):
    name: str
    others: int | None = None


class _SeenLimits(msgspec.Struct):
    layers: tuple[_SeenLayer, ...] = ()


class _Sighting(msgspec.Struct):
    """Of a stored probe as much as `others` needs: ten times faster to decode than all of it."""

    own: tuple[str, ...] = ()
    limits: _SeenLimits | None = None
    error: ErrorReport | None = None


def _sighting(text: str) -> _Sighting | None:
    try:
        return msgspec.json.decode(text, type=_Sighting)
    except msgspec.ValidationError:
        return None


def _busiest(layer: Layer, probes: Sequence[tuple[str, _Sighting]]) -> Layer:
    for at, earlier in probes:
        for seen in earlier.limits.layers if earlier.limits else ():
            if seen.name == layer.name and (seen.others or 0) > (layer.others or 0):
                layer = msgspec.structs.replace(layer, others=seen.others, others_at=at)
    return layer
