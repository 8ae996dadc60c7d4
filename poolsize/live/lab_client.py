"""What the requests of the lab are like on this machine without any database."""

from __future__ import annotations

import threading
import time
from typing import Any

import msgspec

from poolsize.live.lab_requests import Crowd, Run
from poolsize.live.lab_tally import Tally

_LONGEST_S = 1.0
"""Longer ones are no later."""


class _Nothing:
    """In the place of a way to connections."""

    def take(self) -> None:
        """There is none."""

    def after_query(self, connection: Any) -> bool:  # noqa: ARG002 - there is none
        return True

    def after_request(self, connection: Any) -> None:
        """There is none."""

    def close(self) -> None:
        """Nothing is open."""


def client_late_s(crowd: Crowd) -> float:
    """By how much one in a hundred of as many requests ends too late, for want of processor time and because one
    thread of Python's works at a time. It takes a request's life, a second at most."""
    life_s = min(crowd.request_time_s, _LONGEST_S)
    short = msgspec.structs.replace(crowd, request_time_s=life_s, hold_s=min(crowd.hold_s, life_s))
    tally = Tally()
    run = Run(
        short,
        _Nothing(),
        lambda _connection: time.sleep(short.hold_s),
        tally=tally,
        failures=(),
        failed=lambda _error: None,
        stop=threading.Event(),
        interrupted=lambda _error: None,
        abort=lambda: None,
    )
    run.to_its_end(lambda: None)
    found = tally.run(short.requests, None, None).p99_s
    return max((found or life_s) - life_s, 0.0)
