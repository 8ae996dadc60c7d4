"""Why libpq could not connect, in one sentence: by the server's SQLSTATE, else by what libpq itself says."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from poolsize.errors import (
    AuthenticationError,
    DatabaseError,
    TlsError,
    TooManyConnectionsError,
    UnknownDatabaseError,
    UnreachableError,
)

if TYPE_CHECKING:
    from psycopg.pq.abc import PGconn

    from poolsize.probe.postgresql_conninfo import Host

# PostgreSQL documentation, appendix A. The first that occurs decides where several attempts failed differently.
_CODES: Final[Mapping[str, type[DatabaseError]]] = {
    "53300": TooManyConnectionsError,
    "3D000": UnknownDatabaseError,
    "28P01": AuthenticationError,
    "28000": AuthenticationError,
    "42501": AuthenticationError,  # no CONNECT privilege on the database
    "57P03": UnreachableError,  # starting up or shutting down
    "57P01": UnreachableError,
    "57P02": UnreachableError,
}
# Poolers answer with 08P01 (protocol violation) to everything, and the server's words are all there is where the
# SQLSTATE cannot be had. PgBouncer's are of 1.18 and 1.24 (src/client.c, src/objects.c), Supavisor's of 2.9.
_WORDS: Final[Sequence[tuple[str, type[DatabaseError]]]] = (  # regular expressions
    ("too many clients already", TooManyConnectionsError),
    ("too many connections for", TooManyConnectionsError),
    ("remaining connection slots are reserved", TooManyConnectionsError),
    ("no more connections allowed", TooManyConnectionsError),
    ("max clients", TooManyConnectionsError),
    ("no such database", UnknownDatabaseError),
    ('database ".*" does not exist', UnknownDatabaseError),
    ("password authentication failed", AuthenticationError),
    ("SASL authentication failed", AuthenticationError),
    ("auth failed", AuthenticationError),
    ("no such user", AuthenticationError),
    ("no pg_hba\\.conf entry", AuthenticationError),
    ("authentication method requirement", AuthenticationError),
    ("channel binding", AuthenticationError),
    ("not allowed", AuthenticationError),
)
_FULL_IN_OTHER_LANGUAGES: Final = re.compile(
    "zu viele Verbindungen|verbleibenden Verbindungen|demasiad[oa]s (?:clientes|conexiones)|conexiones restantes"
    "|trop de (?:clients|connexions)|emplacements de connexions restants|tropp[ie] (?:client|connessioni)"
    "|rimanenti slot di connessione|多すぎます|残りの接続スロット|접속자? ?수를 초과|남은 연결 슬롯"
    "|слишком много (?:клиентов|подключений)|слоты подключений|för många (?:klienter|uppkopplingar)"
    "|resterande anslutningsslottar|забагато клієнтів|занадто багато підключень|слоти підключень"
    "|太多的客户|连接太多|已保留的连接位置"
)
"""No slot left, in the languages of PostgreSQL 15's catalogues: the one failure that must be known everywhere."""
_TLS_WORDS: Final = re.compile(r"\bSSL\b|certificate|\bTLS\b", re.IGNORECASE)
_CODED: Final = re.compile(r"(?:^|: )[^\s:]+:\s+([0-9A-Z]{5}): (.+)$")
"""`FATAL:  53300: sorry, ...` behind libpq's `connection to server at ... failed: `, the severity in any language."""
_SEVERITY: Final = re.compile(r"^[^\s:]+:  ")
"""`FATAL:  ` in any language: two blanks tell the server's words from libpq's."""
_PREFIX: Final = re.compile(r"^connection to server (?:at .*?, port \d+|on socket .*?) failed: ")
_NO_POSTGRESQL: Final = "received invalid response"
_UNKNOWN_AUTHORITY: Final = (
    "root certificate file",
    "certificate verify failed",
    "signature failure",  # OpenSSL: a root of the same name with another key
    "local issuer",
    "self-signed",
)
_NOISE: Final = re.compile(r"^(?:\t|DETAIL: |HINT: |LOCATION: |CONTEXT: |Either provide)|^$")


class Answer(NamedTuple):
    """What one attempt came to: the server's code and words, or libpq's own words."""

    code: str | None
    words: str
    is_servers: bool = True


def explain(pgconn: PGconn, host: Host, *, sslmode: str, is_tls: bool, mask: Callable[[str], str]) -> DatabaseError:
    """The failure that `pgconn` holds. `is_tls`: it happened while TLS was being set up."""
    answers = _answers(pgconn.error_message.decode(errors="replace"))
    told = [answer for answer in answers if answer.is_servers]
    if told:
        return _told(told, host, sslmode, mask)
    words = answers[-1].words if answers else "no reason given"
    if pgconn.needs_password:
        return AuthenticationError(
            f"{host} asks for a password, and neither the DSN nor PGPASSWORD nor a password file has one."
        )
    if _NO_POSTGRESQL in words:
        return UnreachableError(mask(f"What answers at {host} is not PostgreSQL: {words.rstrip('.')}."))
    if is_tls or _TLS_WORDS.search(words):
        return TlsError(mask(f"TLS with {host} failed: {_tls_advice(words)}."))
    return UnreachableError(mask(_network_sentence(words, host)))


def silent(hosts: Sequence[Host], timeout_s: float) -> UnreachableError:
    """Nobody answered in time."""
    named = " and ".join(str(host) for host in hosts)
    return UnreachableError(f"{named} gave no answer within {max(timeout_s, 0):.3g} s.")


def lost(words: str, host: Host, mask: Callable[[str], str]) -> DatabaseError:
    """The session ended with these words, or with none. A pooler tells only then that the server has no slot left."""
    if kind_by_words([Answer(None, words)]) is TooManyConnectionsError:
        advice = _advice(TooManyConnectionsError, words)
        return TooManyConnectionsError(mask(f"The pooler at {host} says: {words.rstrip('.')}{advice}."))
    return UnreachableError(mask(f"{host} ended the session: {words.rstrip('.') or 'without a word'}."))


def unresolved(hosts: Sequence[Host], timeout_s: float | None = None) -> UnreachableError:
    """No host's name led to an address; `timeout_s`: the name server was not heard in time."""
    named = " and ".join(f"'{host.name}'" for host in hosts)
    why = "is not known" if timeout_s is None else f"was not resolved within {timeout_s:.3g} s"
    return UnreachableError(f"The host name {named} {why}.")


def _told(answers: Sequence[Answer], host: Host, sslmode: str, mask: Callable[[str], str]) -> DatabaseError:
    codes = [answer.code for answer in answers]
    kind = next((kind for code, kind in _CODES.items() if code in codes), None) or kind_by_words(answers)
    said = "; ".join(dict.fromkeys(answer.words.rstrip(".") for answer in answers))
    numbers = ", ".join(dict.fromkeys(code for code in codes if code))
    if kind is AuthenticationError and sslmode in ("disable", "allow") and "no encryption" in said:
        kind = TlsError
    sentence = f"The server at {host} says: {said}{f' ({numbers})' if numbers else ''}{_advice(kind, said)}."
    return (kind or DatabaseError)(mask(sentence))


def kind_by_words(answers: Sequence[Answer]) -> type[DatabaseError] | None:
    """The failure that the words alone tell; None when they tell none that is known."""
    said = " ".join(answer.words for answer in answers)
    if _FULL_IN_OTHER_LANGUAGES.search(said):
        return TooManyConnectionsError
    return next((kind for words, kind in _WORDS if re.search(words, said)), None)


def _advice(kind: type[DatabaseError] | None, said: str) -> str:
    """What the person may do now, from the cause that the words name."""
    if kind is TlsError:
        return "; ask for TLS with sslmode=require"
    if kind is TooManyConnectionsError and 'for role "' in said:
        return "; close idle sessions of this role, or ALTER ROLE ... CONNECTION LIMIT"
    if kind is TooManyConnectionsError and 'for database "' in said:
        return "; close idle sessions of this database, or ALTER DATABASE ... CONNECTION LIMIT"
    if kind is TooManyConnectionsError and "max_client_conn" in said:
        return "; close idle clients of PgBouncer, or raise max_client_conn"
    if kind is TooManyConnectionsError:
        return "; close idle sessions (a superuser still gets in: pg_terminate_backend), or raise max_connections"
    if "unsupported startup parameter" in said:
        return "; PgBouncer lets it pass with ignore_startup_parameters"
    return ""


def _answers(message: str) -> list[Answer]:
    found = []
    for line in message.split("\n"):
        if _NOISE.match(line):
            continue
        coded = _CODED.search(line)
        plain = _PREFIX.sub("", line)
        words = _SEVERITY.sub("", plain).strip()
        found.append(Answer(coded[1], coded[2]) if coded else Answer(None, words, bool(_SEVERITY.match(plain))))
    return found


def _tls_advice(words: str) -> str:
    """libpq's words, with the option that would mend it."""
    words = words.rstrip(".")
    if any(cause in words for cause in _UNKNOWN_AUTHORITY):
        return f"{words}; name the file of the authority that signed the server's certificate with sslrootcert=FILE"
    if "does not match host name" in words:
        return f"{words}; connect by a name that is in the certificate"
    return words


def _network_sentence(words: str, host: Host) -> str:
    if os.strerror(errno.ECONNREFUSED) in words or "(10061)" in words:
        return f"{host} refuses connections: no server listens there."
    if os.strerror(errno.ENOENT) in words and host.is_socket:
        return f"There is no socket at {host.name} for port {host.port}: no server listens there."
    return f"{host} cannot be used: {words.rstrip('.')}."
