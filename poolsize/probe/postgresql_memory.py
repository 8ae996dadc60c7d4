"""What one PostgreSQL connection costs the server in memory: measured where it runs here, assumed elsewhere."""

from __future__ import annotations

import time

from poolsize import host
from poolsize.datatypes import ASSUMED_MEMORY, ConnectionMemory, Unread
from poolsize.probe.measuring import SAMPLES_NEED_FREE, Run
from poolsize.probe.postgresql_connect import Connector


def read_memory(run: Run, connector: Connector) -> None:
    """Of a session that has done nothing yet, since the one that asked has filled its caches."""
    hindrance = _hindrance(run)
    if hindrance is None:
        with connector.open(run.left_s) as session:
            process = host.server_process(session.pgconn.backend_pid, name="postgres", started_at=time.time())
            found = host.private_memory_bytes(process) if process is not None else None
        if found is not None:
            source = "private memory of a fresh session's process"
            run.learn(memory=ConnectionMemory(bytes=found, origin="measured", source=source))
            return
        hindrance = (
            "This account may not read the memory of the server's processes.",
            "run the probe as the server's account or as root",
        )
    run.learn(memory=ASSUMED_MEMORY["postgresql"])
    run.miss(Unread(name="memory", reason=hindrance[0], remedy=hindrance[1]))


def _hindrance(run: Run) -> tuple[str, str] | None:
    """Why no fresh session of a process here can be had, and what would allow it."""
    if not run.database.is_local:
        return "The server's processes are not on this machine.", "run the probe on the server's machine"
    if run.database.pooler is not None:
        return "Behind a pooler no fresh session can be had.", "probe the server directly"
    if run.left_s <= 0:
        return "The time was used up.", "--budget SECONDS"
    if not run.has_free(SAMPLES_NEED_FREE, if_unknown=True):
        return "No further slot is free for it.", "probe again when fewer connections are open"
    return None
