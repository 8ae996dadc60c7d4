"""A real PostgreSQL, with roles that log in each in their own way."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final, LiteralString
from urllib.parse import quote, urlencode

import psycopg
from psycopg import sql

from poolsize.embedded.keeper import is_ready
from tests.programs import postgres_version
from tests.servers import process
from tests.servers.certificates import write_certificates
from tests.servers.process import PASSWORD

SETTINGS: Final[Mapping[str, str | int]] = {
    "max_connections": 40,
    "superuser_reserved_connections": 3,
    "shared_buffers": "16MB",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "log_connections": "on",
    "log_disconnections": "on",
}

# The first line that matches decides. There is no line for everybody, so that the server says "no pg_hba.conf
# entry ... no encryption" to `hostssl` without TLS, as a managed server does.
_LOGINS: Final = """
local     all postgres     trust
host      all trust        all trust
hostssl   all hostssl      all scram-sha-256
hostnossl all hostnossl    all scram-sha-256
host      all postgres     all scram-sha-256
host      all +by_password all scram-sha-256
local     all +by_password scram-sha-256
"""


class PostgresServer:
    """One running server with a database `app` and these roles, all with the password `password`:

    `scram` (owns `app`), `trust` (needs no password), `hostssl` (with TLS only), `hostnossl` (without TLS only), and
    the superuser `postgres`. TLS is on when `root_certificate` is not None; the server's certificate is valid
    for localhost, 127.0.0.1 and ::1.
    """

    host: Final = "127.0.0.1"
    password: Final = PASSWORD

    def __init__(self, bin_folder: Path, folder: Path, owner: str | None, *, tls: bool) -> None:
        self.bin = bin_folder
        self.version = postgres_version(bin_folder)
        """(15, 18)"""
        self.folder = folder
        self.data = folder / "data"
        self.log = folder / "server.log"
        self.port = process.free_port()
        self.root_certificate = folder / "root.crt" if tls else None
        self._owner = owner
        self._process: subprocess.Popen[bytes] | None = None

    def dsn(
        self,
        user: str,
        *,
        password: str | None = None,
        database: str = "app",
        host: str | None = None,
        **options: str | int,
    ) -> str:
        """A libpq URI, percent-encoded; `options` become its query (`sslmode="require"`)."""
        login = quote(user, safe="") + (f":{quote(password, safe='')}" if password is not None else "")
        query = f"?{urlencode(options, quote_via=quote)}" if options else ""
        return f"postgresql://{login}@{host or self.host}:{self.port}/{quote(database, safe='')}{query}"

    @property
    def admin_dsn(self) -> str:
        """The superuser's, over TCP with its password."""
        return self.dsn("postgres", password=self.password, database="postgres")

    def admin(self, database: str = "postgres") -> psycopg.Connection:
        """A superuser's connection through the socket, in autocommit."""
        return psycopg.connect(host=str(self.folder), port=self.port, user="postgres", dbname=database, autocommit=True)

    def run(self, *statements: str, database: str = "postgres") -> list[tuple[object, ...]]:
        """Run statements as superuser, each in its own transaction; the rows of the last one."""
        rows: list[tuple[object, ...]] = []
        with self.admin(database) as connection:
            for statement in statements:
                cursor = connection.execute(statement.encode())
                rows = cursor.fetchall() if cursor.description else []
        return rows

    def create_role(self, name: str, options: LiteralString = "", *, password: str = PASSWORD) -> None:
        """A role that logs in with a password; `options` as in `CONNECTION LIMIT 3`."""
        statement = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {} IN ROLE by_password " + options)
        with self.admin() as connection:
            connection.execute(statement.format(sql.Identifier(name), sql.Literal(password)))

    def create_database(self, name: str, options: LiteralString = "") -> None:
        """A database; `options` as in `OWNER scram CONNECTION LIMIT 5`."""
        with self.admin() as connection:
            connection.execute(sql.SQL("CREATE DATABASE {} " + options).format(sql.Identifier(name)))

    @property
    def pid(self) -> int:
        """The postmaster's."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it, again on the same port after `stop` or `kill`."""
        lock = self.data / "postmaster.pid"
        lock.unlink(missing_ok=True)
        self._process = process.launch([self.bin / "postgres", "-D", self.data], self.folder, self._owner, self.log)
        process.wait_until(lambda: is_ready(lock), self._process, self.log)

    def stop(self) -> None:
        """Stop it as an administrator does (fast mode): sessions are ended with FATAL 57P01."""
        if self._process is not None:
            process.end(self._process, signal.SIGINT)

    def kill(self) -> None:
        """kill -9: no word to anybody. The postmaster's shared memory, which outlives it, is removed."""
        if self._process is None or self._process.poll() is not None:
            return
        key = (self.data / "postmaster.pid").read_text().splitlines()[6].split()
        process.end(self._process, signal.SIGKILL)
        if len(key) == 2:
            subprocess.run(["ipcrm", "-m", key[1]], check=False, capture_output=True)

    def close(self) -> None:
        """Stop it at once: nobody needs its data any more."""
        if self._process is not None:
            process.end(self._process, signal.SIGQUIT)

    def create(self, settings: Mapping[str, str | int]) -> None:
        """Lay out the data folder, start, and make the roles and the database."""
        secret = self.folder / "password"
        secret.write_text(self.password)
        process.give(secret, self._owner)
        process.run(
            [self.bin / "initdb", "-D", self.data, "-U", "postgres", f"--pwfile={secret}", "-A", "scram-sha-256",
             "--no-sync", "--encoding=UTF8", "--locale=C"],
            self.folder,
            self._owner,
        )  # fmt: skip
        if self.root_certificate is not None:
            write_certificates(self.folder, "localhost", "127.0.0.1", "::1")
            process.give(self.folder / "server.key", self._owner)
        self._configure(settings)
        self.start()
        self._populate()

    def _configure(self, settings: Mapping[str, str | int]) -> None:
        own: dict[str, str | int] = {
            "port": self.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": str(self.folder),
        }
        if self.root_certificate is not None:
            own |= {
                "ssl": "on",
                "ssl_cert_file": f"{self.folder}/server.crt",
                "ssl_key_file": f"{self.folder}/server.key",
            }
        chosen = {name: str(value).replace("'", "''") for name, value in {**SETTINGS, **own, **settings}.items()}
        lines = [f"{name} = '{value}'\n" for name, value in chosen.items()]
        with (self.data / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.writelines(lines)
        (self.data / "pg_hba.conf").write_text(_LOGINS)

    def _populate(self) -> None:
        self.run("CREATE ROLE by_password NOLOGIN")
        self.create_role("scram")
        self.create_database("app", "OWNER scram")
        for name in ("trust", "hostssl", "hostnossl"):
            with self.admin() as connection:
                statement = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}")
                connection.execute(statement.format(sql.Identifier(name), sql.Literal(self.password)))


@contextmanager
def started_postgres(
    bin_folder: Path | None = None, *, tls: bool = True, **settings: str | int
) -> Iterator[PostgresServer]:
    """A fresh server, stopped and removed at the end: for a test that fills, breaks or configures it.

    `bin_folder` holds its programs (default: this machine's newest PostgreSQL); `settings` are of postgresql.conf,
    over `SETTINGS`.
    """
    programs = bin_folder or process.needed("PostgreSQL")
    owner = process.account("postgres")
    with process.server_folder(owner) as folder:
        server = PostgresServer(programs, folder, owner, tls=tls)
        try:
            server.create(settings)
            yield server
        finally:
            server.close()
