"""Write a recommendation in the words of the software that will run it: frozen values in, text out, no I/O."""

from __future__ import annotations

from typing import Final

from poolsize.choices import not_one_of
from poolsize.datatypes import Recommendation
from poolsize.export import django, flask_sqlalchemy, pgbouncer, sqlalchemy
from poolsize.export.header import header
from poolsize.export.setup import setup_of
from poolsize.export.target import Target

__all__ = ["TARGETS", "Target", "render", "target_of"]

_ENTRIES = (
    Target("sqlalchemy", "SQLAlchemy", "create_engine with the pool's arguments", ".py", "#", sqlalchemy.body),
    Target("flask-sqlalchemy", "Flask-SQLAlchemy", "SQLALCHEMY_ENGINE_OPTIONS", ".py", "#", flask_sqlalchemy.body),
    Target("django", "Django", "DATABASES, with a pool where Django has one", ".py", "#", django.body),
    Target("pgbouncer", "PgBouncer", "pgbouncer.ini, and the application's side", ".ini", ";", pgbouncer.body, True),
)
TARGETS: Final = {entry.name: entry for entry in _ENTRIES}


def target_of(name: str) -> Target:
    """Its entry in TARGETS. Raises UsageError for a name that is in none, with the one that was meant."""
    if name not in TARGETS:
        raise not_one_of("export target", name, TARGETS)
    return TARGETS[name]


def render(
    target: str,
    recommendation: Recommendation,
    *,
    shared: bool = False,
    pgbouncer_version: str | tuple[int, ...] | None = None,
) -> str:
    """The whole text for one of TARGETS, with a comment that says what it follows from, and without a secret.

    `shared`: for an application in front of the shared PgBouncer instead of a pool per process on the server.
    `pgbouncer_version`: where there is a PgBouncer, its version (`1.18.0`); None: as the probe found it, else the
    oldest. Raises UsageError for an unknown target, and for a recommendation that holds nothing to export there.
    """
    entry = target_of(target)
    setup = setup_of(recommendation, shared=shared or entry.is_pooler, pgbouncer_version=pgbouncer_version)
    return f"{header(setup, entry.comment)}\n{entry.body(setup)}"
