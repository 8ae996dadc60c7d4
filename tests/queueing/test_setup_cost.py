"""Connections that take time to open: the fixed point, and how far it is from events."""

from __future__ import annotations

import pytest

from poolsize.queueing import Closed, Hold, Open, solve
from tests.queueing.event_loop import Loop


@pytest.mark.parametrize("load", [Open(6.0), Closed(20, 2.0)])
def test_the_hold_is_longer_by_what_its_own_openings_cost(load: Open | Closed) -> None:
    wait = solve(load, Hold(1.0), 12, timeout_s=1.0, pool_size=4, setup_s=0.5)
    opening = wait.opens_per_s / wait.throughput_per_s
    again = solve(load, Hold(1.0 + 0.5 * opening), 12, timeout_s=1.0, pool_size=4)
    assert opening > 0.01
    assert wait.opens_per_s == pytest.approx(again.opens_per_s, rel=1e-9)
    assert wait.mean_wait_s == pytest.approx(again.mean_wait_s, rel=1e-9)


def test_a_setup_that_takes_no_time_or_is_never_needed_changes_nothing() -> None:
    plain = solve(Open(6.0), Hold(1.0), 12, pool_size=4)
    for setup_s, pool_size in ((0.0, 4), (1e-12, 4)):
        assert solve(Open(6.0), Hold(1.0), 12, pool_size=pool_size, setup_s=setup_s).mean_wait_s == pytest.approx(
            plain.mean_wait_s
        )
    kept = solve(Open(6.0), Hold(1.0), 12, pool_size=12, setup_s=1.0)
    assert kept.mean_wait_s == plain.mean_wait_s
    assert solve(Open(0.0), Hold(1.0), 12, pool_size=4, setup_s=1.0).utilization == 0.0


def test_a_negative_setup_is_refused() -> None:
    with pytest.raises(ValueError, match="set-up time of -1"):
        solve(Open(6.0), Hold(1.0), 12, pool_size=4, setup_s=-1.0)


@pytest.mark.parametrize(("load", "setup_s"), [(Open(6.0), 0.2), (Open(6.0), 0.5), (Closed(20, 2.0), 0.3)])
def test_events_one_by_one_open_as_many_and_are_as_busy(load: Open | Closed, setup_s: float) -> None:
    """Openings within 6 %, utilization within 2 %: the error of the fixed point, not of the simulation."""
    wait = solve(load, Hold(1.0), 12, timeout_s=1.0, pool_size=4, setup_s=setup_s)
    loop = Loop(load, 12, timeout_s=1.0, pool_size=4, setup_s=setup_s, draw=lambda rng: rng.expovariate(1.0))
    counts = loop.run(250_000)
    assert counts.opened / counts.seconds == pytest.approx(wait.opens_per_s, rel=0.08)
    assert counts.busy_s / counts.seconds / 12 == pytest.approx(wait.utilization, rel=0.02)
