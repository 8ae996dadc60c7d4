"""Recommendations made by hand, and the header that they all share."""

from __future__ import annotations

from typing import Any, Final

from poolsize.datatypes import (
    Database,
    Deployment,
    LimitCheck,
    PoolerSettings,
    Predicted,
    Quantity,
    Recommendation,
    ScopeComparison,
    Settings,
)

THREADS: Final = Deployment(processes=4, instances=2, surge=1, threads=8)
EVENT_LOOP: Final = Deployment(processes=4, instances=2, surge=1, threads=None, worker_type="uvicorn")
SHOP: Final = Database(dialect="postgresql", host="db.example.com", port=5432, name="shop", user="app")
COMMAND: Final = "poolsize recommend 'postgresql://app:***@db.example.com/shop' --workers 4 --instances 2 --rate 200"


def recommendation(**changes: Any) -> Recommendation:
    """Seven connections a pool on PostgreSQL, with a shared pooler beside it, but for the changes."""
    fields: dict[str, Any] = {
        "poolsize_version": "0.1.0",
        "made_at": "2026-11-24T21:11:22Z",
        "target": "postgresql://app:***@db.example.com/shop",
        "verdict": "fits",
        "settings": Settings(
            pool_size=5, max_overflow=2, pool_timeout_s=1.0, pool_recycle_s=1800, pool_pre_ping=True
        ),
        "deployment": THREADS,
        "database": SHOP,
        "worst_case": 84,
        "worst_case_sum": THREADS.worst_case_sum(7),
        "limits": (LimitCheck(name="server", limit=97, others=5, demand=84),),
        "binding": "server",
        "limits_source": "probe of db:5432/shop, 2 hours ago",
        "inputs": {
            "rate_per_s": Quantity(value=200, origin="stated", source="--rate"),
            "hold_s": Quantity(value=0.02, origin="assumed", source="profile web-oltp"),
        },
        "scope": shared(),
        "reproduce": COMMAND,
    }  # fmt: skip
    return Recommendation(**(fields | changes))


def shared(**changes: Any) -> ScopeComparison:
    """A pooler of 20 and 4 in reserve, eight connections to it in each application-side pool, but for the changes."""
    fields: dict[str, Any] = {
        "default_pool_size": 20,
        "min_pool_size": 5,
        "reserve_pool_size": 4,
        "reserve_pool_timeout_s": 1.0,
        "max_client_conn": 200,
        "query_wait_timeout_s": 5.0,
        "pool_mode": "transaction",
        "application": Settings(pool_size=6, max_overflow=2, pool_timeout_s=2.5),
    }
    pooler = PoolerSettings(**(fields | changes))
    return ScopeComparison(
        recommended="shared",
        reason="fewer connections",
        per_process_connections=84,
        shared_connections=pooler.default_pool_size + pooler.reserve_pool_size,
        shared_predicted=Predicted(),
        pooler=pooler,
    )


_HEADER: Final = f"""\
{{marker}} poolsize 0.1.0 for {{target}},
{{marker}}   2026-11-24T21:11:22Z. It fits: the goal is met within every limit.
{{marker}} {{sum}}
{{marker}} Binding: server, 97 connections less 5 of others (probe of db:5432/shop, 2
{{marker}}   hours ago).
{{marker}} Stated: rate 200/s (--rate).
{{marker}} Assumed: hold 20 ms (profile web-oltp).
{{marker}} Again: {COMMAND}
"""


def header(*, marker: str = "#", through_pooler: bool = False) -> str:
    """What stands above the snippet of `recommendation()`, with the empty line after it."""
    per_process = "Worst case: (2 + 1) instances × 4 processes × 1 pool × 7 = 84 connections."
    pooled = f"Through one PgBouncer: 24 server connections at most, with a pool per process\n{marker}   84."
    return (
        _HEADER.format(
            marker=marker,
            target="postgresql://app:***@db.example.com/shop",
            sum=pooled if through_pooler else per_process,
        )
        + "\n"
    )
