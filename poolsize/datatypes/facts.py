"""What a probe learned of a database: `DatabaseFacts`. Read from the bottom up."""

from __future__ import annotations

from typing import Final

from msgspec import field
from msgspec.structs import force_setattr, replace

from poolsize.datatypes.quantities import ErrorReport, Finding, Origin, Unread, Value


class Pooler(Value, frozen=True):
    """The pooler that answered in the server's place."""

    kind: str
    """pgbouncer, or `unknown` when the signs show a pooler but not which."""
    version: str | None = None
    pool_mode: str | None = None
    signs: tuple[str, ...] = ()
    """What gave it away, each a short sentence; more than one before it is believed."""
    settings: dict[str, str] = field(default_factory=dict)
    """SHOW CONFIG, SHOW DATABASES and SHOW USERS as far as the user may: default_pool_size, pool_size, ..."""


class Tls(Value, frozen=True):
    """The encryption of the probed connection."""

    used: bool
    requested: str
    """As the DSN or its defaults asked: libpq's sslmode, or the MySQL equivalent."""
    version: str | None = None
    verified: bool = False
    """The server's certificate was checked against a root."""
    root: str | None = None
    """The file, or `system`, that it was checked against."""


class Database(Value, frozen=True):
    """Who answered, and where."""

    dialect: str
    driver: str | None = None
    """As the DSN names it (`psycopg2` of postgresql+psycopg2://); None where it does not."""
    host: str | None = None
    port: int | None = None
    name: str | None = None
    user: str | None = None
    server_version: str | None = None
    is_local: bool = False
    """It runs on this machine, so that this machine's processors and memory are its own."""
    pooler: Pooler | None = None
    provider: str | None = None
    """Managed provider, as a registry key (rds-postgresql, ...), when recognised."""
    processors: int | None = None
    tls: Tls | None = None

    @property
    def place(self) -> str:
        """`db.example.com:5432/shop`, as far as it is known; of SQLite the file."""
        if self.host is None:
            return self.name or "?"
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = f":{self.port}" if self.port else ""
        return f"{host}{port}{f'/{self.name}' if self.name else ''}"


CLIENT_LAYER: Final = "pooler client side"
"""The name of the layer that counts a pooler's clients; every other layer counts server connections."""


class Layer(Value, frozen=True):
    """One limit on connections, with the sessions that count against it.

    `limit` is what this role can have with nobody on. `used` are all sessions counted in this layer, without
    the probe's own; `others` those of other services. None: could not be read.
    """

    name: str
    """server, database, role, account, pooler, pooler client side, writer."""
    limit: int
    used: int | None = None
    others: int | None = None
    others_at: str = ""
    """When that many others were seen, ISO 8601, where an earlier probe saw more than this one."""
    available: int = 0
    """Connections this service can have: the limit less the other services' sessions, as far as they are known. Set
    by itself, as `free`."""
    free: int | None = None
    """Connections that nobody holds now."""
    setting: str = ""
    """How the limit comes about, for a person: `max_connections 100 - 3 reserved for superusers`."""

    def __post_init__(self) -> None:
        # Fields and no properties, since those stand in no JSON document.
        force_setattr(self, "available", max(self.limit - (self.others or 0), 0))
        force_setattr(self, "free", None if self.used is None else max(self.limit - self.used, 0))


class Limits(Value, frozen=True):
    """Limits on connections, in the server's words and as layers. Counts of connections; None: not known.

    usable = the smallest layer with nobody on; available = the smallest of (layer less its others); free = the
    same with every session counted. `recommend` divides available, never free.
    """

    max_connections: int | None = None
    reserved_connections: int | None = None
    """Superuser-reserved plus reserved slots."""
    usable_connections: int | None = None
    used_connections: int | None = None
    other_connections: int | None = None
    available_connections: int | None = None
    free_connections: int | None = None
    layers: tuple[Layer, ...] = ()
    origin: Origin = "measured"
    reserved_origin: Origin | None = None
    """Of reserved_connections, where it is another than that of the rest: a default beside a stated limit."""
    reserved_source: str = ""
    source: str = ""
    """For a person: `probe of db:5432/shop, 2 hours ago`, `--max-connections`, `provider rds-postgresql`."""


def limits_of(
    layers: tuple[Layer, ...],
    *,
    max_connections: int | None = None,
    reserved_connections: int | None = None,
    origin: Origin = "measured",
    source: str = "",
) -> Limits:
    """The limits whose sums follow from the layers."""
    limits = Limits(
        max_connections=max_connections, reserved_connections=reserved_connections, origin=origin, source=source
    )
    return with_layers(limits, layers)


def with_layers(limits: Limits, layers: tuple[Layer, ...]) -> Limits:
    """The same with these layers, and the sums that follow from them."""
    free = [layer.free for layer in layers]
    return replace(
        limits,
        layers=layers,
        usable_connections=min((layer.limit for layer in layers), default=None),
        used_connections=max((layer.used for layer in layers if layer.used is not None), default=None),
        other_connections=max((layer.others for layer in layers if layer.others is not None), default=None),
        available_connections=min((layer.available for layer in layers), default=None),
        # Where one layer's sessions are not known, it may be full.
        free_connections=None if None in free else min((count for count in free if count is not None), default=None),
    )


class Phase(Value, frozen=True):
    """One part of opening a connection; the parts' means add up to the total's mean."""

    name: str
    mean_s: float
    p50_s: float


class Burst(Value, frozen=True):
    """`connections` opened at the same moment: time until the first, the median and the last was ready."""

    connections: int
    first_s: float
    p50_s: float
    last_s: float


class ConnectCost(Value, frozen=True):
    """What opening one connection costs, from the place where it was measured. Seconds."""

    samples: int
    mean_s: float
    p50_s: float
    p95_s: float
    p99_s: float
    p50_interval_s: tuple[float, float]
    """95 % confidence interval of the median, from order statistics."""
    phases: tuple[Phase, ...] = ()
    burst: Burst | None = None
    measured_from: str = ""
    """The host name of the machine that measured."""
    client: str = ""
    """The client library and version, since part of the cost (SCRAM) runs in it."""


class SessionGroup(Value, frozen=True):
    """The sessions of one application, user and address, as far as this role may see. Counts."""

    application: str | None
    user: str | None
    address: str | None
    count: int
    active: int | None = None
    idle: int | None = None
    idle_in_transaction: int | None = None
    oldest_idle_in_transaction_s: float | None = None
    own: bool = False
    """Counted as this service's, not among the others."""
    queries: tuple[str, ...] = ()


class ServerTimeouts(Value, frozen=True):
    """The server's limits on silence, seconds; None: no limit or not known."""

    idle_session_s: float | None = None
    idle_in_transaction_s: float | None = None
    statement_s: float | None = None
    busy_s: float | None = None
    """SQLite alone, whose connections bring their own: how long a fresh one of Python's driver waits for another's
    lock."""


class ConnectionMemory(Value, frozen=True):
    """Private memory of one fresh server connection."""

    bytes: int
    origin: Origin
    source: str = ""


class DatabaseFacts(Value, frozen=True):
    """Everything a probe learned: the document of `poolsize probe --json`. Unknown is None, with a reason in
    `unread`."""

    schema_version: int = 1
    command: str = "probe"
    poolsize_version: str = ""
    measured_at: str = ""
    """ISO 8601, UTC."""
    target: str = ""
    """The DSN with its password masked."""
    own: tuple[str, ...] = ()
    """Application names whose sessions were counted as this service's, as asked by `--own`, in order; empty: those of
    the DSN's role in its database."""
    database: Database | None = None
    limits: Limits | None = None
    connect: ConnectCost | None = None
    round_trip_s: float | None = None
    """Median time of a trivial statement on an open connection."""
    transaction_round_trip_s: float | None = None
    """Median time of an empty transaction: begin, a trivial statement, rollback."""
    sessions: tuple[SessionGroup, ...] = ()
    timeouts: ServerTimeouts | None = None
    memory: ConnectionMemory | None = None
    findings: tuple[Finding, ...] = ()
    unread: tuple[Unread, ...] = ()
    next: tuple[str, ...] = ()
    error: ErrorReport | None = None
