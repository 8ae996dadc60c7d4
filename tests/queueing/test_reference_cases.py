"""Public reference values: 50-digit arithmetic, and published tables where they name one."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from poolsize.queueing import Closed, Hold, Open, Usl, Wait, solve

CASES = json.loads((Path(__file__).parent / "reference_cases.json").read_text(encoding="utf-8"))["cases"]


def solved(inputs: dict[str, Any]) -> Wait:
    is_open = inputs["source"] == "open"
    return solve(
        Open(inputs["rate"]) if is_open else Closed(inputs["threads"], inputs["think"]),
        Hold(inputs["S"]),
        inputs["pool_size"] + inputs.get("overflow", 0),
        timeout_s=math.inf if inputs["timeout"] is None else inputs["timeout"],
        pool_size=inputs["pool_size"],
        usl=Usl(*inputs["usl"]) if "usl" in inputs else None,
        max_waiting=inputs.get("max_waiting"),
        semantics=inputs.get("mode", "sqlalchemy"),
    )


def figures(case: dict[str, Any]) -> dict[str, float]:
    """By the names of the file."""
    inputs, wait = case["inputs"], solved(case["inputs"])
    arrivals = wait.throughput_per_s / (1.0 - wait.timeout_probability)
    response = wait.mean_wait_s + inputs["S"]
    working = wait.throughput_per_s * (inputs.get("think", 0.0) + inputs["S"]) / inputs.get("threads", 1)
    return {
        "mean_wait": wait.mean_wait_s,
        "mean_wait_served": (wait.mean_wait_s * arrivals - arrivals * wait.timeout_probability * wait.timeout_s)
        / wait.throughput_per_s
        if wait.timeout_probability
        else wait.mean_wait_s,
        "p_wait": wait.wait_probability,
        "p_timeout": wait.timeout_probability,
        "p_blocked": wait.refused_probability,
        "p50": wait.quantile(0.5),
        "p95": wait.quantile(0.95),
        "p99": wait.quantile(0.99),
        "utilisation": wait.utilization,
        "thr": wait.throughput_per_s,
        "open_rate": wait.opens_per_s,
        "p0": math.exp(wait.log_empty),
        "Lq": wait.mean_wait_s * arrivals,
        "W": response,
        "F": working,
    }


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_every_value_of_high_precision_arithmetic_comes_out_to_nine_digits(case: dict[str, Any]) -> None:
    found = figures(case)
    for name, value in case["values"].items():
        assert found[name] == pytest.approx(value, rel=1e-9, abs=1e-12), name


PUBLISHED = [case for case in CASES if "published" in case]


@pytest.mark.parametrize("case", PUBLISHED, ids=[f"{case['id']}: {case['published']['src']}" for case in PUBLISHED])
def test_every_published_value_comes_out_as_it_is_printed(case: dict[str, Any]) -> None:
    found, published = figures(case), dict(case["published"])
    tolerance, _ = published.pop("tol"), published.pop("src")
    assert published
    for name, value in published.items():
        assert found[name] == pytest.approx(value, abs=tolerance), name
