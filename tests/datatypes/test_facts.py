"""What follows from the limits of the layers, and what does not where a layer could not be read."""

from __future__ import annotations

import json

import msgspec
import pytest

from poolsize.datatypes import Layer, Limits, limits_of, with_layers


def test_a_layer_has_what_is_left_of_it_in_its_document_too() -> None:
    layer = Layer(name="server", limit=97, used=12, others=4)
    assert (layer.available, layer.free) == (93, 85)
    document = json.loads(msgspec.json.encode(layer))
    assert (document["available"], document["free"]) == (93, 85)
    assert msgspec.json.decode(msgspec.json.encode(layer), type=Layer) == layer


def test_what_is_left_follows_from_the_rest_whatever_is_written_beside_it() -> None:
    layer = Layer(name="server", limit=97, used=12, others=4)
    assert msgspec.structs.replace(layer, others=40, used=60).available == 57
    written = msgspec.json.decode(
        b'{"name": "server", "limit": 10, "used": 4, "available": 99, "free": 99}', type=Layer
    )
    assert (written.available, written.free) == (10, 6)


def test_more_sessions_than_a_limit_allows_leave_nothing() -> None:
    layer = Layer(name="role", limit=5, used=9, others=7)  # a limit that was lowered
    assert (layer.available, layer.free) == (0, 0)


@pytest.mark.parametrize("unread", [0, 1])
def test_where_a_layers_sessions_are_not_known_nobody_knows_how_many_are_free(unread: int) -> None:
    layers = [Layer(name="server", limit=97, used=12, others=4), Layer(name="role", limit=50, used=2, others=0)]
    assert limits_of(tuple(layers)).free_connections == 48
    layers[unread] = msgspec.structs.replace(layers[unread], used=None, others=None)
    limits = limits_of(tuple(layers))
    assert layers[unread].free is None
    assert limits.free_connections is None
    assert limits.available_connections == 50
    assert limits.usable_connections == 50


def test_no_layers_are_no_limits() -> None:
    assert limits_of(()) == Limits()


def test_other_layers_keep_what_is_said_beside_them() -> None:
    layers = (Layer(name="server", limit=97, used=12, others=4),)
    limits = limits_of(layers, max_connections=100, reserved_connections=3, origin="stated", source="--max-connections")
    busier = with_layers(limits, (msgspec.structs.replace(layers[0], others=31),))
    assert busier.available_connections == 66
    assert busier.other_connections == 31
    kept = msgspec.structs.replace(busier, layers=layers, other_connections=4, available_connections=93)
    assert kept == limits
