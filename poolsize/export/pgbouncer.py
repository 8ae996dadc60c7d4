"""pgbouncer.ini for the shared pooler, with the application in front of it as comments.

Only options that the stated version knows are written, so that it starts on that version and on every later one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from poolsize.datatypes import Database, PoolerSettings, Tls
from poolsize.errors import UsageError
from poolsize.export import django, sqlalchemy
from poolsize.export.setup import OLDEST_PGBOUNCER, Front, Setup, Version
from poolsize.export.source import number, wrapped

LISTEN_PORT: Final = 6432
"""PgBouncer's own default."""
USER_LIST: Final = "/etc/pgbouncer/userlist.txt"
"""Where the packages of Debian and Red Hat look for it."""
SYSTEM_ROOTS: Final = "/etc/ssl/certs/ca-certificates.crt"
"""Debian's roots: PgBouncer needs a file where libpq takes `sslrootcert=system`."""
_TLS_MODES: Final = frozenset({"disable", "prefer", "require", "verify-ca", "verify-full"})

SERVER_LOGIN_RETRY_S: Final = 1
"""After one refused login PgBouncer opens nothing for so long. Its default of 15 s is as long as most clients wait,
so that a moment without a free slot becomes errors; a login a second is a load that any server bears."""
SERVER_IDLE_TIMEOUT_S: Final = 600
SERVER_LIFETIME_S: Final = 3600
"""PgBouncer's defaults, lowered where the server or the network ends connections sooner."""
OWN_FILES: Final = 50
"""Listening sockets, log, name resolution, the connections of auth_query and the console: PgBouncer 1.25 counts 10
(main.c, check_limits), the rest is room."""

MAX_PREPARED_STATEMENTS: Final = 200
"""PgBouncer's default since 1.24; 1.21 to 1.23 track none unless told."""
_TRACKS_STATEMENTS_SINCE: Final[Version] = (1, 21)


def body(setup: Setup) -> str:
    """The sections [databases] and [pgbouncer], then the application's side as comments."""
    pooler = setup.pooler
    assert pooler is not None  # noqa: S101 - setup_of refuses to export a pooler without its numbers
    assert setup.front is not None  # noqa: S101 - as above
    lines = [
        "[databases]",
        *_note("A pool belongs to a pair of user and database, so that each further user may hold default_pool_size "
               "more, up to max_db_connections; with user=NAME in the line there is one pool for all users."),
        *_database(setup.database),
        "",
        "[pgbouncer]",
        *_access(setup),
        *_sizes(pooler, setup.front.pool_mode),
        *_times(setup, pooler),
        *_statements(setup.front),
        "",
        *_application(setup, setup.front),
    ]  # fmt: skip
    return "".join(f"{line}\n" for line in lines)


def _note(text: str) -> list[str]:
    return wrapped(text, ";")


def _database(database: Database) -> Iterator[str]:
    host, port = database.host, database.port or 5432
    if host is None or database.pooler:
        reason = "was made through a pooler, and not the server" if database.pooler else "names no server"
        yield from _note(f"FILL IN host and port: the recommendation {reason}.")
        host, port = "127.0.0.1", 5432
    server = f"host={_quoted(host)} port={port}"
    if re.fullmatch(r"[\w.-]+", database.name or "", re.ASCII):
        yield f"{database.name} = {server} dbname={database.name}"
        return
    # PgBouncer before 1.25 reads no other letter here, and no quotes, whatever its manual says (libusual, cfparser.c).
    yield from _note("The star leads every name to the server's database of that name.")
    yield f"* = {server}"


def _quoted(value: str) -> str:
    return value if re.fullmatch(r"[\w./:-]+", value, re.ASCII) else "'" + _printable(value).replace("'", "''") + "'"


def _printable(value: str) -> str:
    if not value.isprintable():
        raise UsageError("The host or the root certificate's path holds a line break or another control character.")
    return value


def _access(setup: Setup) -> Iterator[str]:
    deployment = setup.recommendation.deployment
    if deployment and deployment.instances > 1:
        yield from _note("The application runs on several hosts: let a firewall keep the others out.")
        yield "listen_addr = *"
    else:
        yield "listen_addr = 127.0.0.1"
    yield f"listen_port = {LISTEN_PORT}"
    yield "auth_type = scram-sha-256"
    yield from _note('A line for each user: "name" "password", or the SCRAM secret from pg_authid instead of it.')
    yield f"auth_file = {USER_LIST}"
    yield from _tls(setup.database.tls)
    yield ""


def _tls(tls: Tls | None) -> Iterator[str]:
    """To the server what the DSN asked for, never less; from the application a hint, since it needs a certificate."""
    asked = tls.requested if tls and tls.requested in _TLS_MODES else "prefer"
    yield f"server_tls_sslmode = {asked}"
    if tls and asked.startswith("verify"):
        yield f"server_tls_ca_file = {SYSTEM_ROOTS if tls.root in (None, 'system') else _printable(tls.root or '')}"
    if asked not in ("disable", "prefer"):
        yield from _note(
            "The application does not reach PgBouncer encrypted. For that give PgBouncer a certificate: "
            "client_tls_sslmode = require, client_tls_key_file, client_tls_cert_file."
        )


def _sizes(pooler: PoolerSettings, pool_mode: str) -> Iterator[str]:
    servers = pooler.default_pool_size + pooler.reserve_pool_size
    yield f"pool_mode = {pool_mode}"
    yield f"default_pool_size = {pooler.default_pool_size}"
    yield f"min_pool_size = {min(pooler.min_pool_size, pooler.default_pool_size)}"
    yield f"reserve_pool_size = {pooler.reserve_pool_size}"
    if pooler.reserve_pool_size:
        yield f"reserve_pool_timeout = {number(pooler.reserve_pool_timeout_s)}"
    yield f"max_db_connections = {servers}"
    clients, pool = pooler.max_client_conn, pooler.default_pool_size
    yield from _note(
        f"Open files (ulimit -n, LimitNOFILE): PgBouncer's manual counts {clients} clients + {pool} × 1 database × "
        f"1 user = {clients + pool}. That leaves out the reserve, cancel requests (each pool may double for them) "
        f"and its own files: {clients + 2 * servers + OWN_FILES} is safe for one user."
    )
    yield f"max_client_conn = {clients}"
    yield ""


def _times(setup: Setup, pooler: PoolerSettings) -> Iterator[str]:
    limit = setup.recommendation.settings.pool_recycle_s if setup.recommendation.settings else None
    yield f"query_wait_timeout = {number(pooler.query_wait_timeout_s)}"
    yield f"server_idle_timeout = {min(SERVER_IDLE_TIMEOUT_S, limit or SERVER_IDLE_TIMEOUT_S)}"
    yield f"server_lifetime = {min(SERVER_LIFETIME_S, limit or SERVER_LIFETIME_S)}"
    yield f"server_login_retry = {SERVER_LOGIN_RETRY_S}"


def _statements(front: Front) -> Iterator[str]:
    if front.is_since(_TRACKS_STATEMENTS_SINCE):
        yield f"max_prepared_statements = {MAX_PREPARED_STATEMENTS}"
    elif front.version is None:
        oldest = ".".join(map(str, OLDEST_PGBOUNCER))
        yield from _note(f"The version is not known: this starts on {oldest} and later. On 1.21 and later add")
        yield f"; max_prepared_statements = {MAX_PREPARED_STATEMENTS}"


def _application(setup: Setup, front: Front) -> Iterator[str]:
    if front.shares_servers:
        yield from _note(
            f"In {front.pool_mode} mode nothing of a session outlives the transaction: no SET, LISTEN, temporary table "
            "or advisory lock of the session."
        )
    for title, text in (("SQLAlchemy", sqlalchemy.body(setup)), ("Django", django.body(setup))):
        yield f"; The application, with {title}:"
        yield from (f";   {line}".rstrip() for line in text.splitlines())
