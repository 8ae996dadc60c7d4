"""The lab: the same requests without a pool and through one, on a real database."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final

from msgspec.structs import replace

from poolsize._version import __version__
from poolsize.datatypes import DatabaseFacts, Lab, Unread
from poolsize.dsn import Dsn
from poolsize.live.guard import Guard
from poolsize.live.lab_client import client_late_s
from poolsize.live.lab_connections import Connections
from poolsize.live.lab_half import Bench, Half
from poolsize.live.lab_plan import LabOptions, pool_for
from poolsize.live.lab_requests import Way
from poolsize.live.lab_server import server_processes
from poolsize.live.lab_ways import OwnConnections, PooledConnections
from poolsize.live.lab_words import seen, seen_of_one_writer
from poolsize.live.target import Reach, Target, target_of
from poolsize.probe.dialect import ProbeOptions, Progress
from poolsize.probe.dialects import ask

LOOK: Final = ProbeOptions(samples=1, burst=0)
"""What must be known of a database before it: who it is, and how many connections are free."""
BEYOND_SHARE: Final = 0.05
"""Of a request's life: where this machine alone makes requests so late, the times tell of it as much as of the
database."""
_TITLES: Final = {"postgresql": "PostgreSQL", "mysql": "MySQL", "mariadb": "MariaDB", "sqlite": "SQLite"}
_FIRST_SHARE: Final = 0.1
"""Of the progress, for what comes before the requests."""

Interrupts = tuple[type[BaseException], ...]


def lab(
    dsn: Dsn,
    options: LabOptions | None = None,
    *,
    facts: DatabaseFacts | None = None,
    on_progress: Progress | None = None,
    interrupts: Interrupts = (KeyboardInterrupt,),
) -> Lab:
    """The requests without a pool and through one; on SQLite, those that read and those that write, through one pool.

    `facts` is a probe of the database a moment ago, taken here when it is None. An exception of `interrupts` ends the
    run with the results so far. Nothing is asked: `plan_of` has what a person should be asked before. Raises
    UsageError, DsnError and the children of DatabaseError.
    """
    options = options or LabOptions()
    tell = on_progress or (lambda _what, _share: None)
    facts = facts or ask(dsn, LOOK, None)
    pool = pool_for(options, facts)
    tell("looking at what this machine can do by itself", 0.0)
    late_s = client_late_s(options.crowd)
    document = Lab(
        poolsize_version=__version__,
        measured_at=datetime.now(UTC).isoformat(timespec="seconds"),
        target=dsn.masked,
        server=server_of(facts),
        inputs=options.inputs(pool),
        free_connections=facts.limits.free_connections if facts.limits is not None else None,
        client_late_s=late_s,
        beyond_client=late_s > BEYOND_SHARE * options.request_time_s,
    )
    if dsn.dialect == "sqlite":
        return _of_one_writer(document, dsn, options, pool, tell, interrupts)
    return _two_ways(document, target_for(dsn, facts), options, pool, facts, tell, interrupts)


def target_for(dsn: Dsn, facts: DatabaseFacts) -> Target:
    """For statements that read."""
    is_pooled = facts.database is not None and facts.database.pooler is not None
    return target_of(dsn, Reach(is_pooled=is_pooled))


def server_of(facts: DatabaseFacts) -> str:
    """`PostgreSQL 18.0 at 127.0.0.1:5432/shop`, as far as it is known."""
    database = facts.database
    if database is None:
        return ""
    version = f" {database.server_version}" if database.server_version else ""
    return f"{_TITLES.get(database.dialect, database.dialect)}{version} at {database.place}"


def _two_ways(
    document: Lab,
    target: Target,
    options: LabOptions,
    pool: int,
    facts: DatabaseFacts,
    tell: Progress,
    interrupts: Interrupts,
) -> Lab:
    found = server_processes(target, facts)
    processes = None if isinstance(found, Unread) else found
    crowd = options.crowd
    with Guard(target, interrupts=interrupts) as guard:
        bench = Bench(target, guard, processes)
        unpooled = Half("without a pool", crowd, OwnConnections, bench, refusals_matter=False)
        pooled = Half("through the pool", crowd, _through(pool), bench, refusals_matter=True)
        _run((unpooled, pooled), guard, tell)
    return replace(
        document,
        unpooled=unpooled.result,
        pooled=pooled.result,
        seen=seen(crowd, pool, unpooled.result, pooled.result),
        stopped=guard.stopped,
        unread=(found,) if isinstance(found, Unread) else (),
    )


def _of_one_writer(
    document: Lab, dsn: Dsn, options: LabOptions, pool: int, tell: Progress, interrupts: Interrupts
) -> Lab:
    reading, writing = target_of(dsn), target_of(dsn, Reach(allow_writes=True))
    with Guard(reading, interrupts=interrupts) as guard:
        readers, writers = (
            Half(name, options.crowd, _through(pool), Bench(target, guard), refusals_matter=False)
            for name, target in (("readers", reading), ("writers", writing))
        )
        _run((readers, writers), guard, tell)
    return replace(
        document,
        readers=readers.result,
        writers=writers.result,
        seen=seen_of_one_writer(readers.result, writers.result, pool),
        stopped=guard.stopped,
    )


def _through(pool: int) -> Callable[[Connections], Way]:
    return lambda connections: PooledConnections(connections, pool)


def _run(halves: Sequence[Half], guard: Guard, tell: Progress) -> None:
    """One after the other, until the guard ends it."""
    each = (1.0 - _FIRST_SHARE) / len(halves)
    for number, half in enumerate(halves):
        begin = _FIRST_SHARE + number * each

        def told(what: str, share: float, begin: float = begin) -> None:
            tell(what, begin + share * each)

        half.run(told)
        if guard.stop.is_set():
            return
