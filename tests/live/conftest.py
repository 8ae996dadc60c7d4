"""Targets of the servers that the tests share."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from poolsize.dsn import parse
from poolsize.live.target import Reach, Target, target_of
from tests.servers import PASSWORD, MariaDbServer, PostgresServer

Make = Callable[[Reach], Target]


@pytest.fixture(params=["postgresql", "mariadb"])
def make(request: pytest.FixtureRequest) -> Make:
    """A target of one kind of server, with what it may do."""
    if request.param == "postgresql":
        postgres: PostgresServer = request.getfixturevalue("postgres15")
        dsn = postgres.dsn("scram", password=PASSWORD)
    else:
        mariadb: MariaDbServer = request.getfixturevalue("mariadb")
        dsn = mariadb.dsn()
    return lambda reach: target_of(parse(dsn), reach)
