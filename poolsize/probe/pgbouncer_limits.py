"""PgBouncer's own limits on one pool, from what its console showed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from poolsize.datatypes import CLIENT_LAYER, Layer
from poolsize.probe.postgresql_session import Row

_SHOWN: Final[tuple[str, ...]] = (
    "pool_mode", "default_pool_size", "min_pool_size", "reserve_pool_size", "reserve_pool_timeout", "max_client_conn",
    "max_db_connections", "max_user_connections", "max_db_client_connections", "max_user_client_connections",
    "query_wait_timeout", "server_idle_timeout", "server_lifetime", "server_login_retry", "client_idle_timeout",
    "idle_transaction_timeout", "transaction_timeout", "max_prepared_statements", "so_reuseport",
)  # fmt: skip
# Server connections that are idle in a pool count in no limit: another pool may have them closed to open its own.
_IN_USE: Final = ("sv_active", "sv_active_cancel", "sv_being_canceled", "sv_tested", "sv_login")
_CLIENTS: Final = ("cl_active", "cl_waiting")


@dataclass(frozen=True)
class Pair:
    """A pool of PgBouncer is per database entry and user."""

    database: str
    user: str


@dataclass
class Console:
    """What the console told. Columns differ between versions (1.18, 1.24, 1.26), so they are read by name."""

    version: str | None = None
    config: dict[str, str] = field(default_factory=dict)
    databases: Sequence[Row] = ()
    users: Sequence[Row] = ()
    pools: Sequence[Row] = ()


def settings(console: Console, pair: Pair) -> dict[str, str]:
    """What a person wants to see of them, the general ones under their own names."""
    shown = {name: console.config[name] for name in _SHOWN if name in console.config}
    entry = _entry(console.databases, "name", pair.database)
    named = {
        name: str(entry[name])
        for name in ("pool_size", "min_pool_size", "reserve_pool", "reserve_pool_size", "max_connections")
        if entry.get(name) is not None
    }
    return {**shown, **{f"{name} of database {pair.database}": value for name, value in named.items()}}


def pool_mode(console: Console, pair: Pair) -> str | None:
    """The pool's own (SHOW POOLS has what results); else the user's, the database's, the general one."""
    found = _pool(console, pair).get("pool_mode")
    user, entry = _entry(console.users, "name", pair.user), _entry(console.databases, "name", pair.database)
    return found or user.get("pool_mode") or entry.get("pool_mode") or console.config.get("pool_mode")


def layers(console: Console, pair: Pair) -> tuple[Layer, ...]:
    """PgBouncer's limits on this pair, each with its own users: on its server connections, and on its clients, of which
    there is one layer, the narrowest. 0 is no limit."""
    entry = _entry(console.databases, "name", pair.database)
    user_name = entry.get("force_user") or pair.user
    user, mine = _entry(console.users, "name", user_name), _pool(console, pair)
    of_database = [row for row in console.pools if row["database"] == pair.database]
    of_user = [row for row in console.pools if row["user"] == user_name]
    own_busy, own_clients = _sum([mine], _IN_USE), _sum([mine], _CLIENTS)
    # A user's own limit shows since 1.24; before, only the general one can be known.
    user_limit = user.get("max_user_connections") or console.config.get("max_user_connections")
    whose_database, whose_user = f"of database {pair.database}", f"of user {pair.user}"
    on_servers = (
        _pool_layer(pair, user, entry, mine),
        _layer("pooler database", f"max_db_connections {whose_database}", entry.get("max_connections"),
               _sum(of_database, _IN_USE), own_busy),
        _layer("pooler user", f"max_user_connections {whose_user}", user_limit, _sum(of_user, _IN_USE), own_busy),
    )  # fmt: skip
    on_clients = (
        _layer(CLIENT_LAYER, "max_client_conn", console.config.get("max_client_conn"),
               _sum(console.pools, _CLIENTS), own_clients),
        _layer(CLIENT_LAYER, f"max_db_client_connections {whose_database}", entry.get("max_client_connections"),
               _sum(of_database, _CLIENTS), own_clients),
        _layer(CLIENT_LAYER, f"max_user_client_connections {whose_user}", user.get("max_user_client_connections"),
               _sum(of_user, _CLIENTS), own_clients),
    )  # fmt: skip
    narrowest = min((layer for layer in on_clients if layer), key=lambda layer: layer.available, default=None)
    return tuple(layer for layer in (*on_servers, narrowest) if layer is not None)


def _pool_layer(pair: Pair, user: Row, entry: Row, mine: Row) -> Layer | None:
    """The user's pool_size before the database's before the general one. Server connections that are idle in the
    pool are free to take. The reserve is not counted: it opens only after clients have waited for it."""
    size = _number(user.get("pool_size")) or _number(entry.get("pool_size")) or 0
    if size <= 0:
        return None
    reserve = _number(entry.get("reserve_pool_size") or entry.get("reserve_pool")) or 0
    extra = f", {reserve} more after waiting reserve_pool_timeout" if reserve else ""
    return Layer(
        name="pooler",
        limit=size,
        used=_sum([mine], _IN_USE),
        others=0,
        setting=f"pool_size {size} of database {pair.database} and user {pair.user}{extra}",
    )


def _layer(name: str, setting: str, limit: str | None, used: int, own: int) -> Layer | None:
    number = _number(limit) or 0
    if number <= 0:
        return None
    return Layer(name=name, limit=number, used=used, others=max(used - own, 0), setting=f"{setting}: {number}")


def _pool(console: Console, pair: Pair) -> Row:
    entry = _entry(console.databases, "name", pair.database)
    user = entry.get("force_user") or pair.user
    return next((row for row in console.pools if (row["database"], row["user"]) == (pair.database, user)), {})


def _entry(rows: Sequence[Row], column: str, value: str | None) -> Row:
    return next((row for row in rows if row[column] == value), {})


def _sum(pools: Sequence[Row], columns: Sequence[str]) -> int:
    return sum(_number(row.get(column)) or 0 for row in pools for column in columns)


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.strip().lstrip("-").isdigit() else None
