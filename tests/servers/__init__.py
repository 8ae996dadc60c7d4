"""Real servers for the tests, each in a temporary folder and on a port of its own.

Fixtures for them are in `tests/conftest.py`; a test that breaks, fills or configures a server starts its own with
`started_postgres`, `started_pgbouncer`, `started_pgbouncer_with` or `started_mariadb`.
"""

from tests.servers.mariadb import MariaDbServer, started_mariadb
from tests.servers.pgbouncer import PgBouncerServer, started_pgbouncer, started_pgbouncer_with
from tests.servers.postgres import PostgresServer, started_postgres
from tests.servers.process import PASSWORD

__all__ = [
    "PASSWORD",
    "MariaDbServer",
    "PgBouncerServer",
    "PostgresServer",
    "started_mariadb",
    "started_pgbouncer",
    "started_pgbouncer_with",
    "started_postgres",
]
