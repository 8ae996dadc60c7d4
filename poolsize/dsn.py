"""Read a DSN once, and keep its password out of everything that a person or a file gets to see."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final, TextIO
from urllib.parse import SplitResult, quote, quote_plus, unquote, urlsplit

from poolsize.choices import listed
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

_PAIR: Final = r"([a-z_]+)\s*=\s*('(?:[^'\\]|\\.)*'|(?:[^\s\\']|\\.)(?:[^\s\\]|\\.)*|)"
_CONNINFO_PAIR: Final = re.compile(_PAIR, re.IGNORECASE | re.DOTALL)
_CONNINFO: Final = re.compile(rf"\s*(?:{_PAIR}(?:\s+|$))+", re.IGNORECASE | re.DOTALL)
_LOOKS_LIKE_CONNINFO: Final = re.compile(r"\s*[a-z_]+\s*=", re.IGNORECASE)

_SECRET_KEY: Final = re.compile(r"pass(?!file)|pwd|secret|token|credential|api_?key", re.IGNORECASE)
"""What names a secret in the options of any driver: password, passwd, sslpassword, oauth_client_secret."""
_LIBPQ_KEY: Final = re.compile(
    r"host|hostaddr|port|dbname|user|service|passfile|options|connect_timeout|application_name|fallback_application_name"
    r"|client_encoding|replication|channel_binding|require_auth|target_session_attrs|load_balance_hosts"
    r"|(?:ssl|gss|krb|keepalives|tcp|min_protocol|max_protocol)\w*"
)
"""Options of libpq (documentation, 34.1.2) whose values are shown. In a conninfo string any other may be the rest of
a password with a blank in it."""

ENCODE: Final = "in a URL's user or password, @ : / ? # % are written %40 %3A %2F %3F %23 %25"
"""What a message says of a DSN that its own characters make ambiguous."""

_SHORT: Final = 5
"""Secrets with fewer characters stand within other words by chance: only where a value stands are they masked."""
_EVERYDAY: Final = frozenset(
    re.findall(
        r"\w+",
        "password user host port server database connection role login failed postgres postgresql mysql mariadb sqlite"
        " pgbouncer localhost SSL TLS",
    )
)
"""Words of every other message. Masking one that happens to be the password would hide nothing and tell it."""


class Dsn:
    """A parsed DSN. `str` and `repr` are masked; only `reveal` gives the text with its secrets, to a driver.

    `host`, `port`, `user` and `database` are what the text says, None where it leaves them to the client
    library (a service file, PG* variables, defaults). `query` is a URL's, as it stands.
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
        "query",
        "user",
    )

    def __init__(
        self,
        text: str,
        masked: str,
        *,
        dialect: str,
        driver: str | None = None,
        host: str | None = None,
        port: int | None = None,
        user: str | None = None,
        password: Secret | None = None,
        database: str | None = None,
        options: Mapping[str, str] | None = None,
        query: str = "",
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
        self.query = query
        self._secrets = secrets
        self.masked = self.mask(masked)

    def reveal(self) -> str:
        """The text as the driver wants it, secrets included. Never print it."""
        return self._text

    def mask(self, text: str, *more: str | None) -> str:
        """`text` (a driver's message, say) with every spelling of this DSN's secrets, and of `more`, replaced.

        A secret that is also the user, the host, the database or an everyday word stays where it stands: nobody
        can tell it from them.
        """
        public = _EVERYDAY | {part for part in (self.user, self.host, self.database, self.driver) if part}
        pattern = _pattern(self._secrets | {secret for secret in more if secret}, public)
        return pattern.sub(MASK, text) if pattern else text

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
        if _LOOKS_LIKE_CONNINFO.match(text):
            return _parse_conninfo(text)
        raise DsnError(
            "This is not a DSN: expected a URL such as postgresql://user@host/database, "
            'or a libpq string such as "host=db dbname=app".'
        )
    name, _, driver = scheme.lower().partition("+")
    if name not in SCHEMES:
        shown = f"'{name}' " if re.fullmatch(r"[a-z][a-z0-9.-]{0,20}", name) else ""
        raise DsnError(f"The DSN's scheme {shown}is not one of {listed(name if shown else '', SCHEMES)}")
    dialect = SCHEMES[name]
    plain = f"{'postgresql' if dialect == 'postgresql' else name}://{rest}"
    if dialect == "sqlite":
        return _parse_sqlite(plain, driver or None)
    return _parse_url(plain, dialect, driver or None)


def _parse_url(text: str, dialect: str, driver: str | None) -> Dsn:
    scheme, _, rest = text.partition("://")
    userinfo, hosts, path, query = _split(rest)
    raw_user, colon, raw_password = (userinfo or "").partition(":")
    user, password = unquote(raw_user) or None, unquote(raw_password) if colon else None
    options = _query(query)
    host, port = _host_and_port(hosts, dialect)
    login = f"{raw_user}{colon}{MASK if raw_password else ''}@" if userinfo is not None else ""
    place = f"{hosts}{f'/{path}' if path is not None else ''}"
    secret = options.get("password") or password
    return Dsn(
        _rewritten(scheme, userinfo, f"{place}{f'?{query}' if query else ''}") or text,
        f"{scheme}://{login}{place}{f'?{_masked_query(query)}' if query else ''}",
        dialect=dialect,
        driver=driver,
        host=options.get("host") or host,
        port=port,
        user=options.get("user") or user,
        password=Secret(secret) if secret is not None else None,
        database=options.get("dbname") or (unquote(path or "") or None),
        options=options,
        query=query,
        secrets=_secrets_of(options) | _spellings(raw_password),
    )


def _split(rest: str) -> tuple[str | None, str, str | None, str]:
    """user and password, hosts, path, query of what follows `://`.

    libpq ends the user's part at an `@` before the first `/`. SQLAlchemy lets a password go on to the first `@`, so
    that `/`, `?` and `#` may stand in it; that is followed too where the `@` is not in the query.
    """
    head, at, tail = rest.partition("@")
    is_users = at and ("/" not in head or (":" in head and not re.search(r"[?&][\w.-]+=[^@]*$", head)))
    place = tail if is_users else rest
    hostpath, _, query = place.partition("?")
    hosts, slash, path = hostpath.partition("/")
    if "@" in hosts or ("@" in place and is_users and ":" in head):  # a password's own, as like as not
        raise DsnError(f"The DSN can be read in more than one way: {ENCODE}.")
    return head if is_users else None, hosts, path if slash else None, query


def _rewritten(scheme: str, userinfo: str | None, rest: str) -> str | None:
    """What a driver that is stricter than SQLAlchemy reads the same way; None where the text is plain already."""
    if userinfo is None or "/" not in userinfo:
        return None
    user, _, password = userinfo.partition(":")
    return f"{scheme}://{user}:{quote(unquote(password), safe='')}@{rest}"


def _host_and_port(hosts: str, dialect: str) -> tuple[str | None, int | None]:
    first = hosts.split(",")[0]
    match = re.fullmatch(r"(\[[^\]]*\]|[^:]*)(?::(\d*))?", first)
    if match is None or (match[2] and not 0 < int(match[2]) < 65536):
        raise DsnError(f"The DSN's host and port cannot be read: {ENCODE}.")
    host = unquote(match[1].strip("[]")) or None
    default = {"mysql": 3306, "mariadb": 3306}.get(dialect)
    return host, int(match[2]) if match[2] else default


def _query(query: str) -> dict[str, str]:
    pairs = (pair.partition("=") for pair in query.split("&") if pair)
    return {unquote(key): unquote(value) for key, _, value in pairs}


def _masked_query(query: str) -> str:
    pairs = (pair.partition("=") for pair in query.split("&"))
    return "&".join(f"{key}{mark}{MASK if _SECRET_KEY.search(key) else value}" for key, mark, value in pairs)


def _secrets_of(options: Mapping[str, str]) -> frozenset[str]:
    return frozenset().union(*(_spellings(value) for key, value in options.items() if _SECRET_KEY.search(key)))


def _parse_conninfo(text: str) -> Dsn:
    if not _CONNINFO.fullmatch(text):
        raise DsnError(
            "The libpq string cannot be read: it is a row of name=value, and a value that is empty or has blanks or "
            "quotes stands in single quotes, with \\' and \\\\ in it."
        )
    raw = {key.lower(): value for key, value in _CONNINFO_PAIR.findall(text)}
    fields = {key: _unquoted(value) for key, value in raw.items()}
    port = fields.get("port", "").split(",")[0]
    return Dsn(
        text,
        _CONNINFO_PAIR.sub(_masked_pair, text),
        dialect="postgresql",
        host=fields.get("host") or fields.get("hostaddr"),
        port=int(port) if port.isdigit() else None,
        user=fields.get("user"),
        password=Secret(fields["password"]) if fields.get("password") else None,
        database=fields.get("dbname"),
        options=fields,
        secrets=_secrets_of(fields) | _secrets_of(raw),
    )


def _unquoted(value: str) -> str:
    quoted = len(value) > 1 and value.startswith("'") and value.endswith("'")
    return re.sub(r"\\(.)", r"\1", value[1:-1] if quoted else value, flags=re.DOTALL)


def _masked_pair(pair: re.Match[str]) -> str:
    key = pair[1].lower()
    is_shown = _LIBPQ_KEY.fullmatch(key) and not _SECRET_KEY.search(key)
    return pair[0] if is_shown or not pair[2] else f"{pair[1]}={MASK}"


def _parse_sqlite(text: str, driver: str | None) -> Dsn:
    """SQLAlchemy's spelling: three slashes and a relative path, four and an absolute one, none for memory."""
    rest: SplitResult = urlsplit(text)
    if rest.netloc:
        raise DsnError("A SQLite URL names no host: write sqlite:///relative.db or sqlite:////absolute.db.")
    path, _, query = text.split("://", 1)[1].removeprefix("/").partition("?")
    options = _query(query)
    masked = f"{text.partition('?')[0]}{f'?{_masked_query(query)}' if query else ''}"
    secrets, database = _secrets_of(options), unquote(path) or ":memory:"
    return Dsn(
        text,
        masked,
        dialect="sqlite",
        driver=driver,
        database=database,
        options=options,
        query=query,
        secrets=secrets,
    )


def _spellings(secret: str) -> frozenset[str]:
    """A secret as it may appear in a message: as given, decoded, percent-encoded either way, and escaped."""
    plain = {secret, unquote(secret)}
    encoded = {way(text) for text in plain for way in (quote, quote_plus, lambda text: quote(text, safe=""))}
    escaped = {
        way(text)
        for text in plain
        for way in (
            lambda text: repr(text)[1:-1],
            lambda text: text.replace("%", "%%"),
            lambda text: text.replace("'", "''"),
            lambda text: text.replace("\\", "\\\\").replace("'", "\\'"),
        )
    }
    return frozenset((plain | encoded | escaped) - {""})


def _pattern(secrets: frozenset[str], public: frozenset[str]) -> re.Pattern[str] | None:
    """Longest first, so that no shorter spelling leaves a piece of a longer one."""
    spellings = sorted(frozenset().union(*map(_spellings, secrets)) - public, key=len, reverse=True)
    return re.compile("|".join(_alternative(spelling, public) for spelling in spellings)) if spellings else None


def _alternative(spelling: str, public: frozenset[str]) -> str:
    found = re.escape(spelling)
    if len(spelling) < _SHORT:  # "x", 'x', =x, :x@
        return rf"""(?<=["'`=:/«„“]){found}(?=["'`@&/,;\s»“”]|$)"""
    if any(spelling in word for word in public):
        return rf"(?<!\w){found}(?!\w)"
    return found


def _required(text: str, missing: str) -> str:
    if not text:
        raise DsnError(f"{missing}.")
    return text
