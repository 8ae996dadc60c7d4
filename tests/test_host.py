"""This machine's processes: only the very one that a server speaks of is believed."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import pytest

from poolsize import host


@contextmanager
def running(program: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        yield child
        child.kill()


def test_a_process_is_known_by_number_name_and_start() -> None:
    me = psutil.Process()
    start = me.create_time()
    found = host.server_process(me.pid, name="python", started_at=start)
    assert found is not None
    assert found.pid == me.pid
    assert host.server_process(me.pid, name="postgres", started_at=start) is None
    assert host.server_process(me.pid, name="python", started_at=start - 3600) is None


@pytest.mark.parametrize("number", [-5, 0, 2**31 - 1])
def test_a_number_that_no_process_has_is_nobody(number: int) -> None:
    assert host.server_process(number, name="python", started_at=time.time()) is None


def test_private_memory_grows_with_what_a_process_holds() -> None:
    with (
        running("print('ready', flush=True); input()") as small,
        running("held = bytearray(b'x') * 50_000_000; print('ready', flush=True); input()") as large,
    ):
        sizes = [host.private_memory_bytes(psutil.Process(child.pid)) for child in (small, large)]
    assert sizes[0] is not None
    assert sizes[1] is not None
    assert sizes[1] - sizes[0] == pytest.approx(50_000_000, rel=0.2)


def test_memory_of_a_process_that_is_gone_is_unknown() -> None:
    with running("print('ready', flush=True); input()") as child:
        process = psutil.Process(child.pid)
    assert host.private_memory_bytes(process) is None


def test_processors_are_those_that_the_process_is_bound_to() -> None:
    assert host.processors() == (os.cpu_count() or 1)
    with running("print('ready', flush=True); input()") as child:
        process = psutil.Process(child.pid)
        assert 1 <= (host.processors(process) or 0) <= (os.cpu_count() or 1)
        if hasattr(process, "cpu_affinity"):
            process.cpu_affinity([process.cpu_affinity()[0]])
            assert host.processors(process) == 1
