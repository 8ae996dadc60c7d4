"""Targets of the servers that the tests share."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from poolsize.dsn import Dsn, parse
from poolsize.live.target import Reach, Target, target_of
from tests.servers import PASSWORD, MariaDbServer, PostgresServer

Make = Callable[[Reach], Target]


@pytest.fixture(params=["postgresql", "mariadb"])
def dsn(request: pytest.FixtureRequest) -> Dsn:
    """Of one kind of server."""
    if request.param == "postgresql":
        postgres: PostgresServer = request.getfixturevalue("postgres15")
        return parse(postgres.dsn("scram", password=PASSWORD))
    mariadb: MariaDbServer = request.getfixturevalue("mariadb")
    return parse(mariadb.dsn())


@pytest.fixture
def make(dsn: Dsn) -> Make:
    """A target of it, with what it may do."""
    return lambda reach: target_of(dsn, reach)
