"""Quantiles, and what two models span."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poolsize.queueing import Closed, Hold, Open, Wait, solve
from poolsize.queueing.wait import crossing


def bisected(wait: Wait, q: float) -> float:
    """The smallest time that is exceeded with at most 1 - q, by halving alone."""
    low, high = 0.0, min(wait.timeout_s, 1e6)
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if wait.exceeds(middle) > 1 - q else (low, middle)
    return high


@given(
    threads=st.integers(2, 60),
    share=st.floats(0.05, 0.9),
    think_s=st.floats(0.05, 30.0),
    timeout_s=st.floats(0.01, 60.0),
)
@settings(max_examples=60, deadline=None)
def test_a_quantile_is_where_halving_finds_it(threads: int, share: float, think_s: float, timeout_s: float) -> None:
    wait = solve(Closed(threads, think_s), Hold(1.0), max(int(share * threads), 1), timeout_s=timeout_s)
    for q in (0.5, 0.95, 0.99):
        if wait.wait_probability > 1 - q >= wait.timeout_probability:
            assert wait.quantile(q) == pytest.approx(bisected(wait, q), rel=1e-9, abs=1e-9)


def test_the_quantile_of_erlang_c_is_a_logarithm() -> None:
    """P(W > t) = C e^-(R - lambda) t."""
    wait = solve(Open(8.0), Hold(1.0), 10)
    assert wait.quantile(0.99) == pytest.approx(math.log(wait.wait_probability / 0.01) / 2.0, rel=1e-12)
    assert wait.quantile(0.5) == 0.0
    assert wait.quantile(1 - 1e-9) == pytest.approx(math.log(wait.wait_probability / 1e-9) / 2.0, rel=1e-6)


def test_beyond_the_share_that_times_out_a_quantile_is_the_timeout() -> None:
    wait = solve(Open(12.0), Hold(1.0), 10, timeout_s=2.0)
    assert wait.timeout_probability > 0.01
    assert wait.quantile(0.99) == 2.0
    assert wait.exceeds(2.0) == 0.0
    assert wait.exceeds(1.9999) > wait.timeout_probability


def test_the_longest_wait_of_all_is_the_timeout_or_has_no_end() -> None:
    assert solve(Open(8.0), Hold(1.0), 10).quantile(1.0) == math.inf
    assert solve(Open(8.0), Hold(1.0), 10, timeout_s=3.0).quantile(1.0) == 3.0
    assert solve(Closed(5, 1.0), Hold(1.0), 5).quantile(1.0) == 0.0, "nobody ever waits"
    for q in (-0.1, 1.1, math.nan):
        with pytest.raises(ValueError, match="between 0 and 1"):
            solve(Open(8.0), Hold(1.0), 10).quantile(q)


@pytest.mark.parametrize(
    ("falling", "high", "root"),
    [
        (lambda t: 1.0 - t, 3.0, 1.0),
        (lambda t: math.exp(-t) - 0.1, 50.0, math.log(10.0)),
        (lambda t: 1.0 - t**9, 2.0, 1.0),
        (lambda t: 2.0 - t, 2.0, 2.0),
    ],
)
def test_a_crossing_is_found(falling: object, high: float, root: float) -> None:
    assert callable(falling)
    assert crossing(falling, high) == pytest.approx(root, rel=1e-9)


def test_exponential_holds_are_exact_so_that_nothing_is_between_the_models() -> None:
    bracket = solve(Open(8.0), Hold(1.0), 10, timeout_s=0.5).bracket
    assert bracket is not None
    assert bracket.one is bracket.other
    low, high = bracket.quantile(0.95)
    assert low == high


def test_varied_holds_of_an_open_load_are_bracketed_by_two_models() -> None:
    wait = solve(Open(8.0), Hold(1.0, 4.0), 10, timeout_s=2.0)
    exponential = solve(Open(8.0), Hold(1.0), 10, timeout_s=2.0)
    assert wait.bracket is not None
    assert wait.bracket.mean_wait_s == (exponential.mean_wait_s, wait.mean_wait_s)
    assert wait.bracket.timeout_probability == (exponential.timeout_probability, wait.timeout_probability)
    assert wait.bracket.exceeds(0.5) == (exponential.exceeds(0.5), wait.exceeds(0.5))
    assert wait.bracket.quantile(0.9) == (exponential.quantile(0.9), wait.quantile(0.9))


def test_even_holds_wait_less_than_exponential_ones() -> None:
    bracket = solve(Open(8.0), Hold(1.0, 0.0), 10, timeout_s=2.0).bracket
    assert bracket is not None
    assert bracket.mean_wait_s == (bracket.one.mean_wait_s, bracket.other.mean_wait_s)


@pytest.mark.parametrize(
    "wait",
    [
        solve(Closed(20, 1.0), Hold(1.0, 4.0), 10),
        solve(Open(8.0), Hold(1.0, 4.0), 10, max_waiting=5),
        solve(Open(8.0), Hold(1.0, 4.0), 10, model="exponential"),
    ],
)
def test_where_one_model_approximates_the_holds_there_is_no_bracket(wait: Wait) -> None:
    assert wait.bracket is None
    assert "lognormal holds taken as exponential" in wait.method
