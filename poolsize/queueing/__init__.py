"""Queueing formulas for pools: numbers in, numbers out.

solve(Open(rate_per_s=8.0), Hold(mean_s=1.0), capacity=10, timeout_s=0.5)
solve(Closed(threads=20, think_s=1.0), Hold(mean_s=1.0), capacity=10, timeout_s=0.5, pool_size=5, usl=Usl(0.05, 0.002))
sweep(Open(rate_per_s=8.0), Hold(mean_s=1.0), capacity=range(1, 200), timeout_s=0.5)

One pool with exponential holds is solved in plain Python. What needs numpy is imported when it is used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

from poolsize.queueing.churn import Semantics
from poolsize.queueing.model import Closed, Hold, HoldLaw, Load, Open, Usl
from poolsize.queueing.solve import Model, openings, solve
from poolsize.queueing.wait import Bracket, Wait

if TYPE_CHECKING:
    from poolsize.queueing.fleet import Fleet, solve_fleet
    from poolsize.queueing.fleet_pools import Pools
    from poolsize.queueing.laws import Law, law_of
    from poolsize.queueing.peak_load import Bursts, Profile
    from poolsize.queueing.peaks import Peak, solve_peaks
    from poolsize.queueing.usl_fit import UslFit, fit_usl
    from poolsize.queueing.waits import ClosedLoads, OpenLoads, Waits, sweep

_WITH_NUMPY: Final = {
    "Bursts": "peak_load",
    "ClosedLoads": "waits",
    "Fleet": "fleet",
    "Law": "laws",
    "OpenLoads": "waits",
    "Peak": "peaks",
    "Pools": "fleet_pools",
    "Profile": "peak_load",
    "UslFit": "usl_fit",
    "Waits": "waits",
    "fit_usl": "usl_fit",
    "law_of": "laws",
    "solve_fleet": "fleet",
    "solve_peaks": "peaks",
    "sweep": "waits",
}
"""Names and their modules here."""

__all__ = [
    "Bracket",
    "Bursts",
    "Closed",
    "ClosedLoads",
    "Fleet",
    "Hold",
    "HoldLaw",
    "Law",
    "Load",
    "Model",
    "Open",
    "OpenLoads",
    "Peak",
    "Pools",
    "Profile",
    "Semantics",
    "Usl",
    "UslFit",
    "Wait",
    "Waits",
    "fit_usl",
    "law_of",
    "openings",
    "solve",
    "solve_fleet",
    "solve_peaks",
    "sweep",
]


if not TYPE_CHECKING:  # so that a wrong name is still an error of types

    def __getattr__(name: str) -> Any:
        if name not in _WITH_NUMPY:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(importlib.import_module(f"poolsize.queueing.{_WITH_NUMPY[name]}"), name)
