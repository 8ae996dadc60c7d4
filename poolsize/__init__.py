"""poolsize: sizes database connection pools by measurement and queueing theory, and proves the answer.

    facts = poolsize.probe("postgresql://app@db/shop")
    answer = poolsize.recommend(poolsize.Request(workers=4, rate_per_s=80, hold_s=0.02), facts)
    print(poolsize.render("sqlalchemy", answer))

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
    from poolsize.probe.dialect import ProbeOptions
    from poolsize.providers import provider_facts, stated_facts

__all__ = [
    "DatabaseFacts",
    "Deployment",
    "Finding",
    "PoolsizeError",
    "ProbeOptions",
    "Quantity",
    "Recommendation",
    "Request",
    "ServiceLevel",
    "Settings",
    "Unread",
    "Workload",
    "__version__",
    "probe",
    "provider_facts",
    "recommend",
    "render",
    "stated_facts",
]

_ELSEWHERE = {
    "PoolsizeError": "poolsize.errors",
    "ProbeOptions": "poolsize.probe.dialect",
    "provider_facts": "poolsize.providers",
    "render": "poolsize.export",
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
