"""What a DSN asks of libpq: its text goes there unchanged, and libpq says what it makes of it."""

from __future__ import annotations

import difflib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from poolsize.datatypes import Tls
from poolsize.dsn import ENCODE, Dsn
from poolsize.errors import DsnError, TlsError
from poolsize.probe.postgresql_libpq import OperationalError, make_conninfo, pq
from poolsize.probe.resolving import is_address

OF_OTHER_CLIENTS: Final = frozenset(
    {
        # SQLAlchemy's asyncpg dialect and asyncpg.connect
        "prepared_statement_cache_size", "prepared_statement_name_func", "async_fallback", "command_timeout",
        "timeout", "statement_cache_size", "max_cached_statement_lifetime", "max_cacheable_statement_size",
        # psycopg.connect
        "autocommit", "prepare_threshold",
        # Prisma (https://www.prisma.io/docs/orm/overview/databases/postgresql)
        "schema", "pgbouncer", "connection_limit", "pool_timeout", "socket_timeout",
        # dj-database-url
        "conn_max_age", "conn_health_checks",
    }
)  # fmt: skip
"""Arguments that tell a client how to behave and say nothing of where or how safely to connect, so that leaving
them out weakens nothing. Any other that libpq does not know is refused."""
_SYSTEM_ROOTS_SINCE: Final = 160000
"""Earlier ones take sslrootcert=system for a file's name and then, without sslmode, verify nothing."""
_ASKS_ONLY: Final = "poolsize-asks-only"
"""A value that no libpq accepts: it reads services, files and variables, and stops before it connects."""


@dataclass(frozen=True)
class Host:
    """One way to the server: a name or a socket's folder (None: libpq's default), an address, a port."""

    name: str | None
    address: str | None
    port: str

    @property
    def is_socket(self) -> bool:
        return self.address is None and (self.name is None or self.name.startswith(("/", "@")))

    @property
    def needs_resolution(self) -> bool:
        return self.address is None and self.name is not None and not self.is_socket and not is_address(self.name)

    def __str__(self) -> str:
        return f"{self.name or self.address or 'the default socket'}:{self.port}"


class Conninfo:
    """A DSN as libpq reads it. `settings` are all of libpq's, with what services, files, PG* variables and defaults
    add. Raises DsnError for what libpq cannot read, TlsError where it would verify less than was asked for."""

    def __init__(self, dsn: Dsn) -> None:
        self.ignored: tuple[str, ...] = ()
        self._given = self._parse(dsn)
        self.settings = _complete(self._given, dsn)
        self.password = self.settings.pop("password") or None
        self.hosts = _hosts(self.settings)
        if self.settings.get("sslrootcert") == "system" and pq.version() < _SYSTEM_ROOTS_SINCE:
            raise TlsError(
                f"sslrootcert=system needs libpq 16 or newer, and this is {pq.version() // 10000}: "
                "name a file of root certificates instead."
            )

    @property
    def user(self) -> str | None:
        return self.settings.get("user")

    @property
    def database(self) -> str | None:
        return self.settings.get("dbname")

    @property
    def may_be_resolved(self) -> bool:
        """Addresses may take the names' places without another meaning. With target_session_attrs or load balancing
        libpq treats the addresses of one name unlike several hosts, so that it must resolve itself."""
        plain = {None, "", "any", "disable"}
        return {self.settings.get("target_session_attrs"), self.settings.get("load_balance_hosts")} <= plain

    def text(self, hosts: Sequence[Host], **changes: str) -> str:
        """The text for libpq, with these hosts in the place of its own where they differ."""
        own = {} if list(hosts) == list(self.hosts) else _host_settings(hosts)
        return make_conninfo(**{**self._given, "application_name": "poolsize", **own, **changes})

    def tls(self, version: str | None, *, used: bool) -> Tls:
        """libpq verifies whenever there is a root certificate, whatever the mode: the one named, or else the file in
        its default place (libpq documentation, 34.19.1)."""
        root = self.settings.get("sslrootcert") or str(_default_root())
        is_verified = used and (root == "system" or Path(root).is_file())
        return Tls(
            used=used,
            requested=self.settings.get("sslmode") or "prefer",
            version=version,
            verified=is_verified,
            root=root if is_verified else None,
        )

    def _parse(self, dsn: Dsn) -> dict[str, str]:
        text, changes = dsn.reveal(), dict[str, str]()
        is_url = "://" in text
        if is_url:
            text, changes, self.ignored = _without_other_clients(dsn)
        try:
            options = pq.Conninfo.parse(text.encode())
        except OperationalError:  # its words may hold a piece of the password
            hint = ENCODE if is_url else "a value with blanks or quotes stands in single quotes"
            raise DsnError(f"libpq cannot read the DSN{_misspelt(dsn)} ({hint}).") from None
        given = {o.keyword.decode(): o.val.decode() for o in options if o.val is not None}
        if dsn.password is not None and (given.get("password") or "") != dsn.password.reveal():
            raise DsnError(f"libpq would read another password than the one in the DSN ({ENCODE}).")
        return {**given, **changes}


def _complete(given: dict[str, str], dsn: Dsn) -> dict[str, str]:
    """Every setting in force, the password with them, from a connection that libpq refuses to begin."""
    refused = pq.PGconn.connect_start(make_conninfo(**{**given, "gssencmode": _ASKS_ONLY}).encode())
    try:
        settings = {o.keyword.decode(): o.val.decode(errors="replace") for o in refused.info if o.val is not None}
        message = refused.error_message.decode(errors="replace").strip()
        settings["password"] = (refused.password or b"").decode(errors="replace")
    finally:
        refused.finish()
    if _ASKS_ONLY not in message:
        raise DsnError(f"libpq cannot use the DSN: {dsn.mask(message, settings['password']).rstrip('.')}.")
    return settings


def _hosts(settings: dict[str, str]) -> tuple[Host, ...]:
    names = (settings.get("host") or "").split(",")
    addresses = (settings.get("hostaddr") or "").split(",")
    count = max(len(names), len(addresses))
    names, addresses = [*names, *[""] * (count - len(names))], [*addresses, *[""] * (count - len(addresses))]
    ports = (settings.get("port") or "5432").split(",")
    ports = ports * count if len(ports) == 1 else ports
    return tuple(
        Host(name or None, address or None, port or "5432")
        for name, address, port in zip(names, addresses, ports, strict=False)
    )


def _host_settings(hosts: Sequence[Host]) -> dict[str, str]:
    addresses = [host.address or "" for host in hosts]
    return {
        "host": ",".join(host.name or "" for host in hosts),
        "port": ",".join(host.port for host in hosts),
        **({"hostaddr": ",".join(addresses)} if any(addresses) else {}),
    }


def _without_other_clients(dsn: Dsn) -> tuple[str, dict[str, str], tuple[str, ...]]:
    """The URL without the arguments of other clients, what replaces them, and the names of those left out.

    asyncpg's `ssl` has the values of sslmode; SQLAlchemy writes several hosts as host=a:1&host=b:2.
    """
    raw = [pair for pair in dsn.query.split("&") if pair]
    pairs = [(unquote(key), unquote(value)) for key, _, value in (pair.partition("=") for pair in raw)]
    changes = _sqlalchemy_hosts([value for key, value in pairs if key == "host"])
    if "ssl" in dsn.options and "sslmode" not in dsn.options:
        asked = dsn.options["ssl"].lower()
        changes["sslmode"] = {"true": "require", "false": "disable"}.get(asked, asked)
    gone = OF_OTHER_CLIENTS | ({"ssl"} if "sslmode" in changes else set()) | ({"host"} if "host" in changes else set())
    kept = "&".join(text for text, (key, _) in zip(raw, pairs, strict=True) if key not in gone)
    base = dsn.reveal().removesuffix(f"?{dsn.query}")
    ignored = tuple(key for key, _ in pairs if key in OF_OTHER_CLIENTS)
    return (f"{base}?{kept}" if kept else base), changes, ignored


def _sqlalchemy_hosts(given: list[str]) -> dict[str, str]:
    """host and port for libpq, where they are written as SQLAlchemy does and libpq does not."""
    if len(given) < 2 and not any(_has_port(host) for host in given):
        return {}
    parts = [host.rpartition(":") if _has_port(host) else (host, "", "") for host in given]
    return {"host": ",".join(part[0] for part in parts), "port": ",".join(part[2] for part in parts)}


def _has_port(host: str) -> bool:
    name, colon, port = host.rpartition(":")
    return bool(colon) and port.isdigit() and ":" not in name and not name.startswith("/")


def _misspelt(dsn: Dsn) -> str:
    """`: it has 'sslmod', did you mean sslmode?` Only a name close to one of libpq's is shown, since in a text that
    cannot be read any other may be a piece of the password."""
    known = [option.keyword.decode() for option in pq.Conninfo.parse(b"")]
    for name in dsn.options:
        close = difflib.get_close_matches(name, known, 1, 0.8)
        if name not in known and close:
            return f": it has '{dsn.mask(name)}', did you mean {close[0]}?"
    unknown = [name for name in dsn.options if name not in known and name not in OF_OTHER_CLIENTS]
    return ": it has an argument that libpq does not know" if unknown else ""


def _default_root() -> Path:
    if os.name == "nt":
        return Path(os.environ.get("APPDATA", "")) / "postgresql" / "root.crt"
    return Path.home() / ".postgresql" / "root.crt"
