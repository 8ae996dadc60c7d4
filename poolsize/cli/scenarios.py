"""The scenarios that the options of `poolsize simulate` describe, and their numbers for the document."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from msgspec.structs import replace

from poolsize.choices import not_one_of
from poolsize.cli.simulated_load import LoadOptions, load_of
from poolsize.datatypes import Quantity
from poolsize.errors import UsageError, WorkloadError
from poolsize.queueing import Closed, Open, Usl
from poolsize.request_text import parse_usl
from poolsize.simulate.checks import check
from poolsize.simulate.scenario import Scenario
from poolsize.simulate.semantics import kept_by, semantics_of

STARTS: Final = ("empty", "full")
_MOST_SIZES: Final = 1000
"""A range of more is a mistake, or a day's work."""


@dataclass(frozen=True, kw_only=True)
class PoolOptions:
    """As they were typed, in base units; None: not at all."""

    semantics: str
    capacity: str | None
    pool_size: int | None
    max_overflow: int | None
    usl: str | None
    start: str | None
    settings: Mapping[str, float | int | None]
    """The others, by their names in `Scenario`."""


def scenarios_of(pool: PoolOptions, load: LoadOptions) -> tuple[Scenario, ...]:
    """One for each capacity. Raises UsageError for options that are missing, impossible or contradict each other,
    WorkloadError for numbers that no pool or workload has, FileError for a file that cannot be read."""
    stated: dict[str, Any] = {name: value for name, value in pool.settings.items() if value is not None}
    stated.setdefault("timeout_s", semantics_of(pool.semantics).timeout_s)
    if pool.start is not None and pool.start not in STARTS:
        raise not_one_of("start", pool.start, STARTS)
    slowed = parse_usl(pool.usl)
    try:
        requests, hold = load_of(load)
        common = Scenario(
            load=requests,
            hold=hold,
            capacity=1,
            pool_size=1,
            semantics=pool.semantics,
            usl=None if slowed is None else Usl(*slowed),
            start="full" if pool.start == "full" else "empty",
            **stated,
        )
        found = tuple(replace(common, pool_size=kept, capacity=capacity) for kept, capacity in _sizes(pool))
        for scenario in found:
            check(scenario)
    except ValueError as error:
        raise WorkloadError(f"This cannot be simulated: {str(error).rstrip('.')}.") from None
    return found


def _sizes(pool: PoolOptions) -> list[tuple[int, int]]:
    """What each pool keeps, and its capacity."""
    kind = semantics_of(pool.semantics)
    if pool.capacity is None:
        if pool.pool_size is None and pool.max_overflow is None:
            return [(kind.pool_size, kind.capacity)]
        kept = kind.pool_size if pool.pool_size is None else pool.pool_size
        return [(kept, kept + (pool.max_overflow or 0))]
    if pool.max_overflow is not None:
        raise UsageError("--capacity and --max-overflow say the same thing: give one of them.")
    capacities = _capacities(pool.capacity)
    if pool.pool_size is not None and pool.pool_size > capacities[0]:
        raise UsageError(f"--pool-size: a pool of {capacities[0]} connections cannot keep {pool.pool_size}.")
    return [
        (kept_by(pool.semantics, capacity) if pool.pool_size is None else pool.pool_size, capacity)
        for capacity in capacities
    ]


def _capacities(text: str) -> list[int]:
    """Ascending, of `8`, `2..12` or `4,8,16`."""
    numbers: Sequence[int] = ()
    span = re.fullmatch(r"\s*(\d{1,9})\s*\.\.\s*(\d{1,9})\s*", text)
    if span is not None:
        numbers = range(int(span[1]), int(span[2]) + 1)
    elif re.fullmatch(r"\s*\d{1,9}\s*(,\s*\d{1,9}\s*)*", text):
        numbers = sorted({int(part) for part in text.split(",")})
    if not numbers or numbers[0] < 1:
        raise UsageError(f"--capacity {text!r} is no number of connections, such as 8, 2..12 or 4,8,16.")
    if len(numbers) > _MOST_SIZES:
        raise UsageError(f"--capacity {text!r} has more than {_MOST_SIZES} sizes.")
    return list(numbers)


def inputs_of(scenario: Scenario, pool: PoolOptions) -> dict[str, Quantity]:
    """The numbers that went in, by the names that they have in `Scenario`; but for the sizes, and for what is not set
    or infinite."""
    load, hold = scenario.load, scenario.hold
    stated: dict[str, float] = {"hold_s": hold.mean_s, "hold_scv": hold.scv, "app_s": hold.app_s}
    if isinstance(load, Open):
        stated["rate_per_s"] = load.rate_per_s
    elif isinstance(load, Closed):
        stated |= {"threads": load.threads, "think_s": load.think_s}
    else:
        stated |= {"recorded_requests": len(load.arrivals_s), "recorded_s": load.arrivals_s[-1]}
    if scenario.usl is not None:
        stated |= {"usl_alpha": scenario.usl.alpha, "usl_beta": scenario.usl.beta}
    found = {name: Quantity(value=value, origin="stated") for name, value in stated.items()}
    for name, typed in pool.settings.items():
        value = getattr(scenario, name)
        if value is not None and value < math.inf:
            is_default = typed is None
            source = "default" if is_default else ""
            found[name] = Quantity(value=value, origin="assumed" if is_default else "stated", source=source)
    return found
