"""What is assumed of a server where nobody could look."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from poolsize.datatypes.facts import ConnectionMemory

_POSTGRESQL: Final = ConnectionMemory(
    bytes=5 * 2**20,
    origin="assumed",
    source="between a fresh PostgreSQL back end, 1.5 MB private, and one that has worked, 11 MB",
)
"""PostgreSQL 15 to 18 on Linux without huge pages and with default settings; work_mem comes on top while a sort or
a hash runs."""
_MYSQL: Final = ConnectionMemory(
    bytes=3 * 2**20,
    origin="assumed",
    source="thread_stack and each buffer of a session once, MariaDB 10.11's defaults",
)
ASSUMED_MEMORY: Final[Mapping[str, ConnectionMemory]] = MappingProxyType(
    {"postgresql": _POSTGRESQL, "mysql": _MYSQL, "mariadb": _MYSQL}
)
"""By dialect; SQLite has no server."""
