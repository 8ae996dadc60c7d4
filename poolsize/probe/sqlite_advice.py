"""SQLite's advice in its own terms: one writer, WAL, the busy timeout, BEGIN IMMEDIATE."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from poolsize.datatypes import Finding
from poolsize.units import duration

NETWORK_FILE_SYSTEMS: Final = frozenset(
    {"nfs", "nfs4", "cifs", "smb", "smb2", "smb3", "smbfs", "afpfs", "9p", "fuse.sshfs", "fuse.glusterfs", "ceph"}
)


def advice(
    path: Path | None, journal: str, *, page_size: int, pages: int, busy_s: float, file_system: str | None
) -> tuple[Finding, ...]:
    """What holds for this database, the gravest last. Sizes in bytes and pages, the busy timeout in seconds."""
    if path is None:
        return (_MEMORY,)
    size = Finding(
        code="PS505",
        severity="note",
        message=f"The file holds {pages} pages of {page_size} bytes ({pages * page_size / 1e6:.1f} MB), "
        f"journal mode {journal}; a fresh connection waits up to {duration(busy_s)} for another's lock.",
    )
    found = [size, _ONE_WRITER, _IMMEDIATE]
    if journal != "wal":
        found.append(_no_wal(journal, is_network=file_system is not None))
    if file_system is not None:
        found.append(_network(file_system))
    return tuple(found)


_ONE_WRITER: Final = Finding(
    code="PS501",
    severity="note",
    message="One connection writes at a time, whatever the pool's size: more connections only help reads.",
    remedy="Give writes a pool of 1 and reads their own pool, or keep transactions that write short.",
)

_IMMEDIATE: Final = Finding(
    code="PS502",
    severity="warning",
    message="A transaction that begins by reading and then writes fails at once with 'database is locked' when "
    "another has written meanwhile (SQLITE_BUSY_SNAPSHOT, in WAL mode); the busy timeout does not help there.",
    remedy="Begin writing transactions with BEGIN IMMEDIATE, with a busy timeout: SQLAlchemy, Flask-SQLAlchemy and "
    "Django leave it at Python's 5 s unless it is set, and SQLite itself has none. "
    "SQLAlchemy and Flask-SQLAlchemy: set isolation_level=None on the 'connect' event and emit "
    'conn.exec_driver_sql("BEGIN IMMEDIATE") on the "begin" event, connect_args={"timeout": 5}. '
    'Django 5.1+: OPTIONS = {"transaction_mode": "IMMEDIATE", "timeout": 5, '
    '"init_command": "PRAGMA journal_mode=WAL"}.',
)

_MEMORY: Final = Finding(
    code="PS504",
    severity="warning",
    message="A :memory: database belongs to one connection: every other connection sees another, empty one.",
    remedy="In SQLAlchemy use StaticPool with one connection, or a file.",
)


def _no_wal(journal: str, *, is_network: bool) -> Finding:
    remedy = "PRAGMA journal_mode=WAL, once: the file remembers it."
    return Finding(
        code="PS503",
        severity="note" if is_network else "warning",
        message=f"In journal mode {journal} a commit waits for every reader, and readers wait for it.",
        remedy="WAL does not work on a network file system." if is_network else remedy,
    )


def _network(file_system: str) -> Finding:
    return Finding(
        code="PS506",
        severity="blocking",
        message=f"The file is on a network file system ({file_system}), where SQLite's locks are not reliable and "
        "WAL does not work.",
        remedy="Move it to a local disk, or use a database server.",
    )
