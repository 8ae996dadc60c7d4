"""The sessions that load has on a server, as the server shows them."""

from __future__ import annotations

import time

from tests.servers import PostgresServer

GONE_S = 5.0
"""How long a session may stay after its client has gone."""
_COUNT = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'poolsize%'"


def sessions(server: PostgresServer) -> int:
    ((found,),) = server.run(_COUNT)
    assert isinstance(found, int)
    return found


def assert_none_stays(server: PostgresServer) -> None:
    """Soon."""
    end = time.monotonic() + GONE_S
    while sessions(server):
        assert time.monotonic() < end
        time.sleep(0.05)
