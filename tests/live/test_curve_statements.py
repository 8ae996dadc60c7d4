"""What load is made of: parameters where they are named, weights as they are given."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from poolsize.dsn import parse
from poolsize.errors import UsageError
from poolsize.live.statements import BUILT_IN, mix_of
from poolsize.live.target import Reach, target_of
from tests.live.conftest import Make

POSTGRESQL = target_of(parse("postgresql://app@127.0.0.1/shop"))
MYSQL = target_of(parse("mysql://app@127.0.0.1/shop"))


def test_a_name_becomes_the_placeholder_of_its_driver() -> None:
    text = "SELECT * FROM t WHERE id = :id AND at > :at AND other = :id AND name LIKE 'a%';"
    ranges = {"id": (1, 9), "at": (100, 100)}
    (numbered,) = mix_of(POSTGRESQL, [text], (), ranges).statements
    assert numbered.text == "SELECT * FROM t WHERE id = $1 AND at > $2 AND other = $3 AND name LIKE 'a%'"
    assert numbered.ranges == ((1, 9), (100, 100))
    first, at, again = numbered.draw(random.Random(3))  # noqa: S311 - no secret
    assert (at, again) == (100, first)
    (formatted,) = mix_of(MYSQL, [text], (), ranges).statements
    assert formatted.text == "SELECT * FROM t WHERE id = %s AND at > %s AND other = %s AND name LIKE 'a%%'"


def test_what_only_looks_like_a_name_is_left_alone() -> None:
    text = "SELECT '12:id'::id, :id::int, :idea"
    (found,) = mix_of(POSTGRESQL, [text], (), {"id": (1, 9)}).statements
    assert found.text == "SELECT '12:id'::id, $1::int, :idea"
    assert mix_of(MYSQL, ["SELECT '5%'"]).statements[0].text == "SELECT '5%'"  # without parameters nothing is formatted


def test_statements_are_drawn_by_weight_and_parameters_from_their_range() -> None:
    mix = mix_of(POSTGRESQL, ["SELECT :n", "SELECT 2"], (3.0, 1.0), {"n": (5, 7)})
    source = random.Random(1)  # noqa: S311 - no secret
    drawn = [mix.draw(source) for _ in range(4000)]
    counted = Counter(text for text, _ in drawn)
    assert 2850 < counted["SELECT $1"] < 3150
    assert {parameters for text, parameters in drawn if text == "SELECT $1"} == {(5,), (6,), (7,)}
    assert {parameters for text, parameters in drawn if text == "SELECT 2"} == {()}


@pytest.mark.parametrize(
    ("texts", "weights", "ranges", "words"),
    [
        ([], (), {}, "without a word"),
        (["  "], (), {}, "without a word"),
        (["SELECT 1"], (1.0, 2.0), {}, "2 weights do not fit 1 statements"),
        (["SELECT 1", "SELECT 2"], (1.0, 0.0), {}, "above 0"),
        (["SELECT 1", "SELECT 2"], (1.0, float("nan")), {}, "above 0"),
        (["SELECT :a"], (), {"a": (2, 1)}, "a=2..1 is empty"),
        (["SELECT :a"], (), {"b": (1, 2)}, "No statement has :b"),
    ],
)
def test_what_does_not_fit_together_is_refused(
    texts: list[str], weights: tuple[float, ...], ranges: dict[str, tuple[int, int]], words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        mix_of(POSTGRESQL, texts, weights, ranges)


def test_the_servers_take_them(make: Make) -> None:
    target = make(Reach())
    mix = mix_of(target, ["SELECT 1 + :n", BUILT_IN[target.dsn.dialect]], (), {"n": (1, 2)})
    connection = target.connect()
    try:
        source = random.Random(1)  # noqa: S311 - no secret
        for statement in mix.statements:
            target.run(connection, statement.text, statement.draw(source))
    finally:
        target.close(connection)
