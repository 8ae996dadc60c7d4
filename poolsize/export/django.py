"""Django's DATABASES: psycopg's pool on PostgreSQL, persistent connections where Django has no pool.

The rules are Django's own (5.1 and later, db/backends/postgresql/base.py): a pool demands CONN_MAX_AGE = 0, psycopg 3
and psycopg_pool, and checks a connection that it hands out if CONN_HEALTH_CHECKS is set.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Final

from poolsize.export.engine import BUSY_TIMEOUT_S
from poolsize.export.setup import Setup
from poolsize.export.source import Argument, comments, dictionary, number

_LIBPQ: Final = {"NAME": "dbname", "USER": "user", "PASSWORD": "password", "HOST": "host", "PORT": "port"}

_TLS_DEMANDS: Final = frozenset({"REQUIRED", "VERIFY_CA", "VERIFY_IDENTITY"})
"""What a MySQL DSN asks of TLS beyond "if the server has it", in the words of mysql and mysqlclient."""


def body(setup: Setup) -> str:
    """The imports and DATABASES, whose server, user and password come from DATABASE_URL."""
    renderers = {"postgresql": _postgresql, "mysql": _mysql, "mariadb": _mysql, "sqlite": _sqlite}
    return renderers[setup.dialect](setup)


def _module(imports: str, remarks: Iterable[str], variable: str, entries: list[Argument]) -> str:
    databases = dictionary([Argument("default", dictionary(entries, depth=1))])
    return f"import os\n{imports}\n\n{comments(remarks)}{variable}\nDATABASES = {databases}\n"


def _postgresql(setup: Setup) -> str:
    """libpq's own reader takes DATABASE_URL apart, so that whatever libpq understands reaches the server."""
    front, has_pool = setup.front, _has_pool(setup)
    entries = [
        Argument("ENGINE", '"django.db.backends.postgresql"'),
        *(Argument(key, f'database.pop("{name}", "")') for key, name in _LIBPQ.items()),
        Argument("CONN_MAX_AGE", "0", "the pool demands it" if has_pool else "a kept connection keeps a server's"),
    ]
    if front and front.shares_servers:
        entries.append(Argument("DISABLE_SERVER_SIDE_CURSORS", "True", f"{front.name}"))
    options = "database"
    if has_pool:
        entries.append(Argument("CONN_HEALTH_CHECKS", str(setup.settings.pool_pre_ping)))
        pool = Argument("pool", dictionary(_pool(setup), depth=3))
        options = f"database | {dictionary([pool], depth=2)}"
    entries.append(Argument("OPTIONS", options))
    imports = "\nfrom psycopg.conninfo import conninfo_to_dict"
    return _module(imports, _remarks(setup), f"database = conninfo_to_dict({_libpq_url(setup)})", entries)


def _has_pool(setup: Setup) -> bool:
    """Behind a PgBouncer in session mode a pool would hold a server connection for each of its own."""
    return setup.front is None or setup.front.shares_servers


def _pool(setup: Setup) -> Iterator[Argument]:
    settings = setup.settings
    if setup.worker and setup.worker.name == "celery-prefork":
        # Celery 5.7, fixups/django.py: close_pool() before and after every task of a prefork worker.
        yield Argument("min_size", "0", "Celery closes the pool after each task, and opens min_size for the next")
    else:
        yield Argument("min_size", str(settings.pool_size))
    yield Argument("max_size", str(settings.capacity))
    yield Argument("timeout", number(settings.pool_timeout_s), "seconds")
    if settings.pool_recycle_s is not None:
        yield Argument("max_lifetime", str(settings.pool_recycle_s), "seconds")


def _remarks(setup: Setup) -> Iterator[str]:
    if setup.pooler:
        yield "DATABASE_URL leads to PgBouncer here, not to the server."
    if _has_pool(setup):
        named = "The DSN names psycopg2. " if setup.driver == "psycopg2" else ""
        yield (
            f'{named}The pool needs Django 5.1 and pip install "psycopg[binary,pool]": with psycopg2 alone Django '
            "refuses it, and without a pool each thread holds a connection of its own, whatever their number."
        )
    yield from _aliases(setup)


def _libpq_url(setup: Setup) -> str:
    """Without the driver that SQLAlchemy's URLs name and libpq does not know."""
    text = 'os.environ["DATABASE_URL"]'
    return f'{text}.replace({json.dumps(f"+{setup.driver}:")}, ":", 1)' if setup.driver else text


def _mysql(setup: Setup) -> str:
    entries = [
        Argument("ENGINE", '"django.db.backends.mysql"'),
        Argument("NAME", "unquote(database.path[1:])"),
        Argument("USER", 'unquote(database.username or "")'),
        Argument("PASSWORD", 'unquote(database.password or "")'),
        Argument("HOST", 'database.hostname or ""'),
        Argument("PORT", 'str(database.port or "")'),
        *_persistence(setup),
        *_mysql_tls(setup),
    ]
    remarks = [
        "Needs mysqlclient. What follows a ? in DATABASE_URL is not read: options of the driver belong into OPTIONS.",
        *_unpooled(setup),
        *_aliases(setup),
    ]
    return _module(_URLLIB, remarks, _URL, entries)


_URLLIB: Final = "from urllib.parse import unquote, urlsplit"
_URL: Final = 'database = urlsplit(os.environ["DATABASE_URL"])'


def _mysql_tls(setup: Setup) -> Iterator[Argument]:
    """What the probed DSN asked of TLS, never less."""
    tls = setup.database.tls
    if tls and tls.requested in _TLS_DEMANDS:
        entries = [Argument("ssl_mode", f'"{tls.requested}"')]
        if tls.root and tls.root != "system":
            entries.append(Argument("ssl", f'{{"ca": {tls.root!r}}}'))
        yield Argument("OPTIONS", dictionary(entries, depth=2))


def _is_asgi(setup: Setup) -> bool:
    """Each request has a thread of its own, which ends with it."""
    return setup.worker is not None and (setup.worker.is_async or setup.worker.threads is None)


def _persistence(setup: Setup) -> Iterator[Argument]:
    """A connection a thread, kept as long as the pool would keep it. Checked always, at a ping a request, since
    nothing else finds out that the server has closed it."""
    if _is_asgi(setup):
        # Django's documentation, "Persistent connections": to be disabled under ASGI, where each request has a
        # thread of its own, which would leave its connection behind.
        yield Argument("CONN_MAX_AGE", "0", "ASGI: a kept connection would never be used again")
        return
    recycle = setup.settings.pool_recycle_s
    yield Argument("CONN_MAX_AGE", str(recycle), "seconds" if recycle is not None else "kept open")
    yield Argument("CONN_HEALTH_CHECKS", "True")


def _unpooled(setup: Setup) -> Iterator[str]:
    """What holds instead of the recommended capacity, which nothing enforces here."""
    deployment, capacity = setup.recommendation.deployment, setup.settings.capacity
    limit = f"Django has no pool for {setup.dialect}: each thread holds a connection of its own"
    if _is_asgi(setup):
        yield (
            f"{limit}, and under ASGI each request has its own. Nothing keeps a process to {capacity} but a limit on "
            "the requests that it takes at once."
        )
    elif deployment and deployment.threads and deployment.threads > capacity:
        threads = deployment.threads
        yield (
            f"{limit}, {threads} in a process and not {capacity}: at most {deployment.worst_case_sum(threads)}. "
            f"With {capacity} threads it is the sum above."
        )
    else:
        yield f"{limit}, so that the threads of a process limit its connections."


def _aliases(setup: Setup) -> Iterator[str]:
    deployment = setup.recommendation.deployment
    if deployment and deployment.pools > 1:
        yield f"For each of the {deployment.pools} databases of a process; the sum counts them all."


def _sqlite(setup: Setup) -> str:
    options = [
        Argument("transaction_mode", '"IMMEDIATE"', "so that none fails between reading and writing"),
        Argument("timeout", str(BUSY_TIMEOUT_S), "seconds to wait for a lock"),
        Argument("init_command", '"PRAGMA journal_mode=WAL"', "readers do not wait for the writer"),
    ]
    entries = [
        Argument("ENGINE", '"django.db.backends.sqlite3"'),
        Argument("NAME", "unquote(database.path[1:])"),
        *_persistence(setup),
        Argument("OPTIONS", dictionary(options, depth=2)),
    ]
    remarks = ["SQLite: one connection writes at a time, and Django has no pool for it. Needs Django 5.1."]
    return _module(_URLLIB, [*remarks, *_aliases(setup)], _URL, entries)
