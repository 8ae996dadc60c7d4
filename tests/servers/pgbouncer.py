"""A real PgBouncer in front of a real PostgreSQL."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import quote

from tests.servers import process
from tests.servers.postgres import PostgresServer
from tests.servers.process import PASSWORD

SETTINGS: Final[Mapping[str, str | int]] = {
    "pool_mode": "transaction",
    "auth_type": "scram-sha-256",
    "admin_users": "pooler_admin",
    "stats_users": "pooler_stats",
    "max_client_conn": 100,
    "default_pool_size": 5,
}
_USERS: Final = ("scram", "trust", "postgres", "pooler_admin", "pooler_stats")


class PgBouncerServer:
    """One running PgBouncer. `scram`, `trust` and `postgres` reach the server behind it; `pooler_admin` and
    `pooler_stats` may use the console. Everybody's password is `password`."""

    host: Final = "127.0.0.1"
    password: Final = PASSWORD

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.port = port
        self.log = folder / "pgbouncer.log"

    def dsn(self, user: str = "scram", *, password: str | None = PASSWORD, database: str = "app") -> str:
        """A libpq URI, percent-encoded; with database "pgbouncer" it leads to the console."""
        login = user if password is None else f"{user}:{quote(password, safe='')}"
        return f"postgresql://{login}@{self.host}:{self.port}/{database}"

    @property
    def admin_dsn(self) -> str:
        """The console, with every right."""
        return self.dsn("pooler_admin", database="pgbouncer")

    @property
    def stats_dsn(self) -> str:
        """The console, with the right to look."""
        return self.dsn("pooler_stats", database="pgbouncer")


@contextmanager
def started_pgbouncer(server: PostgresServer, **settings: str | int) -> Iterator[PgBouncerServer]:
    """A PgBouncer in front of `server` for every database; `settings` of its ini, over `SETTINGS`."""
    lines = [f"{name} = {value}" for name, value in {**SETTINGS, **settings}.items()]
    target = f"[databases]\n* = host={server.host} port={server.port}\n"
    with started_pgbouncer_with(target + "\n".join(["[pgbouncer]", *lines]) + "\n") as pooler:
        yield pooler


@contextmanager
def started_pgbouncer_with(ini: str, *, users: Mapping[str, str] | None = None) -> Iterator[PgBouncerServer]:
    """A PgBouncer with this ini, as it stands but for what belongs to the test: the port, the folder of sockets,
    the log and the file of users are set at the end of its section [pgbouncer]. `users`: name to password."""
    program = process.needed("PgBouncer")
    owner = process.account("postgres")
    with process.server_folder(owner) as folder:
        pooler = PgBouncerServer(folder, process.free_port())
        (folder / "users.txt").write_text(_user_list(users or dict.fromkeys(_USERS, PASSWORD)), encoding="utf-8")
        (folder / "pgbouncer.ini").write_text(
            _with_own_places(ini, listen_addr=pooler.host, listen_port=pooler.port, unix_socket_dir=folder,
                             auth_file=folder / "users.txt", logfile="", pidfile=""),
            encoding="utf-8",
        )  # fmt: skip
        running = process.launch([program, folder / "pgbouncer.ini"], folder, owner, pooler.log)
        try:
            process.wait_until(lambda: process.listens(pooler.port), running, pooler.log)
            yield pooler
        finally:
            process.end(running, signal.SIGKILL)  # from 1.23 on, SIGTERM waits for the last client to go


def _with_own_places(ini: str, **own: object) -> str:
    """Within the section, since PgBouncer resets all its settings where a section begins a second time."""
    before, header, rest = ini.partition("[pgbouncer]\n")
    assert header, "the ini has no section [pgbouncer]"
    section, following, after = rest.partition("\n[")
    lines = "".join(f"{name} = {value}\n" for name, value in own.items())
    return f"{before}{header}{section.rstrip()}\n{lines}{following}{after}"


def _user_list(users: Mapping[str, str]) -> str:
    return "".join(f'"{name}" "{password.replace(chr(34), chr(34) * 2)}"\n' for name, password in users.items())
