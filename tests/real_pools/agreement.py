"""Whether a real pool did what is predicted of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from poolsize.queueing import Closed, Hold, Open, Wait, solve
from poolsize.simulate import Simulated, Trace, simulate
from tests.real_pools.measured import Measured
from tests.real_pools.threads import Observed

WIDTHS: Final = 2.0
"""By which an interval of 95 % is widened: to four standard deviations, since it is held against many figures, and
the shares among them have a longer tail than the normal law."""
TAIL: Final = 0.05
"""The share of requests beyond the quantile that is compared."""
RUNS: Final = 400
"""Simulated runs whose spread is that of a real one."""
EVENT_RUNS: Final = 100
"""The same where they are simulated event by event."""
REPLAYS: Final = 20
_Z: Final = 1.96


@dataclass(frozen=True, eq=False)
class Trial:
    """A run of a real pool, and what is predicted of it."""

    measured: Measured
    """Without the warm-up."""
    runs: Simulated
    """Simulated ones, each as long as it."""
    exact: Wait | None
    """The formula's, where there is one."""

    @property
    def predictions(self) -> tuple[Wait | Simulated, ...]:
        return (self.runs, self.exact) if self.exact else (self.runs,)


def trial(
    seen: Observed, capacity: int, *, warm_up_s: float, runs: int = RUNS, has_formula: bool = True, **settings: Any
) -> Trial:
    """The simulation gets the load as it was, and the holds one by one; the formula their means."""
    known = {name: settings[name] for name in ("timeout_s", "pool_size") if name in settings}
    exact = solve(seen.load, Hold(seen.measured.hold_mean_s), capacity, **known) if has_formula else None
    hold = Hold.from_samples(seen.measured.hold_s)
    return tried(seen.measured.after(warm_up_s), seen.load, hold, capacity, exact=exact, runs=runs, **settings)


def tried(
    measured: Measured,
    load: Open | Closed,
    hold: Hold,
    capacity: int,
    *,
    exact: Wait | None,
    runs: int = RUNS,
    **settings: Any,
) -> Trial:
    """The same for a load and holds whose laws are known."""
    requests = len(measured.asked_s)
    return Trial(measured, simulate(load, hold, capacity, replications=runs, arrivals=requests, **settings), exact)


def assert_is_as_predicted(one: Trial, *names: str, with_tail: bool = False) -> None:
    """The measured run is one like the simulated ones: its figures of these names, and with_tail the share beyond the
    95 % quantile of the wait, are as far from their mean as those of one run may be. So far they may be from the exact
    solution, too."""
    assert one.runs.sample.requests == len(one.measured.asked_s)
    for name in names:
        assert_may_be(name, one.measured.figure(name, one.runs.scenario.capacity), one)
    for said in one.predictions if with_tail else ():
        t_s = said.quantile(1.0 - TAIL)
        half = _of_one_run(one.runs, one.runs.exceeds_interval(t_s))
        _assert_near(f"P(wait > {t_s:.4g} s)", one.measured.exceeds(t_s), said.exceeds(t_s), half, said.method)


def assert_may_be(name: str, seen: float, one: Trial) -> None:
    """A figure of this run by whatever source."""
    for said in one.predictions:
        _assert_near(name, seen, getattr(said, name), half_of_a_run(one.runs, name), said.method)


def half_of_a_run(runs: Simulated, name: str) -> float:
    """Half of the 95 % interval in which a figure of one of them is."""
    return _of_one_run(runs, runs.interval(name))


def _of_one_run(runs: Simulated, interval: tuple[float, float]) -> float:
    """Half of the interval for one run, from that for the mean of all."""
    return (interval[1] - interval[0]) / 2.0 * math.sqrt(runs.sample.replications)


def assert_is_repeated(measured: Measured, again: Callable[[Trace], Simulated]) -> None:
    """The same requests at a simulated pool wait as long, as many of them time out, and as many connections are opened
    until the last of them asks, but for what the machine did: it lets a request know of its connection a while after
    that was free, so that it cannot be told who of two came first within that time. So the requests are repeated with
    their times shifted by such whiles, and the run has to be one like these."""
    rng = np.random.default_rng(0)
    repeated = [again(_shaken(measured, rng)) for _ in range(REPLAYS)]
    handover_s = float(measured.handover_s.mean())
    assert_one_of("mean wait", float(measured.wait_s.mean()), [one.mean_wait_s for one in repeated], handover_s)
    assert_one_of("timeouts", float(measured.is_late.sum()), [one.sample.timed_out.sum() for one in repeated], 1.0)
    opened = float((measured.opened_s <= measured.asked_s[-1]).sum())
    assert_one_of("openings", opened, [one.sample.opened.sum() for one in repeated], 1.0)


def assert_in_the_same_order(measured: Measured, replay: Simulated) -> None:
    """Of the same requests at a simulated pool each waits as long, to within a handover, but for a minority that the
    machine let change places. The mean wait does not depend on who is served first; this does."""
    off_s = np.abs(measured.wait_s - replay.sample.path[:, 1])
    assert np.median(off_s) <= measured.handover_s.mean(), (
        f"half of the waits are {np.median(off_s):.2g} s off and more"
    )


def _shaken(measured: Measured, rng: np.random.Generator) -> Trace:
    asked_s, earlier_s, later_s = (rng.choice(measured.handover_s, len(measured.handover_s)) for _ in range(3))
    asked_s += measured.asked_s
    order = np.argsort(asked_s)
    holds_s = np.maximum(measured.hold_s + later_s - earlier_s, 0.0)
    return Trace(tuple(asked_s[order].tolist()), tuple(holds_s[order].tolist()))


def assert_one_of(name: str, seen: float, values: Sequence[float], least: float = 0.0) -> None:
    """It is as far from the mean of the values as they are, or `least`."""
    _assert_near(name, seen, float(np.mean(values)), _Z * float(np.std(values, ddof=1)) + least / WIDTHS, "repeated")


def _assert_near(name: str, seen: float, said: float, half: float, method: str) -> None:
    """Within a difference of rounding at least."""
    near = abs(seen - said) <= max(WIDTHS * half, 1e-9)
    assert near, f"{name}: measured {seen:.4g}, predicted {said:.4g} ± {half:.2g} ({method})"
