"""What every failing probe must be: of the right kind, in time, one sentence, without the password."""

from __future__ import annotations

import gc
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from urllib.parse import quote

import pytest

from poolsize.datatypes import DatabaseFacts
from poolsize.errors import DatabaseError
from poolsize.probe import ProbeOptions, probe
from tests.servers import PASSWORD

QUICK = ProbeOptions(samples=10, connect_timeout_s=1.0, burst=3)


def refused(dsn: str, kind: type[DatabaseError], *, options: ProbeOptions = QUICK) -> DatabaseError:
    """The failure of a probe, with its facts."""
    start = time.monotonic()
    with pytest.raises(kind) as caught:
        probe(dsn, options)
    assert time.monotonic() - start < options.connect_timeout_s + 1
    error = caught.value
    assert type(error) is kind
    assert error.message.endswith(".")
    assert "\n" not in error.message
    assert error.__cause__ is None
    assert isinstance(error.facts, DatabaseFacts)
    for shown in (error.message, repr(error.facts)):
        assert_no_password(shown)
    return error


def interrupt_often(act: Callable[[], object]) -> None:
    """Do it 40 times, each time with a KeyboardInterrupt a little later: in the middle of whatever is under way, as
    Ctrl-C comes."""
    if sys.platform == "win32":
        pytest.skip("Windows has no interval timer to interrupt with")

    def interrupt(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    gc.disable()  # hypothesis has a callback in it, which would swallow the interrupt and be told as a fault
    try:
        for step in range(40):
            with suppress(KeyboardInterrupt):
                signal.setitimer(signal.ITIMER_REAL, 0.002 + 0.004 * step)
                act()
                signal.setitimer(signal.ITIMER_REAL, 0)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        gc.enable()


def assert_no_password(shown: str) -> None:
    for spelling in (PASSWORD, quote(PASSWORD, safe=""), quote(PASSWORD), repr(PASSWORD)[1:-1], "s3cr"):
        assert spelling not in shown
