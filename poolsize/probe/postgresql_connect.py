"""Open PostgreSQL connections through libpq itself, each phase timed, one at a time or several at once."""

from __future__ import annotations

import selectors
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from poolsize.dsn import Dsn
from poolsize.errors import DatabaseError
from poolsize.probe.dialect import ProbeOptions
from poolsize.probe.postgresql_conninfo import Conninfo, Host
from poolsize.probe.postgresql_failures import explain, silent, unresolved
from poolsize.probe.postgresql_libpq import pq, show_codes
from poolsize.probe.postgresql_session import Session
from poolsize.probe.resolving import resolve

if TYPE_CHECKING:
    from psycopg.pq.abc import PGconn

RESOLUTION: Final = "name resolution"
TLS: Final = "tls"
DECLINED: Final = "tls (declined)"
"""With sslmode=prefer, which is libpq's default, asking a server without TLS costs one round trip."""
LOGIN: Final = "authentication + start-up"
"""One phase for the client: the server's last messages of both mostly come in one packet."""

# libpq's state names what it is waiting for. MADE is "connected, about to send": the sending belongs to what follows.
_PHASES: Final[Mapping[int, str]] = {
    pq.ConnStatus.SSL_STARTUP: TLS,
    pq.ConnStatus.GSS_STARTUP: "gss encryption",
    pq.ConnStatus.AWAITING_RESPONSE: LOGIN,
    pq.ConnStatus.AUTH_OK: LOGIN,
    pq.ConnStatus.AUTHENTICATING: LOGIN,
    pq.ConnStatus.CHECK_WRITABLE: "target_session_attrs",
    pq.ConnStatus.CHECK_TARGET: "target_session_attrs",
    pq.ConnStatus.CHECK_STANDBY: "target_session_attrs",
    pq.ConnStatus.CONSUME: "target_session_attrs",
}
_EVENTS: Final[Mapping[int, int]] = {
    pq.PollingStatus.READING: selectors.EVENT_READ,
    pq.PollingStatus.WRITING: selectors.EVENT_WRITE,
}


class Connector:
    """Opens connections to one DSN's server. Raises the children of PoolsizeError, passwords masked."""

    def __init__(self, dsn: Dsn, options: ProbeOptions) -> None:
        self.dsn = dsn
        self.conninfo = Conninfo(dsn)
        self.silent: tuple[Host, ...] = ()
        """Hosts of the DSN's list that gave no answer and are passed over since."""
        self._timeout_s = options.connect_timeout_s
        self._statement_timeout_s = options.statement_timeout_s
        self._texts: dict[tuple[Host, ...], str] = {}

    def open(self, limit_s: float | None = None, *, database: str | None = None) -> Session:
        """A ready session, within the connect timeout (or less, `limit_s`) over all its phases and hosts."""
        timeout_s = self._timeout_s if limit_s is None else min(self._timeout_s, max(limit_s, 0.0))
        start = time.perf_counter()
        hosts = self._addresses(timeout_s)
        attempt = Attempt(self, hosts, start, database)
        try:
            while not self._finish(attempt, len(hosts), start + timeout_s):
                passed_over = attempt.host
                attempt.close()
                if len(hosts) == 1:
                    raise silent((*self.silent, passed_over), timeout_s)
                hosts = _without(hosts, passed_over)
                self.silent += (passed_over,)
                attempt = Attempt(self, hosts, time.perf_counter(), database)
            return self._session(attempt)
        except BaseException:
            attempt.close()
            raise

    def open_at_once(self, count: int) -> list[float]:
        """Seconds from a common start until each of `count` connections was ready; all stay open until the last is."""
        hosts = self._addresses(self._timeout_s)
        start = time.perf_counter()
        ready = []
        with ExitStack() as opened, selectors.DefaultSelector() as selector:
            for _ in range(count):
                attempt = Attempt(self, hosts, start)
                opened.callback(attempt.close)
                selector.register(attempt.socket, attempt.events, attempt)
            while selector.get_map():
                for key, _ in self._ready(selector, start + self._timeout_s):
                    selector.unregister(key.fileobj)
                    attempt = key.data
                    if attempt.step():
                        ready.append(time.perf_counter() - start)
                    else:
                        selector.register(attempt.socket, attempt.events, attempt)
        return ready

    def mask(self, text: str) -> str:
        return self.dsn.mask(text, self.conninfo.password)

    def _ready(self, selector: selectors.BaseSelector, end: float) -> Sequence[tuple[selectors.SelectorKey, int]]:
        found = selector.select(max(end - time.perf_counter(), 0.0))
        if not found:
            raise silent([next(iter(selector.get_map().values())).data.host], self._timeout_s)
        return found

    def _finish(self, attempt: Attempt, ways: int, end: float) -> bool:
        """True when the attempt is connected, False when the host it is at gives no answer in its share of the time.

        Each of several ways gets an equal share of what is left, since libpq's own timeout, which would go on to the
        next, is not in its interface that does not block.
        """
        with selectors.DefaultSelector() as selector:
            host, host_end = attempt.host, _share(end, ways)
            while True:
                selector.register(attempt.socket, attempt.events)
                is_ready = selector.select(max(host_end - time.perf_counter(), 0.0))
                selector.unregister(attempt.socket)
                if not is_ready:
                    return False
                if attempt.step():
                    return True
                if ways > 1 and attempt.host != host:
                    host, host_end = attempt.host, _share(end, ways)

    def _session(self, attempt: Attempt) -> Session:
        phases = attempt.phases
        if TLS in phases and not attempt.pgconn.ssl_in_use:
            phases = {DECLINED if name == TLS else name: spent for name, spent in phases.items()}
        return Session(attempt.pgconn, phases, attempt.host, self._statement_timeout_s, self.mask)

    def _addresses(self, timeout_s: float) -> tuple[Host, ...]:
        """The hosts with their addresses, or as they are where libpq must resolve itself: there the call, which may
        take as long as it likes, is made once beforehand for its bound."""
        hosts, end = self.conninfo.hosts, time.monotonic() + timeout_s
        if not any(host.needs_resolution for host in hosts):
            return _without_all(hosts, self.silent)
        found: list[Host] = []
        for host in hosts:
            found += self._resolved(host, end - time.monotonic()) if host.needs_resolution else [host]
        if not found:
            raise unresolved(hosts)
        return _without_all(tuple(found) if self.conninfo.may_be_resolved else hosts, self.silent)

    def _resolved(self, host: Host, timeout_s: float) -> list[Host]:
        """None for a name that is not known: libpq too goes on to the next host of several."""
        try:
            addresses = resolve(host.name or "", int(host.port), max(timeout_s, 0.0))
        except TimeoutError:
            raise unresolved([host], self._timeout_s) from None
        except (OSError, ValueError):
            return []
        return [replace(host, address=str(address[0])) for address in dict.fromkeys(a for _, a in addresses)]

    def text(self, hosts: tuple[Host, ...], database: str | None) -> str:
        """Kept, since making it takes as long as a local connection's TCP phase."""
        if database is not None:
            return self.conninfo.text(hosts, dbname=database)
        if hosts not in self._texts:
            self._texts[hosts] = self.conninfo.text(hosts)
        return self._texts[hosts]


class Attempt:
    """One connection on its way. `phases` sum to the time from `start`, seconds."""

    def __init__(
        self, connector: Connector, hosts: tuple[Host, ...], start: float, database: str | None = None
    ) -> None:
        self.start = start
        self.phases: dict[str, float] = {}
        self.events = selectors.EVENT_WRITE  # as libpq's documentation says: wait for writing before the first poll
        self._connector = connector
        self._mark = start
        text = connector.text(hosts, database).encode()
        if any(host.needs_resolution for host in connector.conninfo.hosts):
            self._charge(RESOLUTION)
        self.pgconn: PGconn = pq.PGconn.connect_start(text)
        try:
            show_codes(self.pgconn)
            self._phase = "unix socket" if self.host.is_socket else "tcp"
            resolves_itself = any(host.needs_resolution for host in hosts)
            self._charge(RESOLUTION if resolves_itself else self._phase)
            if self.pgconn.status == pq.ConnStatus.BAD:
                raise self._explained()
        except BaseException:
            self.close()
            raise

    @property
    def socket(self) -> int:
        return self.pgconn.socket

    @property
    def host(self) -> Host:
        """The one it is at. libpq gives a socket's folder, or its own default, as the host."""
        name, address = self.pgconn.host.decode(), self.pgconn.hostaddr.decode()
        if address == name or name.startswith(("/", "@")):
            address = ""
        return Host(name or None, address or None, self.pgconn.port.decode())

    def step(self) -> bool:
        """Let libpq go on as far as it can without waiting: True when connected, else `events` is what to wait for."""
        was_made = self.pgconn.status == pq.ConnStatus.MADE
        polled = self.pgconn.connect_poll()
        status = self.pgconn.status
        following = _PHASES.get(status, self._phase)
        self._charge(following if was_made else self._phase)
        if polled == pq.PollingStatus.OK:
            return True
        if polled not in _EVENTS:
            raise self._explained()
        self.events = _EVENTS[polled]
        is_tcp = status in (pq.ConnStatus.STARTED, pq.ConnStatus.NEEDED)
        self._phase = ("unix socket" if self.host.is_socket else "tcp") if is_tcp else following
        return False

    def close(self) -> None:
        self.pgconn.finish()

    def _charge(self, phase: str) -> None:
        now = time.perf_counter()
        self.phases[phase] = self.phases.get(phase, 0.0) + now - self._mark
        self._mark = now

    def _explained(self) -> DatabaseError:
        return explain(
            self.pgconn,
            self.host,
            sslmode=self._connector.conninfo.settings.get("sslmode", "prefer"),
            is_tls=self._phase == TLS,
            mask=self._connector.mask,
        )


def _share(end: float, count: int) -> float:
    now = time.perf_counter()
    return now + (end - now) / count


def _without(hosts: tuple[Host, ...], gone: Host) -> tuple[Host, ...]:
    """Less the first that is the same, so that the list always gets shorter."""
    index = next((i for i, host in enumerate(hosts) if _is_same(host, gone)), 0)
    return hosts[:index] + hosts[index + 1 :]


def _without_all(hosts: tuple[Host, ...], gone: Sequence[Host]) -> tuple[Host, ...]:
    return tuple(host for host in hosts if not any(_is_same(host, other) for other in gone)) or hosts


def _is_same(host: Host, seen: Host) -> bool:
    """`seen` is as libpq names it: with the address, which stands for the name too where there is none."""
    return (
        host.port == seen.port
        and (host.name or host.address) == (seen.name or seen.address)
        and host.address in (None, seen.address, seen.name)
    )
