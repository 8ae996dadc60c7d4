"""Which of the stated inputs were really others, in sentences."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Final

from poolsize.datatypes import Quantity
from poolsize.datatypes.verify import InputChange
from poolsize.live.verify_intervals import student
from poolsize.live.verify_visits import Requests
from poolsize.units import duration, rate

_TOLD: Final = 0.02
"""Of the input: a hold that is 2 % longer changes no size."""
_TOLD_SCV: Final = 0.2
"""An scv is known to no more than that from some thousand holds."""
_FREEDOM: Final = 30
"""As for many."""


def changes_of(
    stated: Mapping[str, Quantity],
    measured: Mapping[str, Quantity],
    seen: Requests,
    *,
    is_sleep: bool,
) -> Iterator[InputChange]:
    """Those that differ by more than chance, the ones that move a wait the most first."""
    holds = seen.served_holds_s
    noise = student(_FREEDOM) * float(holds.std()) / math.sqrt(len(holds))
    for name, least, told in (
        ("hold_s", noise, duration),
        ("rate_per_s", student(_FREEDOM) * math.sqrt(seen.count) / seen.seconds, rate),
        ("think_s", student(_FREEDOM) * _mean(stated, "think_s") / math.sqrt(seen.count), duration),
        ("hold_scv", _TOLD_SCV, lambda value: f"{value:.2g}"),
    ):
        if name not in stated or name not in measured:
            continue
        was, now = stated[name].value, measured[name].value
        if abs(now - was) > max(least, _TOLD * was):
            yield InputChange(
                name=name, stated=was, measured=now, sentence=_sentence(name, told(now), told(was), is_sleep=is_sleep)
            )


def _mean(stated: Mapping[str, Quantity], name: str) -> float:
    return stated[name].value if name in stated else 0.0


def _sentence(name: str, now: str, was: str, *, is_sleep: bool) -> str:
    if name == "hold_s":
        why = ": the round trips, the pool's reset and the server's own time come on top of a sleep" if is_sleep else ""
        return f"The real hold was {now}, not {was}{why}."
    words = {
        "rate_per_s": "The real rate was {now}, not {was}.",
        "think_s": "Threads spent {now} between two checkouts, not {was}: waking one up takes its time.",
        "hold_scv": "The holds had an scv of {now}, not {was}.",
    }
    return words[name].format(now=now, was=was)
