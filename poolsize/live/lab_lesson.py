"""Give one of the lab's lessons on a real database."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib import import_module
from typing import cast

from poolsize._version import __version__
from poolsize.choices import not_one_of
from poolsize.datatypes import DatabaseFacts, Lab, Unread
from poolsize.dsn import Dsn
from poolsize.errors import UsageError
from poolsize.live.budget import HEARTBEAT, Plan, check_open_files, connections_for_load
from poolsize.live.guard import Guard
from poolsize.live.lab import LOOK, Interrupts, server_of, target_for
from poolsize.live.lab_server import server_processes
from poolsize.live.lessons import LESSONS
from poolsize.live.lessons.lesson import Entry, Stage, Teach
from poolsize.probe.dialect import Progress
from poolsize.probe.dialects import ask


def give_lesson(
    name: str,
    dsn: Dsn,
    *,
    facts: DatabaseFacts | None = None,
    at_most: int | None = None,
    on_progress: Progress | None = None,
    interrupts: Interrupts = (KeyboardInterrupt,),
) -> Lab:
    """The lesson of that name, as a document with `lesson`; without it where it was ended before its end.

    `facts` is a probe of the database a moment ago, taken here when it is None. Nothing is asked: `lesson_plan` has
    what a person should be asked before. Raises UsageError, DsnError and the children of DatabaseError.
    """
    entry = _entry(name)
    facts = facts or ask(dsn, LOOK, None)
    connections = _connections(entry, facts, at_most)
    target = target_for(dsn, facts)
    found = server_processes(target, facts)
    processes = None if isinstance(found, Unread) else found
    lesson = None
    with Guard(target, interrupts=interrupts) as guard:
        stage = Stage(target, guard, facts, connections, processes, on_progress or (lambda _what, _share: None))
        lesson = cast(Teach, import_module(entry.module).teach)(stage)
    return Lab(
        poolsize_version=__version__,
        measured_at=datetime.now(UTC).isoformat(timespec="seconds"),
        target=dsn.masked,
        server=server_of(facts),
        free_connections=facts.limits.free_connections if facts.limits is not None else None,
        lesson=lesson,
        seen=lesson.seen if lesson is not None else "",
        stopped=guard.stopped,
    )


def lesson_plan(name: str, facts: DatabaseFacts, at_most: int | None = None) -> Plan:
    """What is told before. Raises UsageError, and TooManyConnectionsError where the database has too few."""
    entry = _entry(name)
    warning = "It opens connections until the server refuses one: others may be refused meanwhile."
    return Plan(
        what=f"the lesson {name}",
        place=facts.database.place if facts.database is not None else "this database",
        connections=_connections(entry, facts, at_most) + HEARTBEAT,
        seconds=entry.seconds,
        warning=warning if entry.fills_server else "",
    )


def _entry(name: str) -> Entry:
    if name not in LESSONS:
        raise not_one_of("lesson", name, LESSONS)
    return LESSONS[name]


def _connections(entry: Entry, facts: DatabaseFacts, at_most: int | None) -> int:
    """That it may take, beside the heartbeat's."""
    if facts.database is not None and facts.database.dialect == "sqlite":
        raise UsageError("The lessons are of a server, which SQLite has not: poolsize lab --lesson NAME needs none.")
    if facts.database is not None and facts.database.pooler is not None:
        raise UsageError("The lessons are of a server, and a pooler answers in its place: give the server's own DSN.")
    wanted = entry.connections
    if entry.fills_server:
        wanted = _all_free(entry, facts, at_most)
    allowed = connections_for_load(facts, wanted, at_most)
    if allowed < entry.fewest:
        raise UsageError(
            f"The lesson {entry.name} needs {entry.fewest} connections, and a quarter of the free ones is {allowed}: "
            f"say --at-most {entry.fewest + HEARTBEAT}, or leave the DSN out and take an embedded PostgreSQL."
        )
    check_open_files(allowed)
    return allowed


def _all_free(entry: Entry, facts: DatabaseFacts, at_most: int | None) -> int:
    free = facts.limits.free_connections if facts.limits is not None else None
    if at_most is None or free is None or at_most < free + HEARTBEAT:
        known = "all that are free" if free is None else f"all {free} free connections"
        more = "" if free is None else f" {free + HEARTBEAT}"
        raise UsageError(
            f"The lesson {entry.name} takes {known}: say --at-most{more or ' N'} if nobody else needs them, or leave "
            "the DSN out and take an embedded PostgreSQL."
        )
    return free
