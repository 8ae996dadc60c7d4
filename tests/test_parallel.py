"""Scenarios in processes and on a Dask cluster: the same results, and nothing left when it ends early."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import psutil
import pytest

from poolsize import parallel
from poolsize.errors import MissingDriverError, PoolsizeError, UsageError
from poolsize.parallel import mapped, usable_processors
from poolsize.queueing import Hold, Open
from poolsize.simulate import Sampling, Scenario, simulated_pools

GONE_S = 10.0
"""How long processes may take to end."""


def squared(number: int) -> int:
    return number * number


def slowest_first(number: int) -> tuple[int, int]:
    time.sleep(0.2 / (number + 1))
    return number, os.getpid()


def refused(number: int) -> int:
    if number == 3:
        raise ZeroDivisionError("the fourth")
    return number


def killed(number: int) -> int:
    if number == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


@pytest.mark.parametrize("processes", [1, 2, 9])
def test_results_are_in_the_order_of_the_scenarios(processes: int) -> None:
    told: list[float] = []
    assert mapped(squared, range(5), processes=processes, on_progress=told.append) == [0, 1, 4, 9, 16]
    assert told == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])


def test_several_processes_work_at_once_and_one_is_this_one() -> None:
    found = mapped(slowest_first, range(6), processes=2)
    assert [number for number, _ in found] == list(range(6))
    assert len({process for _, process in found} - {os.getpid()}) == 2
    assert mapped(slowest_first, [5], processes=2) == [(5, os.getpid())]
    assert mapped(squared, [], processes=2) == []


def test_without_a_process_nothing_can_be_done() -> None:
    with pytest.raises(UsageError, match="At least one process"):
        mapped(squared, [1], processes=0)
    assert 1 <= usable_processors() <= (os.cpu_count() or 1)


@pytest.mark.parametrize("processes", [1, 2])
def test_what_the_function_raises_comes_out_and_ends_the_rest(processes: int) -> None:
    before = own_children()
    with pytest.raises(ZeroDivisionError, match="the fourth"):
        mapped(refused, range(50), processes=processes)
    assert_none_is_left(own_children() - before)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_a_process_that_was_killed_is_one_sentence() -> None:
    before = own_children()
    with pytest.raises(PoolsizeError, match="A process of the simulation was killed: is there too little memory"):
        mapped(killed, range(4), processes=2)
    assert_none_is_left(own_children() - before)


def own_children() -> set[psutil.Process]:
    """Direct ones; those of before are the servers of other tests."""
    return set(psutil.Process().children())


def assert_none_is_left(children: Iterable[psutil.Process]) -> None:
    """Python's own tracker of shared memory stays as long as the process that it serves."""
    _, alive = psutil.wait_procs([child for child in children if "resource_tracker" not in cmdline(child)], GONE_S)
    assert alive == []


def cmdline(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


ENDLESS = """
import pathlib, time
from poolsize.parallel import mapped

def endless(number):
    pathlib.Path(f"begun{number}").touch()
    time.sleep(600)

if __name__ == "__main__":
    mapped(endless, range(4), processes=2)
"""


@pytest.fixture
def endless(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A program of a user's that has begun to work in two processes."""
    program = tmp_path / "endless.py"
    program.write_text(ENDLESS)
    running = subprocess.Popen([sys.executable, str(program)], stderr=subprocess.PIPE, text=True, cwd=tmp_path)
    try:
        yield running
    finally:
        running.kill()
        running.communicate()


def workers_of(running: subprocess.Popen[str], folder: Path) -> list[psutil.Process]:
    """Once both of them are at work."""
    end = time.monotonic() + 60.0
    while len(list(folder.glob("begun*"))) < 2:
        assert time.monotonic() < end
        assert running.poll() is None
        time.sleep(0.02)
    return psutil.Process(running.pid).children(recursive=True)


@pytest.mark.skipif(sys.platform == "win32", reason="these signals are POSIX's")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_no_worker_outlives_the_program(endless: subprocess.Popen[str], number: signal.Signals, tmp_path: Path) -> None:
    """Interrupted it ends them, at once and without their tracebacks; killed it cannot, and they end by themselves."""
    workers = workers_of(endless, tmp_path)
    endless.send_signal(number)
    start = time.monotonic()
    _, err = endless.communicate(timeout=30)
    assert time.monotonic() - start < GONE_S
    assert endless.returncode == -number if number == signal.SIGKILL else endless.returncode != 0
    assert_none_is_left(workers)
    assert err.count("Traceback") == (1 if number == signal.SIGINT else 0), err


@pytest.fixture(scope="module")
def scheduler() -> Iterator[str]:
    """The address of a Dask cluster with a worker of its own."""
    from distributed import LocalCluster  # not before: it takes a second to load

    with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None, silence_logs=40) as cluster:
        yield cluster.scheduler_address


def test_a_cluster_gives_the_same_results(scheduler: str) -> None:
    told: list[float] = []
    assert mapped(squared, range(5), scheduler=scheduler, on_progress=told.append) == [0, 1, 4, 9, 16]
    assert told[-1] == 1.0
    assert os.getpid() not in {process for _, process in mapped(slowest_first, range(2), scheduler=scheduler)}


def test_a_simulation_on_a_cluster_is_the_one_that_it_is_here(scheduler: str) -> None:
    pools = [
        Scenario(load=Open(3.0), hold=Hold(1.0), capacity=capacity, pool_size=2, retries=1, timeout_s=1.0)
        for capacity in (3, 4)
    ]
    sampling = Sampling(seed=5, replications=2, requests=200)
    assert simulated_pools(pools, sampling, scheduler=scheduler) == simulated_pools(pools, sampling)
    assert simulated_pools(pools[:1], sampling, scheduler=scheduler) == simulated_pools(pools[:1], sampling)


def test_what_is_raised_on_a_cluster_comes_out(scheduler: str) -> None:
    with pytest.raises(ZeroDivisionError, match="the fourth"):
        mapped(refused, range(6), scheduler=scheduler)


def test_a_scheduler_that_does_not_answer_is_one_sentence(closed_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "_ANSWER_S", 1.0)
    address = f"tcp://127.0.0.1:{closed_port}"
    with pytest.raises(PoolsizeError, match=f"No Dask scheduler answers at {address}"):
        mapped(squared, [1], scheduler=address)
    for nonsense in ("", "localhost", "localhost:8786", "http://localhost:8786", "tcp://localhost"):
        with pytest.raises(UsageError, match="is not the address of a Dask scheduler"):
            mapped(squared, [1], scheduler=nonsense)


def test_without_dask_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(
        MissingDriverError, match=r"Dask is not installed: .*poolsize.*\[dask\]|Dask is not installed: "
    ):
        mapped(squared, [1], scheduler="tcp://127.0.0.1:8786")
