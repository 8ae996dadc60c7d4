"""Call a function for each of many scenarios: in processes of this machine, or on a Dask cluster.

mapped(function, scenarios, processes=4)
mapped(function, scenarios, scheduler="tcp://10.0.0.5:8786")

The results are in the order of the scenarios, wherever they were computed. The function stands at the top of a
module, and its argument and result can be pickled, so that it runs where processes are spawned and on other machines;
these need the same version of poolsize.
"""

from __future__ import annotations

import multiprocessing
import os
import re
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Final, TypeVar

from poolsize.errors import MissingDriverError, PoolsizeError, UsageError
from poolsize.installation import install_command

T = TypeVar("T")
R = TypeVar("R")
Progress = Callable[[float], None]
"""Told the share that is done, 0..1."""

_ANSWER_S: Final = 10.0
"""How long a scheduler may take to answer; Dask's own default of 30 s is for clusters that are only starting."""
_MOST_PROCESSES: Final = 61
"""Windows waits for no more at once, and concurrent.futures refuses more there."""


def usable_processors() -> int:
    """Processors that this process may run on."""
    if hasattr(os, "sched_getaffinity"):  # Linux: a container, or taskset, may have left it fewer
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def mapped(
    function: Callable[[T], R],
    scenarios: Sequence[T],
    *,
    processes: int = 1,
    scheduler: str | None = None,
    on_progress: Progress | None = None,
) -> list[R]:
    """`function` of each scenario: here, in so many `processes`, or on the cluster of `scheduler`, an address.

    What the function raises, and Ctrl-C, ends all that is under way and comes out here. Raises UsageError for less
    than one process and for what is no address, MissingDriverError without the extra [dask], PoolsizeError for a
    scheduler that does not answer and for a process that was killed.
    """
    told = on_progress or (lambda _share: None)
    if processes < 1:
        raise UsageError("At least one process is needed.")
    if scheduler is not None:
        return _on_cluster(function, scenarios, scheduler, told)
    workers = min(processes, len(scenarios), _MOST_PROCESSES)
    if workers > 1:
        return _in_processes(function, scenarios, workers, told)
    results = []
    for number, scenario in enumerate(scenarios, 1):
        results.append(function(scenario))
        told(number / len(scenarios))
    return results


def _in_processes(function: Callable[[T], R], scenarios: Sequence[T], processes: int, told: Progress) -> list[R]:
    with _workers(processes) as executor:
        futures = [executor.submit(function, scenario) for scenario in scenarios]
        try:
            _follow(as_completed(futures), len(futures), told)
        except BrokenProcessPool:
            raise PoolsizeError("A process of the simulation was killed: is there too little memory?") from None
        return [future.result() for future in futures]


def _follow(finished: Iterator[Future[R]], count: int, told: Progress) -> None:
    """Until all have finished, or one has failed."""
    for number, future in enumerate(finished, 1):
        future.result()
        told(number / count)


@contextmanager
def _workers(processes: int) -> Iterator[ProcessPoolExecutor]:
    """Spawned on every system: a fork copies the locks of threads that it does not copy. Killed where the work is
    given up, since it would go on to its end otherwise."""
    others = set(multiprocessing.active_children())
    executor = ProcessPoolExecutor(processes, multiprocessing.get_context("spawn"), initializer=_begin)
    try:
        yield executor
    except BaseException:
        for worker in set(multiprocessing.active_children()) - others:
            worker.kill()
        raise
    finally:
        executor.shutdown(cancel_futures=True)


def _begin() -> None:
    """In a worker. Ctrl-C comes to all processes of a terminal; the first of them sees to the others. Where that was
    killed it cannot, and they end by themselves."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


_ADDRESS: Final = re.compile(r"(tcp|tls|ws|wss)://[^/\s]+:\d+")
"""What Dask listens at. It is looked at here since a Client that was given nonsense waits for itself to end."""


def _on_cluster(function: Callable[[T], R], scenarios: Sequence[T], scheduler: str, told: Progress) -> list[R]:
    if not _ADDRESS.fullmatch(scheduler):
        raise UsageError(f"{scheduler!r} is not the address of a Dask scheduler, such as tcp://10.0.0.5:8786.")
    try:
        from distributed import Client, as_completed  # here: only a cluster needs it, and it takes a second to load
    except ImportError:
        raise MissingDriverError(f"Dask is not installed: {install_command('dask')}") from None
    try:
        client = Client(scheduler, timeout=_ANSWER_S, set_as_default=False)
    except OSError:
        raise PoolsizeError(f"No Dask scheduler answers at {scheduler}.") from None
    with client:
        futures = client.map(function, scenarios, pure=False)
        try:
            for number, future in enumerate(as_completed(futures, loop=client.loop), 1):
                future.result()
                told(number / len(futures))
            results: list[R] = client.gather(futures)
            return results
        except BaseException:
            client.cancel(futures, force=True)
            raise
