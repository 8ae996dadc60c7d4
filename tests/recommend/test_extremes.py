"""Tiny and enormous numbers, and the work that an answer takes."""

from __future__ import annotations

import math
import subprocess
import sys
from types import FrameType
from typing import Any

import pytest

from poolsize.datatypes import Layer
from poolsize.providers import stated_facts
from tests.recommend.asked import PLENTY, answered, capacity, facts_of

EXTREMES: dict[str, dict[str, Any]] = {
    "one request a day": {"rate_per_s": 1 / 86_400, "hold_s": 0.02},
    "a hold of a microsecond": {"rate_per_s": 1000, "hold_s": 1e-6},
    "a hold of an hour": {"rate_per_s": 1e-3, "hold_s": 3600, "threads": 16},
    "a million a second": {"rate_per_s": 1e6, "hold_s": 1e-4, "worker_type": "uvicorn", "workers": 8},
    "a million busy microseconds": {"rate_per_s": 1e6, "hold_s": 1e-6, "worker_type": "uvicorn"},
    "ten thousand busy connections": {"rate_per_s": 1e6, "hold_s": 0.01, "worker_type": "uvicorn"},
    "four thousand threads": {"rate_per_s": 10_000, "hold_s": 0.02, "threads": 4096},
    "four thousand busy threads": {"rate_per_s": 4000 / 0.02, "hold_s": 0.02, "threads": 4096},
    "a thousand greenlets": {"rate_per_s": 4000, "hold_s": 0.02, "worker_type": "gunicorn-gevent", "workers": 4},
    "five hundred instances": {"rate_per_s": 50_000, "hold_s": 0.02, "instances": 500, "workers": 4},
    "ninety thousand processes": {"rate_per_s": 1000, "hold_s": 0.01, "workers": 90_000},
    "constant holds": {"rate_per_s": 100, "hold_s": 0.02, "hold_scv": 0, "worker_type": "uvicorn"},
    "wild holds": {"rate_per_s": 100, "hold_s": 0.02, "hold_scv": 1000, "worker_type": "uvicorn"},
    "a goal of a nanosecond": {"rate_per_s": 100, "hold_s": 0.02, "p99_wait_s": 1e-9, "worker_type": "uvicorn"},
    "a goal of a day": {"rate_per_s": 100, "hold_s": 0.02, "p99_wait_s": 86_400.0},
    "hardly any timeouts": {"rate_per_s": 100, "hold_s": 0.02, "max_timeouts": 1e-300, "worker_type": "uvicorn"},
    "a request of a millisecond": {"rate_per_s": 100, "hold_s": 0.02, "request_timeout_s": 1e-3},
    "connections that cost a minute": {
        "rate_per_s": 100,
        "hold_s": 0.02,
        "connect_cost_s": 60,
        "worker_type": "uvicorn",
    },
}

ORDINARY: list[dict[str, Any]] = [
    {"workers": 4},
    {"workers": 4, "rate_per_s": 300, "hold_s": 0.02, "current": (5, 10)},
    {"workers": 4, "instances": 6, "rate_per_s": 2400, "hold_s": 0.02},
    {"workers": 4, "worker_type": "fastapi-sync", "rate_per_s": 400, "hold_s": 0.02},
    {"workers": 4, "instances": 100, "worker_type": "uvicorn", "rate_per_s": 50_000, "hold_s": 0.02},
]


@pytest.mark.parametrize("name", EXTREMES)
def test_extreme_numbers_have_an_answer(name: str) -> None:
    request = EXTREMES[name]
    answer = answered(PLENTY, **request)
    assert answer.predicted is not None
    assert answer.settings is not None
    per_pool = request["rate_per_s"] * request["hold_s"] / request.get("workers", 1) / request.get("instances", 1)
    assert capacity(answer) >= 0.99 * per_pool
    for field in answer.predicted.__struct_fields__:
        value = getattr(answer.predicted, field)
        assert not isinstance(value, float) or (math.isfinite(value) and value >= 0), field
    for one in answer.ranges:
        assert one.low is None or one.low > 0
        assert one.high is None or math.isfinite(one.high)


def test_a_request_a_day_needs_one_connection() -> None:
    answer = answered(rate_per_s=1 / 86_400, hold_s=0.02)
    assert answer.settings is not None
    assert (answer.settings.pool_size, answer.settings.max_overflow) == (1, 0)


def steps(limit: int, **request: Any) -> int:
    """Lines of Python that an answer runs through: the same on every machine, however busy it is."""
    count = 0

    def one_more(_frame: FrameType, _event: str, _argument: object) -> Any:
        nonlocal count
        count += 1
        return one_more

    before = sys.gettrace()
    sys.settrace(one_more)
    try:
        answered(stated_facts(limit), **request)
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize("request_", ORDINARY, ids=str)
def test_an_ordinary_answer_is_there_at_once(request_: dict[str, Any]) -> None:
    """Measured: 0.2 to 0.8 million lines, which take 20 to 40 ms on two cores of 2026 (benchmarks/answers.py)."""
    assert steps(60, **request_) < 3_000_000


@pytest.mark.parametrize("name", EXTREMES)
def test_extreme_numbers_that_do_not_fit_have_an_answer_too(name: str) -> None:
    """How long the ways to fit are looked for is in benchmarks/answers.py."""
    answer = answered(facts_of(Layer(name="server", limit=200)), **EXTREMES[name])
    assert answer.verdict is not None
    assert answer.limits
    assert (answer.verdict == "fits") is not bool(answer.ways_to_fit)


def test_an_answer_loads_none_of_the_heavy_packages() -> None:
    program = (
        "import sys; from poolsize.recommend import recommend; from poolsize.datatypes import Request; "
        "recommend(Request(workers=4)); heavy = ('numpy', 'scipy', 'sqlalchemy', 'psutil', 'rich', 'difflib'); "
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"
