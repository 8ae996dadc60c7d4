"""What to ask `recommend` again, with what was measured in the place of what was stated."""

from __future__ import annotations

from poolsize.datatypes import Recommendation, Request
from poolsize.datatypes.verify import Verification
from poolsize.errors import UsageError


def refined_request(answer: Recommendation, found: Verification) -> Request:
    """The same service, goal and rate, with the holds and the cost of a connection as they really were. Raises
    UsageError where nothing was measured."""
    deployment, inputs, real = answer.deployment, answer.inputs, found.measured_inputs
    if deployment is None or "hold_s" not in real:
        raise UsageError("Nothing was measured that a recommendation could be refined by.")
    connect = real.get("connect_cost_s")
    return Request(
        workers=deployment.processes,
        threads=deployment.threads,
        instances=deployment.instances,
        surge=deployment.surge,
        pools=deployment.pools,
        checkouts_per_request=deployment.checkouts_per_request,
        skew=deployment.skew,
        worker_type=deployment.worker_type,
        rate_per_s=inputs["rate_per_s"].value,
        hold_s=real["hold_s"].value,
        hold_scv=real["hold_scv"].value,
        p99_wait_s=_value(answer, "p99_wait_s"),
        max_timeouts=_value(answer, "max_timeouts"),
        request_timeout_s=_value(answer, "request_timeout_s"),
        connect_cost_s=connect.value if connect else None,
        current=None if answer.settings is None else (answer.settings.pool_size, answer.settings.max_overflow),
    )


def _value(answer: Recommendation, name: str) -> float | None:
    return answer.inputs[name].value if name in answer.inputs else None
