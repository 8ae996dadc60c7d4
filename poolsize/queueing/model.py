"""What goes into the model: an `Open` or `Closed` load, the `Hold`, and how the database slows down (`Usl`)."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from typing import Literal

from msgspec import Struct

HoldLaw = Literal["constant", "exponential", "lognormal", "gamma", "h2", "histogram"]


class Open(Struct, frozen=True):
    """Poisson arrivals at `rate_per_s` >= 0, however many are waiting: an async server, or many processes."""

    rate_per_s: float

    def __post_init__(self) -> None:
        if not 0.0 <= self.rate_per_s < math.inf:
            raise ValueError(f"A rate of {self.rate_per_s}/s is none: it must be 0 or more, and finite.")


class Closed(Struct, frozen=True):
    """A finite source: `threads` >= 1 customers, each away from the pool for `think_s` > 0 on average between two
    checkouts. Only the mean of the think time matters as long as nothing times out (BCMP)."""

    threads: int
    think_s: float

    def __post_init__(self) -> None:
        if self.threads < 1:
            raise ValueError(f"{self.threads} threads ask for nothing: at least 1 is needed.")
        if not 0.0 < self.think_s < math.inf:
            raise ValueError(
                f"A think time of {self.think_s} s is none: it must be above 0, and finite. For threads that never "
                "pause take one far below the hold."
            )


Load = Open | Closed


class Usl(Struct, frozen=True):
    """How a database slows down with the connections that are active on it at once: the Universal Scalability Law.

    `alpha` >= 0 is the share of work that only one of them can do at a time (contention), `beta` >= 0 what each pair
    costs to agree (crosstalk). With beta the throughput falls again beyond sqrt((1 - alpha) / beta) active ones.
    Gunther, Guerrilla Capacity Planning (2007), and arXiv:0808.1431.
    """

    alpha: float = 0.0
    beta: float = 0.0

    def __post_init__(self) -> None:
        if not (0.0 <= self.alpha < math.inf and 0.0 <= self.beta < math.inf):
            raise ValueError(f"alpha = {self.alpha} and beta = {self.beta} are no slow-down: both must be 0 or more.")

    def slowdown(self, active: float) -> float:
        """phi: how many times longer the database works on a statement while `active` >= 1 are worked on.

        >>> Usl(alpha=0.05, beta=0.002).slowdown(10)
        1.63
        """
        return 1.0 + self.alpha * (active - 1.0) + self.beta * active * (active - 1.0)


class Hold(Struct, frozen=True):
    """The time that one checkout holds a connection, seconds, on a database with nothing else to do.

    `scv` >= 0 is its squared coefficient of variation, variance / mean². By it the law is constant (0), exponential
    (1), or else lognormal, unless `law` says otherwise: gamma (scv > 0), or h2 (scv >= 1), the mixture of two
    exponential laws that make up half of the time each. Mean and scv do not settle a percentile: the p99 of the wait
    differs by up to 60 % between laws that have both in common.
    """

    mean_s: float
    scv: float = 1.0
    law: HoldLaw | None = None
    app_s: float = 0.0
    """The part of the mean in which the application computes and the database has nothing to do for it, 0..mean_s.
    The rest is slowed down by other connections (`Usl`)."""
    histogram: tuple[tuple[float, float], ...] = ()
    """Of the law `histogram`: its values, ascending, and the share of each. They are stretched to `mean_s`."""

    def __post_init__(self) -> None:
        if not 0.0 < self.mean_s < math.inf:
            raise ValueError(f"A mean hold of {self.mean_s} s is none: it must be above 0, and finite.")
        if not 0.0 <= self.scv < math.inf:
            raise ValueError(f"A squared coefficient of variation of {self.scv} is none: it must be 0 or more.")
        if not 0.0 <= self.app_s <= self.mean_s:
            raise ValueError(f"Of a hold of {self.mean_s} s the application cannot take {self.app_s} s.")
        if self.law is not None:
            _check_law(self.law, self.scv, self.histogram)

    @property
    def law_name(self) -> HoldLaw:
        """The law, also where mean and scv decide it."""
        if self.law is not None:
            return self.law
        if self.scv == 1.0:
            return "exponential"
        return "constant" if self.scv == 0.0 else "lognormal"

    @classmethod
    def from_histogram(cls, values_s: Iterable[float], counts: Iterable[float], *, app_s: float = 0.0) -> Hold:
        """Holds that took exactly these values, seconds, >= 0, each so many times."""
        counted: dict[float, float] = {}
        for value, count in zip(values_s, counts, strict=True):
            if not (0.0 <= value < math.inf and 0.0 <= count < math.inf):
                raise ValueError(f"A hold of {value} s that was seen {count} times cannot be.")
            counted[value] = counted.get(value, 0.0) + count
        seen = sorted((value, count) for value, count in counted.items() if count > 0.0)
        total = math.fsum(count for _, count in seen)
        shares = tuple((value, count / total) for value, count in seen)
        mean = math.fsum(value * share for value, share in shares)
        if mean == 0.0:
            raise ValueError("A histogram of holds needs one that took some time.")
        variance = math.fsum((value - mean) ** 2 * share for value, share in shares)
        return cls(mean, variance / mean**2, "histogram", app_s, shares)

    @classmethod
    def from_samples(cls, holds_s: Iterable[float], *, app_s: float = 0.0) -> Hold:
        """Holds as they were measured one by one, seconds."""
        counted = Counter(map(float, holds_s))
        return cls.from_histogram(counted.keys(), counted.values(), app_s=app_s)


def _check_law(law: HoldLaw, scv: float, histogram: tuple[tuple[float, float], ...]) -> None:
    """Raises ValueError where no such law has this scv."""
    possible = {
        "constant": scv == 0.0,
        "exponential": scv == 1.0,
        "lognormal": scv > 0.0,
        "gamma": scv > 0.0,
        "h2": scv >= 1.0,
        "histogram": bool(histogram),
    }
    if law not in possible:
        raise ValueError(f"{law!r} is not one of the laws {', '.join(possible)}.")
    if not possible[law]:
        asks = "values and shares" if law == "histogram" else f"another scv than {scv:g}"
        raise ValueError(f"A law of holds that is {law} asks for {asks}.")
