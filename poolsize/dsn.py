"""Read a DSN once, and keep its password out of everything that a person or a file gets to see."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final, TextIO
from urllib.parse import SplitResult, quote, quote_plus, unquote, urlsplit

from poolsize.errors import DsnError, FileError

MASK: Final = "***"

SCHEMES: Final[Mapping[str, str]] = {
    "postgresql": "postgresql",
    "postgres": "postgresql",
    "pgbouncer": "postgresql",
    "mysql": "mysql",
    "mariadb": "mariadb",
    "sqlite": "sqlite",
}

# Keywords that tell a libpq conninfo string from a stray word; libpq itself judges the rest.
_CONNINFO = re.compile(r"^\s*[a-z_]+\s*=", re.IGNORECASE)
_CONNINFO_PAIR = re.compile(r"([a-z_]+)\s*=\s*('(?:[^'\\]|\\.)*'|(?:[^\s\\]|\\.)*)", re.IGNORECASE)
_SECRET_KEYS: Final = frozenset({"password", "passwd", "pwd", "sslpassword", "oauth_client_secret"})


class Dsn:
    """A parsed DSN. `str` and `repr` are masked; only `reveal` gives the text with its secrets, to a driver.

    `host`, `port`, `user` and `database` are what the text says, None where it leaves them to the client
    library (a service file, PG* variables, defaults).
    """

    __slots__ = (
        "_secrets",
        "_text",
        "database",
        "dialect",
        "driver",
        "host",
        "masked",
        "options",
        "password",
        "port",
        "user",
    )

    def __init__(
        self,
        text: str,
        *,
        dialect: str,
        driver: str | None = None,
        host: str | None = None,
        port: int | None = None,
        user: str | None = None,
        password: Secret | None = None,
        database: str | None = None,
        options: Mapping[str, str] | None = None,
        secrets: frozenset[str] = frozenset(),
    ) -> None:
        self._text = text
        self.dialect = dialect
        self.driver = driver
        self.host = host
        self.port = port
        self.user = user
        self.password = password
        self.database = database
        self.options = dict(options or {})
        self._secrets = _spellings(secrets)
        self.masked = self.mask(_mask_fields(text))

    def reveal(self) -> str:
        """The text as the driver wants it, secrets included. Never print it."""
        return self._text

    def mask(self, text: str) -> str:
        """`text` (a driver's message, say) with every spelling of this DSN's secrets replaced."""
        for spelling in self._secrets:
            text = text.replace(spelling, MASK)
        return text

    def __repr__(self) -> str:
        return f"Dsn({self.masked!r})"

    __str__ = __repr__


class Secret:
    """A password that does not print itself, not even in a traceback with local variables."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return MASK

    __str__ = __repr__


def read_argument(
    argument: str | None, *, environ: Mapping[str, str] | None = None, stdin: TextIO | None = None
) -> str:
    """The DSN's text: the argument itself, DATABASE_URL when absent, stdin for `-`, a file for `@path`.

    Raises DsnError when nothing was given, FileError when the file cannot be read.
    """
    environ = os.environ if environ is None else environ
    if argument is None:
        found = environ.get("DATABASE_URL", "").strip()
        if not found:
            raise DsnError("No DSN was given and DATABASE_URL is not set.", next=("poolsize probe DSN",))
        return found
    if argument == "-":
        text = (sys.stdin if stdin is None else stdin).readline().strip()
        return _required(text, "stdin holds no DSN")
    if argument.startswith("@"):
        path = Path(argument[1:])
        try:
            text = path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not text"
            raise FileError(f"The DSN file {path} cannot be read: {reason}.") from None
        return _required(text, f"The file {path} holds no DSN")
    return argument.strip()


def parse(text: str) -> Dsn:
    """A SQLAlchemy URL, a libpq URI or a libpq conninfo string, as a `Dsn`.

    PostgreSQL's text goes to libpq unchanged but for SQLAlchemy's `+driver`. Raises DsnError; its message never
    quotes the text, since what cannot be parsed cannot be masked.
    """
    text = text.strip()
    if not text:
        raise DsnError("The DSN is empty.")
    scheme, separator, rest = text.partition("://")
    if not separator:
        if _CONNINFO.match(text):
            return _parse_conninfo(text)
        raise DsnError(
            "This is not a DSN: expected a URL such as postgresql://user@host/database, "
            'or a libpq string such as "host=db dbname=app".'
        )
    name, _, driver = scheme.lower().partition("+")
    if name not in SCHEMES:
        known = ", ".join(sorted(SCHEMES))
        shown = f"'{name}' " if re.fullmatch(r"[a-z][a-z0-9.-]{0,20}", name) else ""
        raise DsnError(f"The DSN's scheme {shown}is not one of {known}.")
    dialect = SCHEMES[name]
    plain = f"{'postgresql' if dialect == 'postgresql' else name}://{rest}"
    if dialect == "sqlite":
        return _parse_sqlite(plain, driver or None)
    return _parse_url(plain, dialect, driver or None)


def _parse_url(text: str, dialect: str, driver: str | None) -> Dsn:
    authority, path, query = _split_authority(text)
    userinfo, at, hosts = authority.rpartition("@")
    user, colon, password = userinfo.partition(":")
    options = _query(query)
    secrets = {value for key, value in options.items() if key.lower() in _SECRET_KEYS}
    if at and colon:
        secrets |= {password, unquote(password)}
    host, port = _host_and_port(hosts, dialect)
    secret = options.get("password") or (unquote(password) if colon else None)
    return Dsn(
        text,
        dialect=dialect,
        driver=driver,
        host=options.get("host") or host,
        port=port,
        user=options.get("user") or (unquote(user) or None),
        password=Secret(secret) if secret is not None else None,
        database=options.get("dbname") or (unquote(path) or None),
        options=options,
        secrets=frozenset(secrets - {""}),
    )


def _split_authority(text: str) -> tuple[str, str, str]:
    """authority, path, query. The last `@` before the query ends the user's part, so that a password with an
    unencoded `@`, `/`, `?` or `#` is still masked whole, whatever the driver then makes of it."""
    rest = text.split("://", 1)[1]
    head, at, tail = rest.rpartition("@")
    if at and re.search(r"[?&](password|user|host|options)=[^@]*$", head):
        head, at, tail = rest.partition("@")  # an @ inside the query is not the user's
        if "?" in head:
            head, at, tail = "", "", rest
    hostpath, _, query = tail.partition("?")
    hosts, _, path = hostpath.partition("/")
    return f"{head}{at}{hosts}", path, query


def _host_and_port(hosts: str, dialect: str) -> tuple[str | None, int | None]:
    first = hosts.split(",")[0]
    match = re.fullmatch(r"(\[[^\]]*\]|[^:]*)(?::(\d*))?", first)
    if match is None or (match[2] and not 0 < int(match[2]) < 65536):
        raise DsnError(
            "The DSN's host and port cannot be read: a `@ : / ? #` in a password is written %40 %3A %2F %3F %23."
        )
    host = unquote(match[1].strip("[]")) or None
    default = {"mysql": 3306, "mariadb": 3306}.get(dialect)
    return host, int(match[2]) if match[2] else default


def _query(query: str) -> dict[str, str]:
    pairs = (pair.partition("=") for pair in query.split("&") if pair)
    return {unquote(key): unquote(value) for key, _, value in pairs}


def _parse_conninfo(text: str) -> Dsn:
    fields: dict[str, str] = {}
    secrets: set[str] = set()
    for key, raw in _CONNINFO_PAIR.findall(text):
        quoted = raw.startswith("'") and raw.endswith("'") and len(raw) > 1
        value = re.sub(r"\\(.)", r"\1", raw[1:-1] if quoted else raw)
        fields[key.lower()] = value
        if key.lower() in _SECRET_KEYS and value:
            secrets |= {value, raw[1:-1] if quoted else raw}
    port = fields.get("port", "").split(",")[0]
    return Dsn(
        text,
        dialect="postgresql",
        host=fields.get("host") or fields.get("hostaddr"),
        port=int(port) if port.isdigit() else None,
        user=fields.get("user"),
        password=Secret(fields["password"]) if fields.get("password") else None,
        database=fields.get("dbname"),
        options=fields,
        secrets=frozenset(secrets),
    )


def _parse_sqlite(text: str, driver: str | None) -> Dsn:
    """SQLAlchemy's spelling: three slashes and a relative path, four and an absolute one, none for memory."""
    rest: SplitResult = urlsplit(text)
    if rest.netloc:
        raise DsnError("A SQLite URL names no host: write sqlite:///relative.db or sqlite:////absolute.db.")
    path, _, query = text.split("://", 1)[1].removeprefix("/").partition("?")
    options = _query(query)
    return Dsn(text, dialect="sqlite", driver=driver, database=unquote(path) or ":memory:", options=options)


def _mask_fields(text: str) -> str:
    """Mask what stands where a password stands, even if it is not one of the secrets found."""
    text = re.sub(
        r"(?i)\b(" + "|".join(sorted(_SECRET_KEYS)) + r")(\s*=\s*)('(?:[^'\\]|\\.)*'|[^\s&]+)",
        rf"\1\2{MASK}",
        text,
    )
    return re.sub(r"(?<=://)([^:@/?]*):(?:.*)@(?=[^@]*$)", rf"\1:{MASK}@", text)


def _spellings(secrets: frozenset[str]) -> tuple[str, ...]:
    """Each secret as it may appear in a message: plain, percent-encoded either way, and repr-escaped."""
    spellings = set(secrets)
    for secret in secrets:
        spellings |= {
            quote(secret, safe=""),
            quote(secret),
            quote_plus(secret),
            repr(secret)[1:-1],
            secret.replace("%", "%%"),
            secret.replace("'", "''"),
            secret.replace("'", "\\'"),
        }
    return tuple(sorted(spellings - {""}, key=len, reverse=True))


def _required(text: str, missing: str) -> str:
    if not text:
        raise DsnError(f"{missing}.")
    return text
