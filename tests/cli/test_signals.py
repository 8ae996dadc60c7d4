"""Ctrl-C and SIGTERM: the documented exit code, a quiet stderr, and nothing left open or behind."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time

import psutil
import pytest

from tests.cli.program import NOTES, Program
from tests.cli.terminal import Terminal
from tests.leftovers import assert_nothing_is_left, temporary_folder
from tests.servers import PASSWORD, PostgresServer

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="these signals are POSIX's")
CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}
SHOW_CURSOR, HIDE_CURSOR = "\x1b[?25h", "\x1b[?25l"
GONE_S = 5.0
"""How long the program, and then a server's session, may take to end."""


def end_of(running: subprocess.Popen[str], number: signal.Signals) -> None:
    """Signal it, and see it end as documented, without a word."""
    running.send_signal(number)
    start = time.monotonic()
    out, err = running.communicate(timeout=30)
    assert time.monotonic() - start < GONE_S
    assert running.returncode == CODES[number], err
    assert out == ""
    assert [line for line in err.splitlines() if not line.startswith(NOTES)] == []


def logged(server: PostgresServer, event: str) -> int:
    """How often the server's log has it for this role; a session shows in no view before it has begun."""
    return len(re.findall(rf"\b{event}: .*user=scram\b", server.log.read_text(errors="replace")))


@pytest.mark.parametrize(
    ("number", "command"),
    [
        (signal.SIGINT, ("probe",)),
        (signal.SIGTERM, ("probe", "--json")),
        (signal.SIGINT, ("recommend", "--workers", "4", "--json")),
        (signal.SIGTERM, ("recommend", "--workers", "4")),
    ],
)
def test_a_probe_that_is_interrupted_leaves_no_session(
    number: signal.Signals, command: tuple[str, ...], postgres15: PostgresServer, poolsize: Program
) -> None:
    # Each session takes a second to begin, so that the signal finds the probe at work.
    dsn = postgres15.dsn("scram", password=PASSWORD, options="-c post_auth_delay=1")
    opened, closed = (logged(postgres15, event) for event in ("connection authorized", "disconnection"))
    running = poolsize.start(*command, dsn)
    while logged(postgres15, "connection authorized") < opened + 2:
        assert running.poll() is None
        time.sleep(0.02)
    end_of(running, number)
    end = time.monotonic() + GONE_S
    while logged(postgres15, "disconnection") - closed < logged(postgres15, "connection authorized") - opened:
        assert time.monotonic() < end
        time.sleep(0.05)
    assert not poolsize.history.exists()


@pytest.mark.parametrize("number", CODES)
def test_waiting_for_a_dsn_on_stdin_is_interrupted(number: signal.Signals, poolsize: Program) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "poolsize", "probe", "-"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=poolsize.environment,
    ) as running:  # fmt: skip
        wait_until_idle(psutil.Process(running.pid))
        end_of(running, number)


def wait_until_idle(process: psutil.Process) -> None:
    """It has started, and for half a second has had nothing to do."""
    spent, idle = 0.0, 0
    while idle < 5:
        time.sleep(0.1)
        before, spent = spent, process.cpu_times().user
        idle = idle + 1 if spent == before > 0 else 0


@pytest.mark.parametrize(
    ("number", "at"), [(signal.SIGINT, "creating the database"), (signal.SIGTERM, "of at most 100")]
)
def test_a_demo_that_is_interrupted_leaves_nothing_behind(number: signal.Signals, at: str, poolsize: Program) -> None:
    with temporary_folder() as folder:
        terminal = Terminal(poolsize, "demo", variables={"TMPDIR": str(folder)})
        terminal.wait_for(at)
        terminal.process.send_signal(number)
        done = terminal.end()
        assert done.code == CODES[number]
        assert "Traceback" not in done.out
        assert "pool_size" not in done.out
        assert done.out.rindex(SHOW_CURSOR) > done.out.rindex(HIDE_CURSOR)
        end = time.monotonic() + GONE_S
        while list(folder.iterdir()) and time.monotonic() < end:
            time.sleep(0.05)
        assert_nothing_is_left(folder)
