"""How the pools open their connections to a target: named, bounded, and read-only unless writes are allowed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from poolsize.live.pools.pool import Order, Work
from poolsize.live.target import Reach, Target
from poolsize.live.verify_plan import VerifyPlan

if TYPE_CHECKING:
    from poolsize.live.target_postgresql import PostgresTarget

SLEEPS: Final = {"postgresql": "SELECT pg_sleep(%s)", "mysql": "SELECT SLEEP(%s)", "mariadb": "SELECT SLEEP(%s)"}
LEAST_TIMEOUT_S: Final = 3.0
_LONGEST_HOLD: Final = 100.0
"""Mean holds: of 10,000 exponential ones the longest lasts for ten, of lognormal ones with scv 9 for sixty."""


def statement_timeout_s(plan: VerifyPlan) -> float:
    """Beyond every hold that is drawn, since one that is cut short would be a lie about the law."""
    return max(LEAST_TIMEOUT_S, _LONGEST_HOLD * plan.hold.mean_s)


def reach_of(plan: VerifyPlan, *, allow_writes: bool) -> Reach:
    return Reach(
        allow_writes=allow_writes, statement_timeout_s=statement_timeout_s(plan), is_pooled=plan.kind.is_pooler
    )


def work_of(plan: VerifyPlan, dialect: str) -> Work:
    if plan.statement is None:
        return Work(SLEEPS[dialect], is_sleep=True)
    return Work(plan.statement, is_sleep=False)


def order_of(plan: VerifyPlan, target: Target, server_version: int) -> Order:
    """`server_version` as libpq has it, 150004; 0 where it is another's, or not known."""
    dialect = target.dsn.dialect
    work = work_of(plan, dialect)
    if dialect != "postgresql":
        return Order(lambda: _in_transaction(target), dialect, plan.settings, work)
    milliseconds = int(target.reach.statement_timeout_s * 1000)
    mode = "" if target.reach.allow_writes else " READ ONLY"
    return Order(
        lambda: _in_transaction(target),
        dialect,
        plan.settings,
        work,
        conninfo=cast("PostgresTarget", target).conninfo(),
        options={} if plan.kind.is_pooler else {"options": _session_options(target, server_version)},
        begin=f"BEGIN{mode}; SET LOCAL statement_timeout = {milliseconds}",
    )


def _in_transaction(target: Target) -> Any:
    """As applications have it: a statement begins a transaction, which the pool ends when the connection comes back."""
    connection = target.connect()
    if target.dsn.dialect == "postgresql":
        connection.autocommit = False
    else:
        connection.autocommit(False)
    return connection


def _session_options(target: Target, server_version: int) -> str:
    """libpq's `options`, which cost no round trip; over those of the DSN."""
    said = [f"-c statement_timeout={int(target.reach.statement_timeout_s * 1000)}"]
    if not target.reach.allow_writes:
        said.append("-c default_transaction_read_only=on")
    if server_version >= 140000:  # with it a server notices within a statement that its client is gone
        said.append("-c client_connection_check_interval=1000")
    given = target.dsn.options.get("options", "")
    return " ".join(filter(None, (given, *said)))
