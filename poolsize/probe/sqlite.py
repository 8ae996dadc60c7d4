"""Probe SQLite: what opening the file costs, who has it open, and what one writer at a time means for a pool."""

from __future__ import annotations

import sqlite3
import time
from collections import Counter
from collections.abc import Collection
from contextlib import closing
from pathlib import Path
from typing import Final

import psutil

from poolsize.datatypes import DatabaseFacts, Layer, ServerTimeouts, SessionGroup, Unread, limits_of
from poolsize.dsn import Dsn
from poolsize.errors import DatabaseError, DsnError, UnreachableError
from poolsize.probe.dialect import ProbeOptions, Progress
from poolsize.probe.measuring import Run, median_time, sample_connects
from poolsize.probe.own import unmatched
from poolsize.probe.sampling import Sample
from poolsize.probe.sqlite_advice import NETWORK_FILE_SYSTEMS, advice
from poolsize.units import plural

_MAGIC: Final = b"SQLite format 3\x00"
_READ: Final = "SELECT count(*) FROM sqlite_master"


def probe(dsn: Dsn, options: ProbeOptions, on_progress: Progress) -> DatabaseFacts:
    """Read-only; a missing file is an error and never created. Raises UnreachableError or DatabaseError,
    and DsnError for a timeout that is none."""
    with Run(dsn, options, on_progress) as run:
        run.describe(server_version=sqlite3.sqlite_version, is_local=True)
        run.learn(
            limits=limits_of(
                (Layer(name="writer", limit=1, setting="SQLite lets one connection write at a time"),),
                source=run.source,
            )
        )
        path = _path(dsn)
        uri = ":memory:" if path is None else read_only_uri(path)
        try:
            _measure(run, uri, path)
        except sqlite3.Error as error:
            raise DatabaseError(f"SQLite cannot read {dsn.database}: {error}.") from None
        return run.facts


def _path(dsn: Dsn) -> Path | None:
    """The file, None for memory. Raises when it is missing, a folder, unreadable or not SQLite's."""
    name = (dsn.database or ":memory:").removeprefix("file:")
    if name in ("", ":memory:") or dsn.options.get("mode") == "memory":
        return None
    path = Path(name).absolute()
    try:
        with path.open("rb") as file:
            head = file.read(len(_MAGIC))
    except FileNotFoundError:
        raise UnreachableError(f"The SQLite file {path} does not exist, and a probe creates none.") from None
    except OSError as error:
        what = "is a folder" if path.is_dir() else f"cannot be read: {error.strerror}"
        raise UnreachableError(f"The SQLite file {path} {what}.") from None
    if head and head != _MAGIC:
        raise DatabaseError(f"The file {path} is not a SQLite database.")
    return path


def read_only_uri(path: Path) -> str:
    """The URI that opens `path` for reading and writes nothing beside it where that can be had.

    A reader of a database in WAL mode takes part in its -wal and -shm files, and makes them when they are not
    there; being read-only, it cannot remove them when it closes. They are absent only while nobody has the
    database open, with every page in the main file: then it is opened as immutable, which makes none. Should
    a writer come in that moment, the reading may fail but the file cannot be harmed. With a live -wal the file
    is never immutable, since its newest pages are not in it.
    """
    uri = path.as_uri() + "?mode=ro"
    with path.open("rb") as file:
        head = file.read(20)
    is_wal = head[18:20] == b"\x02\x02"  # SQLite file format, 1.3.3: file format version numbers
    is_closed = not path.with_name(path.name + "-wal").exists()
    return f"{uri}&immutable=1" if is_wal and is_closed else uri


def _measure(run: Run, uri: str, path: Path | None) -> None:
    timeout_s = run.options.connect_timeout_s
    sample_connects(run, lambda: _open_once(uri, timeout_s), client=f"SQLite {sqlite3.sqlite_version}")
    with closing(_connect(uri, timeout_s)) as connection:
        run.learn(
            round_trip_s=median_time(lambda: _ask(connection, "SELECT 1"), run.round_trip_deadline),
            transaction_round_trip_s=median_time(
                lambda: _ask(connection, "BEGIN", _READ, "ROLLBACK"), run.round_trip_deadline
            ),
        )
        journal = _journal_mode(connection, path)
        size = int(connection.execute("PRAGMA page_size").fetchone()[0])
        pages = int(connection.execute("PRAGMA page_count").fetchone()[0])
    busy_s = _busy_timeout_s(uri, run.dsn)
    run.learn(timeouts=ServerTimeouts(busy_s=busy_s))
    run.note(*advice(path, journal, page_size=size, pages=pages, busy_s=busy_s, file_system=file_system(path)))
    run.tell("looking for who has it open", 0.95)
    sessions, unread = open_processes(path, own=run.options.own) if path else ((), ())
    run.learn(sessions=sessions)
    run.note(*unmatched(run.options.own, {group.application or "" for group in sessions}))
    run.miss(*unread)


def _connect(uri: str, timeout_s: float) -> sqlite3.Connection:
    return sqlite3.connect(uri, uri=True, timeout=timeout_s, isolation_level=None)


def _open_once(uri: str, timeout_s: float) -> Sample:
    """Opening reads nothing yet: the first statement reads the header and the schema."""
    start = time.perf_counter()
    with closing(_connect(uri, timeout_s)) as connection:
        opened = time.perf_counter()
        connection.execute(_READ).fetchone()
        read = time.perf_counter()
    return {"open": opened - start, "first read": read - opened}


def _ask(connection: sqlite3.Connection, *statements: str) -> None:
    for statement in statements:
        connection.execute(statement).fetchall()


def _busy_timeout_s(uri: str, dsn: Dsn) -> float:
    """Of a connection as the application's own come to be: with what its URL sets, which SQLAlchemy hands on to the
    driver (its documentation, "SQLite", URI connections), or else with the driver's default."""
    stated = dsn.options.get("timeout")
    try:
        fresh = sqlite3.connect(uri, uri=True) if stated is None else _connect(uri, float(stated))
    except ValueError:
        raise DsnError("The DSN's timeout is no number of seconds.") from None
    with closing(fresh) as connection:
        return int(connection.execute("PRAGMA busy_timeout").fetchone()[0]) / 1000


def _journal_mode(connection: sqlite3.Connection, path: Path | None) -> str:
    """From the file itself for WAL: an immutable connection reports another."""
    if path is not None:
        with path.open("rb") as file:
            if file.read(20)[18:20] == b"\x02\x02":
                return "wal"
    return str(connection.execute("PRAGMA journal_mode").fetchone()[0])


def open_processes(path: Path, *, own: Collection[str] = ()) -> tuple[tuple[SessionGroup, ...], tuple[Unread, ...]]:
    """Processes that have the file open, by name, as far as this account may look; not this process. `own` are the
    names of this service's."""
    names: Counter[str] = Counter()
    hidden = 0
    wanted = str(path.resolve())
    for process in psutil.process_iter():
        if process.pid == psutil.Process().pid:
            continue
        try:
            if any(file.path == wanted for file in process.open_files()):
                names[process.name()] += 1
        except psutil.NoSuchProcess:
            continue
        except (psutil.Error, OSError):
            hidden += 1
    groups = tuple(
        SessionGroup(application=name, user=None, address=None, count=count, own=name in own)
        for name, count in names.most_common()
    )
    reason = f"The open files of {plural(hidden, 'process')} of other users cannot be read."
    return groups, (Unread(name="sessions", reason=reason, remedy="run as their user"),) if hidden else ()


def file_system(path: Path | None) -> str | None:
    """The type of the network file system that holds the file, or None."""
    if path is None:
        return None
    resolved = path.resolve()
    holding = [part for part in psutil.disk_partitions(all=True) if resolved.is_relative_to(part.mountpoint)]
    # Of two that are mounted in one place the later hides the other.
    deepest = max(reversed(holding), key=lambda part: len(part.mountpoint), default=None)
    return deepest.fstype if deepest and deepest.fstype.lower() in NETWORK_FILE_SYSTEMS else None
