"""Worker types: how many connections one process can hold at once. A new one is one value in its tuple."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from poolsize.choices import not_one_of
from poolsize.workers.frameworks import FRAMEWORKS
from poolsize.workers.jobs import JOBS
from poolsize.workers.servers import DEFAULT_THREADS, GUNICORN_GTHREAD, SERVERS
from poolsize.workers.worker_type import WorkerType

WORKER_TYPES: Final[Mapping[str, WorkerType]] = MappingProxyType(
    {worker.name: worker for worker in (*SERVERS, *FRAMEWORKS, *JOBS)}
)
DEFAULT_WORKER_TYPE: Final = GUNICORN_GTHREAD.name
"""The usual server of a synchronous application in threads, so neither the smallest nor an unbounded pool."""


def worker_type(name: str) -> WorkerType:
    """The worker type of that name. Raises UsageError with the names that there are."""
    try:
        return WORKER_TYPES[name]
    except KeyError:
        raise not_one_of("worker type", name, WORKER_TYPES) from None


__all__ = ["DEFAULT_THREADS", "DEFAULT_WORKER_TYPE", "WORKER_TYPES", "WorkerType", "worker_type"]
