"""poolsize: sizes database connection pools by measurement and queueing theory, and proves the answer.

    facts = poolsize.probe("postgresql://app@db/shop")
    answer = poolsize.recommend(poolsize.Request(workers=4, rate_per_s=80, hold_s=0.02), facts)
    print(poolsize.render("sqlalchemy", answer))

    store = poolsize.open_store()  # what the command line keeps: probes and answers
    store.save(answer)
    facts = poolsize.remembered_facts(store)

The two functions stand before the packages of the same name; the rest is imported when it is asked for, so that the
command line starts fast: `poolsize.queueing.solve` and `poolsize.simulate.simulate` as well.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from poolsize._version import __version__
from poolsize.probe import probe
from poolsize.recommend import recommend

if TYPE_CHECKING:
    from poolsize.datatypes import (
        DatabaseFacts,
        Deployment,
        Finding,
        HistoryEntry,
        Quantity,
        Recommendation,
        Request,
        ServiceLevel,
        Settings,
        Unread,
        Workload,
    )
    from poolsize.errors import PoolsizeError
    from poolsize.export import render
    from poolsize.history import history_entries
    from poolsize.probe.dialect import ProbeOptions
    from poolsize.providers import provider_facts, stated_facts
    from poolsize.remembered import remembered_facts
    from poolsize.report.json import schema
    from poolsize.report.markdown import markdown
    from poolsize.request_text import parse_current, parse_surge
    from poolsize.store import Store, open_store

__all__ = [
    "DatabaseFacts",
    "Deployment",
    "Finding",
    "HistoryEntry",
    "PoolsizeError",
    "ProbeOptions",
    "Quantity",
    "Recommendation",
    "Request",
    "ServiceLevel",
    "Settings",
    "Store",
    "Unread",
    "Workload",
    "__version__",
    "history_entries",
    "markdown",
    "open_store",
    "parse_current",
    "parse_surge",
    "probe",
    "provider_facts",
    "recommend",
    "remembered_facts",
    "render",
    "schema",
    "stated_facts",
]

_ELSEWHERE = {
    "PoolsizeError": "poolsize.errors",
    "ProbeOptions": "poolsize.probe.dialect",
    "Store": "poolsize.store",
    "history_entries": "poolsize.history",
    "markdown": "poolsize.report.markdown",
    "open_store": "poolsize.store",
    "parse_current": "poolsize.request_text",
    "parse_surge": "poolsize.request_text",
    "provider_facts": "poolsize.providers",
    "remembered_facts": "poolsize.remembered",
    "render": "poolsize.export",
    "schema": "poolsize.report.json",
    "stated_facts": "poolsize.providers",
}


_PACKAGES = ("queueing", "simulate")


def __getattr__(name: str) -> Any:
    if name in _PACKAGES:
        return import_module(f"poolsize.{name}")
    if name not in __all__:
        raise AttributeError(f"module 'poolsize' has no attribute {name!r}")
    return getattr(import_module(_ELSEWHERE.get(name, "poolsize.datatypes")), name)


def __dir__() -> list[str]:
    return sorted(__all__)
