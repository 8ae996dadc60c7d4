"""The servers that tests share, each started when the first test asks for it, once per process."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from typing import NamedTuple

import pytest
from hypothesis import settings

from tests.servers import (
    MariaDbServer,
    PgBouncerServer,
    PostgresServer,
    started_mariadb,
    started_pgbouncer,
    started_postgres,
)
from tests.servers.wheel import wheel_programs

# Other tests, and other programs, run on the same cores: how long an example takes says nothing of the code.
settings.register_profile("poolsize", deadline=None)
settings.load_profile("poolsize")


class Address(NamedTuple):
    """Where something does, or does not, listen."""

    host: str
    port: int


@pytest.fixture(scope="session")
def postgres15() -> Iterator[PostgresServer]:
    """This machine's PostgreSQL, 15 on Debian 12 and at least that elsewhere: TLS, SCRAM, trust, 40 connections.

    A test leaves it as it was: no role, database, setting or session stays.
    """
    with started_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def postgres18() -> Iterator[PostgresServer]:
    """PostgreSQL 18 of the wheel, which has no TLS."""
    with wheel_programs(18) as programs, started_postgres(programs, tls=False) as server:
        yield server


@pytest.fixture(scope="session")
def pgbouncer() -> Iterator[PgBouncerServer]:
    """In transaction mode, in front of a server of its own, since the sessions that a pooler keeps would be counted by
    the tests of `postgres15`."""
    with started_postgres(tls=False) as server, started_pgbouncer(server) as pooler:
        yield pooler


@pytest.fixture(scope="session")
def mariadb() -> Iterator[MariaDbServer]:
    with started_mariadb() as server:
        yield server


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port of 127.0.0.1 that refuses connections. It stays bound, so that nobody else comes to listen there."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


@pytest.fixture
def silent_host() -> Iterator[Address]:
    """Accepts TCP connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=512) as listening:
        yield Address(*listening.getsockname())


@pytest.fixture
def unanswering_host() -> Iterator[Address]:
    """Does not even answer a TCP connection: the queue of an unaccepting listener is full, so that the kernel drops
    what else arrives, as a firewall does."""
    with ExitStack() as opened:
        listening = opened.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        address = Address(*listening.getsockname())
        for _ in range(4):
            waiting = opened.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(address)
        with socket.socket() as probe:
            probe.settimeout(0.2)
            with pytest.raises(TimeoutError):
                probe.connect(address)
        yield address
