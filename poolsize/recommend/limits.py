"""The worst case held against every limit."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import msgspec

from poolsize.datatypes import Deployment, Layer, LimitCheck
from poolsize.recommend.pool_load import total_rate_per_s
from poolsize.recommend.situation import Situation

_CLIENT_SIDE: Final = "pooler client side"
"""The layers of a pooler that count its clients, all, a database's or a user's, start so; all others count server
connections."""
_CONNECTIONS: Final = "connections"
SERVER_LAYER: Final = "server"
WRITER_LAYER: Final = "writer"


def layers_of(situation: Situation) -> tuple[Layer, ...]:
    """The layers that the pools' connections count in, with everything else that is on the server.

    Behind a pooler that lends a server connection for a transaction or a statement, the pools' connections are its
    clients, and only its client side counts them.
    """
    limits = situation.facts.limits
    layers = tuple(layer for layer in limits.layers if layer.name != WRITER_LAYER) if limits else ()
    if shares_server_connections(situation):
        layers = tuple(layer for layer in layers if counts_clients(layer.name))
    return tuple(_with_others(layer, situation) for layer in layers)


def shares_server_connections(situation: Situation) -> bool:
    """The DSN leads to a pooler whose clients share its server connections."""
    database = situation.facts.database
    return database is not None and database.pooler is not None and database.pooler.pool_mode != "session"


def server_pool_layers(situation: Situation) -> tuple[Layer, ...]:
    """Behind such a pooler: the limits on the server connections that all its clients share."""
    limits = situation.facts.limits
    if limits is None or not shares_server_connections(situation):
        return ()
    layers = (layer for layer in limits.layers if not counts_clients(layer.name) and layer.name != WRITER_LAYER)
    return tuple(_with_others(layer, situation) for layer in layers)


def counts_clients(layer_name: str) -> bool:
    """It is a pooler's limit on its clients, which cost the server nothing."""
    return layer_name.startswith(_CLIENT_SIDE)


def _with_others(layer: Layer, situation: Situation) -> Layer:
    """`--others` replaces what was seen on the server; without it there are at least three."""
    if layer.name != SERVER_LAYER:
        return layer
    least = int(situation.least_others.value)
    others = least if situation.least_others.origin == "stated" else max(layer.others or 0, least)
    return msgspec.structs.replace(layer, others=others)


def held_against(layers: Sequence[Layer], deployment: Deployment, capacity: int) -> tuple[LimitCheck, ...]:
    """One check a layer."""
    return tuple(
        LimitCheck(
            name=layer.name,
            limit=layer.limit,
            others=layer.others or 0,
            demand=deployment.worst_case(capacity),
            source=layer.setting,
        )
        for layer in layers
    )


def binding(checks: Sequence[LimitCheck]) -> LimitCheck | None:
    """The check with the smallest margin; of what is not counted in connections only one that is broken."""
    counted = [check for check in checks if check.unit == _CONNECTIONS or check.margin < 0]
    return min(counted or checks, key=lambda check: check.margin, default=None)


def most_that_fit(layers: Sequence[Layer], deployment: Deployment) -> int | None:
    """The largest capacity of each pool whose worst case exceeds no layer; 0 when not even one connection a pool
    fits, None when nothing bounds it."""
    room = [layer.available for layer in layers]
    return math.floor(min(room) / deployment.peak_pools) if room else None


def writer_checks(situation: Situation) -> tuple[LimitCheck, ...]:
    """SQLite lets one connection write at a time: the share of its time that it would be busy, were every
    transaction a writing one."""
    database = situation.facts.database
    if database is None or database.dialect != "sqlite":
        return ()
    rate = total_rate_per_s(situation.workload, situation.deployment)
    return (
        LimitCheck(
            name=WRITER_LAYER,
            limit=1,
            demand=rate * situation.workload.hold_s.value,
            unit="writing transactions at once, if all of them write",
            source="SQLite lets one connection write at a time",
        ),
    )
