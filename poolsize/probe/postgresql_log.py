"""PostgreSQL 18's own split of a connection's set-up, from its log, where this role may read that."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from poolsize.datatypes import Unread
from poolsize.probe.postgresql_connect import DECLINED, LOGIN, TLS
from poolsize.probe.postgresql_reader import Reader
from poolsize.probe.sampling import Sample

SINCE: Final = 180000
FORK: Final = "server: fork"
AUTHENTICATION: Final = "server: authentication"
START_UP: Final = "server: start-up"

_MOST_BYTES: Final = 1_000_000
"""Of the log that is searched: a login takes some 300 bytes of it, other sessions' lines the rest."""
_PATIENCE_S: Final = 0.5
"""The server's log collector writes a line some milliseconds after the session has sent it."""
_ASK_PLACE: Final = """
SELECT file, (pg_stat_file(file)).size AS position FROM pg_current_logfile('stderr') AS file WHERE file IS NOT NULL"""
# connection ready: setup total=4.1 ms, fork=0.5 ms, authentication=2.2 ms (PostgreSQL 18, postinit.c, in any language).
# Only these numbers leave the server, not the log.
_ASK_LINES: Final = """
SELECT found[1] AS pid, found[2] AS fork_ms, found[3] AS authentication_ms
  FROM regexp_matches(pg_read_file('{file}', {position}, {most}),
                      '\\y({pids})\\y[^\\n]*=[0-9.]+ ms[^\\n=]*=([0-9.]+) ms[^\\n=]*=([0-9.]+) ms', 'g') AS found"""


class Place(NamedTuple):
    """The end of the server's log before the first sample."""

    file: str
    position: int


def place(reader: Reader, settings: Mapping[str, str]) -> Place | None:
    """None, with the reason in the reader's `unread`, where the log has no set-up times or may not be read."""
    logged = settings.get("log_connections", "")
    if settings.get("logging_collector") != "on" or not ("setup_durations" in logged or logged == "all"):
        reader.unread.append(
            Unread(
                name="connect.phases.server",
                reason="The server does not log the set-up times of its connections to a file.",
                remedy="log_connections = 'setup_durations' and logging_collector = on in postgresql.conf",
            )
        )
        return None
    remedy = "GRANT pg_monitor, and EXECUTE on pg_read_file(text, bigint, bigint) and pg_stat_file(text), to this role"
    rows = reader.attempt("connect.phases.server", _ASK_PLACE, remedy)
    found = rows[0] if rows else {}
    return Place(str(found["file"]), int(found["position"] or 0)) if found else None


def split(reader: Reader, log: Place, samples: Sequence[tuple[int, Sample]]) -> list[Sample] | None:
    """The samples, each of a server process, with the client's phases divided by the server's times; None when the
    log does not have them all."""
    statement = _ASK_LINES.format(
        file=log.file.replace("'", "''"),
        position=log.position,
        most=_MOST_BYTES,
        pids="|".join(str(pid) for pid, _ in samples),
    )
    end = time.monotonic() + _PATIENCE_S
    while True:
        rows = reader.attempt("connect.phases.server", statement)
        if rows is None:
            return None
        times = {int(row["pid"] or 0): (_seconds(row["fork_ms"]), _seconds(row["authentication_ms"])) for row in rows}
        if all(pid in times for pid, _ in samples):
            return [_divided(phases, *times[pid]) for pid, phases in samples]
        if time.monotonic() > end:
            reader.unread.append(
                Unread(name="connect.phases.server", reason="The server's log does not have the times of every sample.")
            )
            return None
        time.sleep(_PATIENCE_S / 10)


def _divided(phases: Sample, fork_s: float, authentication_s: float) -> Sample:
    """Both times pass while the client waits: the fork for the answer to its first message, which is the request for
    TLS where there is one, the authentication for the end of the login. The sum stays: what the client did not wait
    for, because the server was quicker to begin than it to ask, is cut off."""
    waiting = next((name for name in (TLS, DECLINED) if name in phases), LOGIN)
    fork_s = min(fork_s, phases[waiting])
    found: dict[str, float] = {}
    for name, spent in phases.items():
        left = spent
        if name == waiting:
            found[FORK] = fork_s
            left -= fork_s
        if name == LOGIN:
            found[AUTHENTICATION] = min(authentication_s, left)
            found[START_UP] = left - found[AUTHENTICATION]
        else:
            found[name] = left
    return found


def _seconds(milliseconds: str | None) -> float:
    return float(milliseconds or 0) / 1000
