"""The two ways in which a request of the lab gets its connection: one of its own, or one of a pool's."""

from __future__ import annotations

from typing import Any, Final

from poolsize.live.lab_connections import Connections

POOL_TIMEOUT_S: Final = 30.0
"""SQLAlchemy's default."""


class OwnConnections:
    """As an application without a pool does it: a request opens a connection when it needs one, and keeps it."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def take(self) -> Any:
        return self._connections.open()

    def after_query(self, connection: Any) -> bool:  # noqa: ARG002 - it is kept
        return False

    def after_request(self, connection: Any) -> None:
        self._connections.close(connection)

    def close(self) -> None:
        """Each request has closed its own."""


class PooledConnections:
    """SQLAlchemy's QueuePool. It opens connections when they are needed, and keeps `size` of them."""

    def __init__(
        self, connections: Connections, size: int, *, max_overflow: int = 0, timeout_s: float = POOL_TIMEOUT_S
    ) -> None:
        from sqlalchemy import event  # here: it takes a tenth of a second to load
        from sqlalchemy.pool import QueuePool

        self.pool = QueuePool(connections.open, pool_size=size, max_overflow=max_overflow, timeout=timeout_s)
        event.listen(self.pool, "close", lambda connection, _record: connections.forget(connection))

    def take(self) -> Any:
        """What is under it is its `dbapi_connection`."""
        return self.pool.connect()

    def after_query(self, connection: Any) -> bool:
        connection.close()
        return True

    def after_request(self, connection: Any) -> None:
        """It has given it back."""

    def close(self) -> None:
        self.pool.dispose()


def reason_of(error: Exception) -> str:
    """What a pool's own timeout says, without the address of a page that SQLAlchemy adds."""
    return str(error).partition(" (Background on")[0]
