"""The connections that a run of the lab has open: counted, and broken off where a server falls silent."""

from __future__ import annotations

import threading
from typing import Any

from poolsize.live.lab_tally import Tally
from poolsize.live.target import Target


class Connections:
    """Of one target and one run. Thread-safe."""

    def __init__(self, target: Target, tally: Tally) -> None:
        self._target = target
        self._tally = tally
        self._open: dict[int, Any] = {}
        self._lock = threading.Lock()

    def open(self) -> Any:
        """Raises what the target's `connect` raises."""
        connection = self._target.connect()
        with self._lock:
            self._open[id(connection)] = connection
        self._tally.connection_opened()
        return connection

    def forget(self, connection: Any) -> None:
        """It is about to be closed, by whoever closes it."""
        with self._lock:
            known = self._open.pop(id(connection), None)
        if known is not None:
            self._tally.connection_closed()

    def close(self, connection: Any) -> None:
        self.forget(connection)
        self._target.close(connection)

    def abort(self) -> None:
        """From another thread: whoever waits for the server on one of them goes on at once, with an error."""
        with self._lock:
            connections = list(self._open.values())
        for connection in connections:
            self._target.abort(connection)
