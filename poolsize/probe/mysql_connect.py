"""Open MySQL and MariaDB connections with each phase timed, and say in one sentence why one could not be opened."""

from __future__ import annotations

import socket
import ssl
import time
from typing import Any, Final

import pymysql
from pymysql.connections import Connection
from pymysql.constants import CLIENT

from poolsize.dsn import Dsn
from poolsize.errors import (
    AuthenticationError,
    DatabaseError,
    MissingDriverError,
    PoolsizeError,
    TlsError,
    TooManyConnectionsError,
    UnknownDatabaseError,
    UnreachableError,
)
from poolsize.installation import install_command
from poolsize.probe.dialect import ProbeOptions
from poolsize.probe.mysql_tls import TlsRequest, tls_request
from poolsize.probe.resolving import resolve

CLIENT_NAME: Final = (
    f"PyMySQL {pymysql.VERSION_STRING}"  # __version__ is that of mysqlclient, in whose place it may stand
)

# The server's error numbers (MySQL error reference; MariaDB shares them) and the kind of failure they are.
_KINDS: Final[dict[int, type[DatabaseError]]] = {
    1045: AuthenticationError,  # ER_ACCESS_DENIED_ERROR
    1698: AuthenticationError,  # ER_ACCESS_DENIED_NO_PASSWORD_ERROR
    1251: AuthenticationError,  # ER_NOT_SUPPORTED_AUTH_MODE
    1130: AuthenticationError,  # ER_HOST_NOT_PRIVILEGED
    1044: UnknownDatabaseError,  # ER_DBACCESS_DENIED_ERROR: also for a database that is not there, unprivileged
    1049: UnknownDatabaseError,  # ER_BAD_DB_ERROR
    1040: TooManyConnectionsError,  # ER_CON_COUNT_ERROR
    1203: TooManyConnectionsError,  # ER_TOO_MANY_USER_CONNECTIONS
    1226: TooManyConnectionsError,  # ER_USER_LIMIT_REACHED
    1129: UnreachableError,  # ER_HOST_IS_BLOCKED
    3159: TlsError,  # ER_SECURE_TRANSPORT_REQUIRED
    2026: TlsError,  # CR_SSL_CONNECTION_ERROR
    2002: UnreachableError,
    2003: UnreachableError,
    2005: UnreachableError,
    2013: UnreachableError,  # CR_SERVER_LOST while connecting
}
_ADVICE: Final[dict[int, str]] = {
    1040: "close idle connections or raise max_connections",
    1203: "this user has max_user_connections open; close some or raise it",
    1226: "this account's own limit is reached; close some or ALTER USER ... WITH MAX_USER_CONNECTIONS",
    1129: "an administrator can unblock it with FLUSH HOSTS",
    3159: "ask for TLS with ?ssl-mode=REQUIRED",
}


class Connector:
    """Opens connections to one DSN's server. `open` raises the children of PoolsizeError, passwords masked."""

    def __init__(self, dsn: Dsn, options: ProbeOptions) -> None:
        self.dsn = dsn
        self.tls: TlsRequest = tls_request(dsn)
        self.host = dsn.host or "localhost"
        self.port = dsn.port or 3306
        self.unix_socket = dsn.options.get("unix_socket") or dsn.options.get("socket")
        self._timeout_s = options.connect_timeout_s
        self._context = self.tls.context()

    def open(self, limit_s: float | None = None) -> TimedConnection:
        """A ready connection, with its phases, within the connect timeout (or less, `limit_s`) over all of them."""
        try:
            return self._open(self._timeout_s if limit_s is None else min(self._timeout_s, max(limit_s, 0.001)))
        except (pymysql.MySQLError, OSError, RuntimeError) as error:
            raise self.explain(error) from None

    def _open(self, timeout_s: float) -> TimedConnection:
        start = time.perf_counter()
        deadline = time.monotonic() + timeout_s
        phases: dict[str, float] = {}
        connection = self._prepare(phases, deadline)
        sock = self._connect_unix(phases) if self.unix_socket else self._connect_tcp(phases, deadline)
        try:
            connection.begin_handshake()
            connection.connect(sock)
            connection.finish()
            # The client's own work between the phases belongs to the cost too.
            phases["session setup"] += time.perf_counter() - start - sum(phases.values())
        except BaseException:
            sock.close()
            raise
        return connection

    def _prepare(self, phases: dict[str, float], deadline: float) -> TimedConnection:
        connection = TimedConnection(
            host=self.host,
            port=self.port,
            user=self.dsn.user,
            # As bytes: PyMySQL would encode text as Latin-1, while the server's clients send UTF-8.
            password=self.dsn.password.reveal().encode() if self.dsn.password else b"",
            database=self.dsn.database,
            charset="utf8mb4",
            program_name="poolsize",
            read_timeout=self._timeout_s,
            write_timeout=self._timeout_s,
            defer_connect=True,
            ssl=self._context,
            ssl_disabled=self._context is None,
        )
        connection.watch(phases, deadline, tls_required=self.tls.required)
        return connection

    def _connect_tcp(self, phases: dict[str, float], deadline: float) -> socket.socket:
        start = time.perf_counter()
        addresses = resolve(self.host, self.port, max(deadline - time.monotonic(), 0.001))
        resolved = time.perf_counter()
        phases["name resolution"] = resolved - start
        failure: OSError = OSError("the name has no address")
        for family, address in addresses:
            sock = socket.socket(family, socket.SOCK_STREAM)
            try:
                sock.settimeout(max(deadline - time.monotonic(), 0.001))
                sock.connect(address)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            except OSError as error:
                sock.close()
                failure = error
                continue
            except BaseException:
                sock.close()
                raise
            phases["tcp"] = time.perf_counter() - resolved
            return sock
        raise failure

    def _connect_unix(self, phases: dict[str, float]) -> socket.socket:
        family = getattr(socket, "AF_UNIX", None)
        if family is None:
            raise OSError("this system has no Unix sockets")
        start = time.perf_counter()
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.settimeout(self._timeout_s)
            sock.connect(self.unix_socket or "")
        except BaseException:
            sock.close()
            raise
        phases["unix socket"] = time.perf_counter() - start
        return sock

    def explain(self, error: Exception) -> PoolsizeError:
        """The driver's or the system's failure as poolsize's own, in one sentence without a secret."""
        cause = getattr(error, "original_exception", None) or error
        where = self.unix_socket or f"{self.host}:{self.port}"
        if isinstance(error, RuntimeError) and "cryptography" in str(error):
            return MissingDriverError(f"This login needs the package cryptography, or TLS: {install_command('mysql')}")
        if isinstance(cause, ssl.SSLError):
            return TlsError(self.dsn.mask(_tls_sentence(cause, where)))
        if isinstance(cause, OSError):
            return UnreachableError(self.dsn.mask(_network_sentence(cause, where, self._timeout_s)))
        code, text = _code_and_text(error)
        kind = _KINDS.get(code, DatabaseError)
        if code == 2013 and "timed out" in text:
            return UnreachableError(f"{where} gave no answer within {self._timeout_s:g} s.")
        if code == 2013:
            return UnreachableError(self.dsn.mask(f"{where} closed the connection or gave no answer: {text}."))
        advice = f"; {_ADVICE[code]}" if code in _ADVICE else ""
        return kind(self.dsn.mask(f"The server at {where} says: {text.rstrip('.')} ({code}){advice}."))


class TimedConnection(Connection):
    """A PyMySQL connection that notes how long each phase took, and never goes without a TLS that is required.

    PyMySQL offers no public hook between the phases, so some of its internals are used: `_get_server_information` reads
    the server's greeting, `_request_authentication` does TLS (through `self.ctx.wrap_socket`) and the login,
    `_read_packet` and `_read_timeout` bound every read, and `_sock` is the socket. Tried with 1.1.1, 1.1.3, 1.2.0 and
    1.2.4; pyproject.toml admits no later minor version, and tests/probe/test_mysql.py fails where one of them is gone.
    """

    ctx: Any
    _sock: socket.socket | None
    server_capabilities: int
    server_version: str

    def watch(self, phases: dict[str, float], deadline: float, *, tls_required: bool) -> None:
        """Note phases here, let the whole connect end by `deadline` (`time.monotonic()`)."""
        self.phases = phases
        self._deadline: float | None = deadline
        self._tls_required = tls_required
        self._started = 0.0
        context: ssl.SSLContext | None = getattr(self, "ctx", None)
        if context is not None:
            self.ctx = _TimedContext(context, phases)

    def begin_handshake(self) -> None:
        """The socket is connected; what follows is the handshake."""
        self._started = time.perf_counter()

    def _get_server_information(self) -> None:
        super()._get_server_information()  # type: ignore[misc]
        if self.server_capabilities & CLIENT.SSL:
            return
        if self._tls_required:  # PyMySQL (1.1 and 1.2) would go on in clear text
            raise pymysql.OperationalError(2026, "TLS was asked for, but this server does not offer it")
        self.ssl = False
        self.client_flag &= ~CLIENT.SSL

    def _request_authentication(self) -> None:
        super()._request_authentication()  # type: ignore[misc]
        spent = time.perf_counter() - self._started
        self.phases["handshake + authentication"] = spent - self.phases.get("tls", 0.0)
        self._started = time.perf_counter()

    def _read_packet(self, *args: Any, **kwargs: Any) -> Any:
        deadline: float | None = getattr(self, "_deadline", None)
        if deadline is not None:
            self._read_timeout = max(deadline - time.monotonic(), 0.001)
        return super()._read_packet(*args, **kwargs)  # type: ignore[no-untyped-call]

    def finish(self) -> None:
        """The connection is ready: SET NAMES and autocommit, which every client sends, are the last phase."""
        self.phases["session setup"] = time.perf_counter() - self._started
        self._deadline = None

    def bound_statements(self, seconds: float) -> None:
        """No statement waits longer than this for its answer."""
        self._read_timeout = seconds

    @property
    def greeting_version(self) -> str:
        """The version in the server's greeting."""
        return str(self.server_version)

    @property
    def tls_version(self) -> str | None:
        """`TLSv1.3`, or None without TLS."""
        sock = self._sock
        return sock.version() if isinstance(sock, ssl.SSLSocket) else None


class _TimedContext:
    """Stands where PyMySQL expects an SSLContext, and times its handshake."""

    def __init__(self, context: ssl.SSLContext, phases: dict[str, float]) -> None:
        self._context = context
        self._phases = phases

    def wrap_socket(self, sock: socket.socket, server_hostname: str | None = None) -> ssl.SSLSocket:
        start = time.perf_counter()
        try:
            return self._context.wrap_socket(sock, server_hostname=server_hostname)
        finally:
            self._phases["tls"] = time.perf_counter() - start


def _network_sentence(cause: OSError, where: str, timeout_s: float) -> str:
    if isinstance(cause, TimeoutError):
        return f"{where} gave no answer within {timeout_s:g} s."
    if isinstance(cause, socket.gaierror):
        return f"The host of {where} is not known: {cause.strerror or cause}."
    if isinstance(cause, ConnectionRefusedError):
        return f"{where} refuses connections: no server listens there."
    return f"{where} cannot be reached: {cause.strerror or cause}."


def _tls_sentence(cause: ssl.SSLError, where: str) -> str:
    if isinstance(cause, ssl.SSLCertVerificationError):
        return (
            f"The certificate of {where} could not be verified: {cause.verify_message.rstrip('.')}; "
            "name its authority's file with ?ssl_ca=FILE."
        )
    return f"TLS with {where} failed: {cause.reason or cause}."


def _code_and_text(error: Exception) -> tuple[int, str]:
    if len(error.args) >= 2 and isinstance(error.args[0], int):
        return error.args[0], str(error.args[1])
    return 0, str(error)
