"""From runs to points and a law: what is believed, what is left out, and what is not said."""

from __future__ import annotations

import math

import pytest

from poolsize.datatypes import ClientCeiling
from poolsize.live.curve_crew import Tally
from poolsize.live.curve_fit import LevelRun, knee_of, law_of, points_of, run_of
from poolsize.live.curve_levels import has_fallen, levels_up_to

FAST = ClientCeiling(
    operations_per_s=1e6, operation_cpu_s=1e-6, round_trip_s=1e-5, late_p50_s=1e-4, late_p99_s=1e-3, clock_s=1e-9
)


def runs_of(alpha: float, beta: float, levels: tuple[int, ...], single_per_s: float = 1000.0) -> list[LevelRun]:
    """Two at each level, one per cent to either side of the law."""
    found = []
    for level in levels:
        slowdown = 1.0 + alpha * (level - 1) + beta * level * (level - 1)
        for off in (0.99, 1.01):
            throughput = single_per_s * level / slowdown * off
            found.append(LevelRun(level, throughput, (level / throughput,) * 3, 0, 0.1))
    return found


@pytest.mark.parametrize(
    ("most", "levels"),
    [
        (1, (1,)),
        (2, (1, 2)),
        (8, (1, 2, 3, 4, 6, 8)),
        (9, (1, 2, 3, 4, 6, 8, 9)),
        (13, (1, 2, 3, 4, 6, 8, 13)),
        (64, (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)),
    ],
)
def test_the_levels_rise_to_the_bound(most: int, levels: tuple[int, ...]) -> None:
    assert levels_up_to(most) == levels


def test_a_sweep_ends_after_two_levels_below_the_highest() -> None:
    rising = [100.0, 200.0, 280.0, 300.0, 310.0]
    assert not has_fallen([*rising, 290.0])
    assert has_fallen([*rising, 290.0, 280.0])
    assert not has_fallen([*rising, 290.0, 300.0])
    assert not has_fallen([300.0, 290.0, 280.0, 270.0, 260.0])  # five levels are too few for a law


def test_a_law_is_found_again() -> None:
    law = law_of(runs_of(0.05, 0.004, (1, 2, 3, 4, 6, 8, 12, 16, 24)))
    assert law is not None
    assert law.verdict == "measured"
    assert law.alpha.value == pytest.approx(0.05, abs=0.01)
    assert law.beta.value == pytest.approx(0.004, abs=0.001)
    assert law.peak_concurrency.value == pytest.approx(math.sqrt(0.95 / 0.004), rel=0.05)
    low, peak, high = law.peak_concurrency.low, law.peak_concurrency.value, law.peak_concurrency.high
    assert low is not None
    assert peak is not None
    assert high is not None
    assert low < peak < high
    assert law.knee_concurrency == pytest.approx(knee_of(0.05, 0.004), rel=0.1)
    alpha, beta = law.cautious
    slowdown, cautious = 1 + 0.05 * 15 + 0.004 * 240, 1 + alpha * 15 + beta * 240
    assert slowdown * 0.98 < cautious < slowdown * 1.1


def test_a_peak_that_the_points_do_not_show_is_not_told() -> None:
    """By the law it would be at 15.4, well within what a fit to 12 would still be believed for."""
    law = law_of(runs_of(0.05, 0.004, (1, 2, 3, 4, 6, 8, 12)))
    assert law is not None
    assert law.verdict == "rising"
    assert law.peak_concurrency.value is None
    assert law.peak_per_s.value is None
    assert law.peak_concurrency.low is not None
    assert "throughput still rises" in law.doubts[0]


def test_nothing_is_said_of_a_law_through_two_levels() -> None:
    assert law_of(runs_of(0.05, 0.004, (1, 2))) is None
    assert law_of([]) is None


def test_few_levels_give_a_law_without_intervals_that_is_doubted() -> None:
    law = law_of(runs_of(0.05, 0.004, (1, 2, 3)))
    assert law is not None
    assert (law.alpha.low, law.alpha.high) == (None, None)
    assert law.verdict == "doubtful"
    assert law.cautious == (law.alpha.value, law.beta.value)


@pytest.mark.parametrize(("alpha", "beta"), [(0.05, 0.002), (0.3, 0.0), (0.0, 0.01), (0.02, 0.2)])
def test_the_knee_is_where_throughput_by_latency_is_largest(alpha: float, beta: float) -> None:
    def power(n: float) -> float:
        return n / (1.0 + alpha * (n - 1.0) + beta * n * (n - 1.0)) ** 2

    knee = knee_of(alpha, beta)
    assert power(knee) >= power(knee + 0.01)
    assert knee == 1.0 or power(knee) >= power(knee - 0.01)


def test_what_never_slows_down_has_no_knee() -> None:
    assert knee_of(0.0, 0.0) == math.inf


def test_a_point_has_the_means_of_its_runs() -> None:
    runs = [
        LevelRun(1, 100.0, (0.01, 0.01), 0, 0.1),
        LevelRun(4, 300.0, (0.01, 0.02, 0.03), 1, 0.2),
        LevelRun(4, 100.0, (0.02,), 2, 0.3),
    ]
    alone, four = points_of(runs, FAST, 1)
    assert (alone.concurrency, alone.speed, alone.active) == (1, 1.0, 1.0)
    assert (four.throughput_per_s, four.latency_s, four.speed) == pytest.approx((200.0, 0.02, 0.5))
    assert four.active == pytest.approx(4.0)
    assert (four.p95_latency_s, four.runs_per_s, four.errors, four.client_share) == (0.03, (300.0, 100.0), 3, 0.3)


def test_what_the_client_may_have_bounded_is_marked() -> None:
    slow = ClientCeiling(
        operations_per_s=400.0, operation_cpu_s=0.0025, round_trip_s=1e-5, late_p50_s=0, late_p99_s=0, clock_s=0
    )
    runs = [LevelRun(1, 100.0, (0.01,), 0, 0.1), LevelRun(2, 290.0, (0.01,), 0, 0.1)]
    assert [point.beyond_client for point in points_of(runs, slow, 1)] == [False, True]
    assert [point.beyond_client for point in points_of(runs, slow, 2)] == [False, False]
    busy = [LevelRun(1, 100.0, (0.01,), 0, 0.71)]
    assert points_of(busy, FAST, 1)[0].beyond_client


def test_a_run_in_which_nothing_ended_is_none() -> None:
    assert run_of(1, 0.5, Tally(errors=3)) is None
    counted = run_of(2, 0.5, Tally(latencies_s=[0.1, 0.2], client_share=0.4))
    assert counted == LevelRun(2, 4.0, (0.1, 0.2), 0, 0.4)
