"""Ask a real database what a connection costs, how many it allows, and who holds them."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from poolsize.datatypes import DatabaseFacts
    from poolsize.dsn import Dsn
    from poolsize.probe.dialect import ProbeOptions, Progress
    from poolsize.probe.dialects import DIALECTS

__all__ = ["DIALECTS", "ProbeOptions", "Progress", "probe"]

_WHERE = {"DIALECTS": "dialects", "ProbeOptions": "dialect", "Progress": "dialect"}


def probe(dsn: str | Dsn, options: ProbeOptions | None = None, *, on_progress: Progress | None = None) -> DatabaseFacts:
    """Measure one database within the bounds of `options` (default: about 20 s, read-only).

    `on_progress` is told what is being done and the share done, 0..1. Raises DsnError for a text that is no DSN,
    MissingDriverError when the extra is not installed, and the children of DatabaseError, which carry the facts
    known so far.
    """
    from poolsize.probe.dialects import ask  # here: `import poolsize` stays a matter of a millisecond

    return ask(dsn, options, on_progress)


def __getattr__(name: str) -> Any:
    """The other names, imported when they are asked for."""
    if name not in _WHERE:
        raise AttributeError(f"module 'poolsize.probe' has no attribute {name!r}")
    return getattr(import_module(f"poolsize.probe.{_WHERE[name]}"), name)
