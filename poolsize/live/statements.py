"""The statements that load is made of: drawn by weight, each with its parameters drawn from ranges."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from types import MappingProxyType
from typing import Final

from poolsize.errors import UsageError
from poolsize.live.target import Target

BUILT_IN: Final[Mapping[str, str]] = MappingProxyType(
    {
        "postgresql": "SELECT sum(sqrt(i)) FROM generate_series(1, 4000) AS i",
        "mysql": "SELECT BENCHMARK(1000, MD5('poolsize'))",
        "mariadb": "SELECT BENCHMARK(1000, MD5('poolsize'))",
    }
)
"""By dialect: reads nothing, and computes for about a millisecond, which is ten times what sending it costs the
client."""

Range = tuple[int, int]
"""The least and the largest value; each of them is as likely."""


@dataclass(frozen=True)
class Statement:
    """As its target takes it."""

    text: str
    """With the driver's placeholders."""
    ranges: tuple[Range, ...] = ()
    """One for each name."""
    places: tuple[int, ...] = ()
    """For each placeholder, whose value it gets: a name that stands twice has one value."""

    def draw(self, source: random.Random) -> tuple[int, ...]:
        """Its parameters."""
        values = [source.randint(low, high) for low, high in self.ranges]
        return tuple(values[place] for place in self.places)


class Mix:
    """Statements, each drawn as often as its weight says. Safe to share; each thread brings its own `random`."""

    def __init__(self, statements: Sequence[Statement], weights: Sequence[float]) -> None:
        self.statements = tuple(statements)
        self._cumulative = tuple(accumulate(weights))

    def draw(self, source: random.Random) -> tuple[str, tuple[int, ...]]:
        """A statement's text, and its parameters."""
        (found,) = (
            source.choices(self.statements, cum_weights=self._cumulative)
            if len(self.statements) > 1
            else self.statements
        )
        return found.text, found.draw(source)


def mix_of(
    target: Target, texts: Sequence[str], weights: Sequence[float] = (), ranges: Mapping[str, Range] | None = None
) -> Mix:
    """The statements of `texts`, in which `:name` stands for a value from the range of that name; all as often where
    there are no weights. Raises UsageError for what does not fit together."""
    ranges = ranges or {}
    if not texts or any(not text.strip() for text in texts):
        raise UsageError("A statement without a word in it is none.")
    if weights and len(weights) != len(texts):
        raise UsageError(f"{len(weights)} weights do not fit {len(texts)} statements: give one for each, in order.")
    if any(not weight > 0.0 for weight in weights):
        raise UsageError("A weight is above 0.")
    for name, (low, high) in ranges.items():
        if low > high:
            raise UsageError(f"The range {name}={low}..{high} is empty.")
        if not any(_uses(name).search(text) for text in texts):
            raise UsageError(f"No statement has :{name} in it.")
    return Mix([_statement(target, text, ranges) for text in texts], weights or [1.0] * len(texts))


def _statement(target: Target, text: str, ranges: Mapping[str, Range]) -> Statement:
    text = text.strip().rstrip(";").rstrip()
    if not ranges:
        return Statement(text)
    names: list[str] = []
    places: list[int] = []
    parts: list[str] = []
    at = 0
    for match in _uses("|".join(ranges)).finditer(text):
        if match[1] not in names:
            names.append(match[1])
        places.append(names.index(match[1]))
        parts += [target.literal(text[at : match.start()]), target.placeholder(len(places))]
        at = match.end()
    if not places:
        return Statement(text)
    parts.append(target.literal(text[at:]))
    return Statement("".join(parts), tuple(ranges[name] for name in names), tuple(places))


def _uses(names: str) -> re.Pattern[str]:
    """Where `:name` stands, which `::name`, a PostgreSQL cast, does not."""
    return re.compile(rf"(?<![:\w]):({names})\b")
