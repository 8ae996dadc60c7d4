"""What is said of overload is what a simulation of it does."""

from __future__ import annotations

import re

import pytest

from poolsize.queueing import Closed, Hold, Open
from poolsize.simulate import simulate
from tests.recommend.asked import answered, capacity


def line(workings: tuple[str, ...], words: str) -> str:
    return next(line for line in workings if words in line)


def test_a_longer_timeout_loses_as_many_and_the_others_wait_longer() -> None:
    answer = answered(rate_per_s=75, hold_s=0.02, worker_type="uvicorn")
    c = capacity(answer)
    told = line(answer.workings, "saves nothing in overload")
    short, long = (int(share) for share in re.findall(r"(\d+) % ", told))
    found = [
        simulate(Open(1.5 * c / 0.02), Hold(0.02), c, timeout_s=timeout_s, replications=50) for timeout_s in (1.0, 30.0)
    ]
    assert [round(one.timeout_probability * 100) for one in found] == [short, long] == [33, 33]
    assert found[1].mean_wait_s > 20 * found[0].mean_wait_s


def test_retries_add_the_load_that_a_simulation_has() -> None:
    answer = answered(rate_per_s=75, hold_s=0.02, worker_type="uvicorn")
    c = capacity(answer)
    told = line(answer.workings, "Retries feed back")
    share = int(re.findall(r"(\d+) % of the attempts", told)[0]) / 100
    found = simulate(Open(1.5 * c / 0.02), Hold(0.02), c, timeout_s=1.0, retries=3, retry_delay_s=5.0, replications=10)
    assert found.timeout_probability == pytest.approx(share, abs=0.03)


def test_threads_that_never_rest_wait_as_long_as_is_told() -> None:
    answer = answered(rate_per_s=75, hold_s=0.02, threads=8)
    c = capacity(answer)
    told = line(answer.workings, "with all 8 threads asking all the time")
    mean_ms = float(re.findall(r"waits ([\d.]+) ms on average", told)[0])
    found = simulate(Closed(8, 0.02 * 1e-3), Hold(0.02), c, timeout_s=1.0)
    assert found.mean_wait_s * 1000 == pytest.approx(mean_ms, rel=0.02)
    assert "none time out" in told


def test_nothing_is_said_of_a_load_that_nobody_stated_or_that_never_waits() -> None:
    assert not any("overload" in line for line in answered().workings)
    sync = answered(rate_per_s=20, hold_s=0.02, worker_type="gunicorn-sync")
    assert not any("overload" in line for line in sync.workings)
