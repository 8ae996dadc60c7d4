"""A real MariaDB with TLS."""

from __future__ import annotations

import getpass
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import quote

import pymysql

from tests.servers import process
from tests.servers.certificates import write_certificates
from tests.servers.process import PASSWORD

MAX_CONNECTIONS: Final = 40
_ACCOUNTS: Final = {"app": "", "few": "WITH MAX_USER_CONNECTIONS 3", "tls": "REQUIRE SSL"}


class MariaDbServer:
    """One running server with a database `shop` and these accounts, all with the password `password`: `app`, `few`
    (three connections at most), `tls` (with TLS only). Its certificate is for db.example.com, signed by
    `root_certificate`, unless it was started without TLS."""

    host: Final = "127.0.0.1"
    password: Final = PASSWORD

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.port = port
        self.log = folder / "server.log"
        self.root_certificate = folder / "root.crt"

    def dsn(self, user: str = "app", password: str = PASSWORD, database: str = "shop", query: str = "") -> str:
        return f"mysql://{user}:{quote(password, safe='')}@{self.host}:{self.port}/{database}{query}"

    def admin(self) -> pymysql.Connection[pymysql.cursors.Cursor]:
        return pymysql.connect(unix_socket=str(self.folder / "s"), user="root", autocommit=True)

    def run(self, *statements: str) -> None:
        with closing(self.admin()) as connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    def is_ready(self) -> bool:
        try:
            self.run("SELECT 1")
        except pymysql.MySQLError:
            return False
        return True

    def populate(self) -> None:
        password = self.password.replace("'", "''")
        self.run("CREATE DATABASE shop")
        for name, limit in _ACCOUNTS.items():
            self.run(
                f"CREATE USER {name}@'127.0.0.1' IDENTIFIED BY '{password}' {limit}",
                f"GRANT ALL ON shop.* TO {name}@'127.0.0.1'",
            )


@contextmanager
def started_mariadb(*, tls: bool = True, **settings: str | int) -> Iterator[MariaDbServer]:
    """A fresh server, stopped and removed at the end; `settings` of its command line (`general_log=1`)."""
    program = process.needed("MariaDB")
    owner = process.account("mysql")
    with process.server_folder(owner) as folder:
        server = MariaDbServer(folder, process.free_port())
        write_certificates(folder, "db.example.com")
        process.give(folder / "server.key", owner)
        running = _start(server, program, owner, settings if tls else settings | {"skip_ssl": 1})
        try:
            process.wait_until(server.is_ready, running, server.log)
            server.populate()
            yield server
        finally:
            process.end(running)


def _start(
    server: MariaDbServer, program: Path, owner: str | None, settings: Mapping[str, str | int]
) -> subprocess.Popen[bytes]:
    data, user = f"--datadir={server.folder / 'data'}", f"--user={owner or getpass.getuser()}"
    # Two servers that start at once would delete each other's temporary tables in /tmp.
    temporary = f"--tmpdir={server.folder}"
    installer = ["mariadb-install-db", "--no-defaults", data, user, temporary, "--skip-test-db"]
    process.run([*installer, "--auth-root-authentication-method=normal"], server.folder, owner)
    return process.launch(
        [program, "--no-defaults", data, user, temporary, f"--port={server.port}", f"--socket={server.folder / 's'}",
         f"--bind-address={server.host}", "--skip-name-resolve", f"--max-connections={MAX_CONNECTIONS}",
         "--innodb-flush-log-at-trx-commit=0",
         f"--ssl-cert={server.folder / 'server.crt'}", f"--ssl-key={server.folder / 'server.key'}",
         *(f"--{name.replace('_', '-')}={value}" for name, value in settings.items())],
        server.folder,
        owner,
        server.log,
    )  # fmt: skip
