"""What ends a run before its time, on real servers that are lost, slow, or full of errors."""

from __future__ import annotations

import threading
import time

import pytest

from poolsize.dsn import parse
from poolsize.errors import DatabaseError
from poolsize.live.guard import MOST_ERRORS, Guard
from poolsize.live.target import Reach, target_of
from tests.live.conftest import Make
from tests.servers import PASSWORD, PostgresServer, started_postgres


def test_a_run_that_nothing_ends_runs_to_its_end(make: Make) -> None:
    start = time.monotonic()
    with Guard(make(Reach())) as guard:
        assert not guard.wait(0.5)
    assert time.monotonic() - start >= 0.5
    assert guard.stopped is None
    assert guard.stop.is_set()
    assert 0.0 < guard.usual_beat_s < 1.0
    assert guard.slowest_beat_s > 0.0


def test_ctrl_c_ends_it_and_goes_no_further(make: Make) -> None:
    with Guard(make(Reach())) as guard:
        raise KeyboardInterrupt
    assert guard.stopped is not None
    assert (guard.stopped.kind, guard.stopped.reason) == ("interrupted", "Ctrl-C ended the run.")


def test_what_is_no_interrupt_goes_on(make: Make) -> None:
    with pytest.raises(ZeroDivisionError), Guard(make(Reach())) as guard:
        raise ZeroDivisionError
    assert guard.stopped is None


def test_a_system_that_ends_the_program_is_told_by_its_own_exception(make: Make) -> None:
    class Ended(BaseException):
        pass

    with Guard(make(Reach()), interrupts=(KeyboardInterrupt, Ended)) as guard:
        raise Ended
    assert guard.stopped is not None
    assert guard.stopped.kind == "terminated"


def test_too_many_errors_end_it(make: Make) -> None:
    with Guard(make(Reach())) as guard:
        guard.done(MOST_ERRORS)
        for _ in range(MOST_ERRORS):
            guard.failed(DatabaseError("The server refuses: no."))
        assert guard.wait(5.0)
    assert guard.stopped is not None
    assert guard.stopped.kind == "errors"
    assert guard.stopped.reason == "20 of 40 operations failed, the last so: The server refuses: no."


def test_a_small_share_of_errors_does_not(make: Make) -> None:
    with Guard(make(Reach())) as guard:
        guard.done(100 * MOST_ERRORS)
        for _ in range(2 * MOST_ERRORS):
            guard.failed(DatabaseError("The server refuses: no."))
        assert not guard.wait(0.6)
    assert guard.stopped is None


def test_a_server_that_is_killed_ends_it(postgres15: PostgresServer) -> None:
    with started_postgres(tls=False) as server:
        target = target_of(parse(server.dsn("scram", password=PASSWORD)))
        with Guard(target) as guard:
            threading.Timer(0.3, server.kill).start()
            assert guard.wait(10.0)
        assert guard.stopped is not None
        assert guard.stopped.kind == "lost"
        assert guard.stopped.reason.startswith("The server is gone. ")
        time.sleep(0.2)


def test_a_server_that_answers_no_more_ends_it() -> None:
    """Stopped as by a debugger: the connection stands, and nothing comes."""
    import signal

    import psutil

    with started_postgres(tls=False) as server:
        target = target_of(parse(server.dsn("scram", password=PASSWORD)))
        with Guard(target) as guard:
            processes = psutil.Process(server.pid).children(recursive=True)
            for process in processes:
                process.send_signal(signal.SIGSTOP)
            start = time.monotonic()
            assert guard.wait(20.0)
            spent = time.monotonic() - start
        for process in processes:
            process.send_signal(signal.SIGCONT)
        assert guard.stopped is not None
        assert (guard.stopped.kind, guard.stopped.reason) == ("lost", "The server has not answered for 5 s.")
        assert spent < 7.0
        assert time.monotonic() - start < 9.0  # its own thread did not wait for the server


def test_a_server_whose_answers_come_late_ends_it(monkeypatch: pytest.MonkeyPatch, make: Make) -> None:
    """The bound is lowered below what any server needs: what is tried is that the guard keeps it."""
    monkeypatch.setattr("poolsize.live.guard.LATE_S", 0.0)
    monkeypatch.setattr("poolsize.live.guard.LATE_FACTOR", 0.0)
    with Guard(make(Reach())) as guard:
        assert guard.wait(5.0)
    assert guard.stopped is not None
    assert guard.stopped.kind == "late"
    assert "A trivial statement took" in guard.stopped.reason


def test_the_heartbeat_leaves_no_session(postgres15: PostgresServer) -> None:
    postgres15.create_role("beating")
    try:
        with Guard(target_of(parse(postgres15.dsn("beating", password=PASSWORD)))) as guard:
            guard.wait(0.3)
        end = time.monotonic() + 5.0
        while sessions(postgres15) and time.monotonic() < end:
            time.sleep(0.05)
        assert sessions(postgres15) == 0
    finally:
        postgres15.run("DROP ROLE beating")


def sessions(server: PostgresServer) -> int:
    return len(server.run("SELECT 1 FROM pg_stat_activity WHERE usename = 'beating'"))
