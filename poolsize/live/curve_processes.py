"""Several processes that make load together, for a database that one of them cannot keep busy."""

from __future__ import annotations

import math
import multiprocessing
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any, Final

from poolsize.datatypes import ClientCeiling, Database
from poolsize.dsn import parse
from poolsize.errors import DatabaseError, PoolsizeError
from poolsize.live.curve_crew import Tally, ThreadCrew, Window
from poolsize.live.statements import Mix
from poolsize.live.target import Reach, target_of
from poolsize.parallel import usable_processors

_LISTEN_S: Final = 0.05
_LOAD_SHARE: Final = 0.5
"""Of a process's ceiling, that it is planned to work at: well below what is trusted."""
_WAITING_PER_PROCESSOR: Final = 2
"""A database whose processors are known gets little faster beyond twice as many connections."""
_ANSWER_S: Final = 30.0
"""What a process may need to start and to open its connections, beyond the statement that it is in."""


def processes_for(most: int, alone_s: float, ceiling: ClientCeiling, database: Database | None) -> int:
    """Client processes that `most` connections need, if one alone takes `alone_s` for an operation: no more than
    there are processors, and half of them where the database runs on the same."""
    usable = usable_processors()
    at_work = most
    if database is not None and database.is_local:
        usable = max(usable // 2, 1)
        at_work = min(most, _WAITING_PER_PROCESSOR * (database.processors or most))
    needed = math.ceil(at_work / alone_s / (_LOAD_SHARE * ceiling.operations_per_s))
    return max(min(needed, usable), 1)


@dataclass(frozen=True)
class Order:
    """What a process is told at its start, through its pipe: no other process sees it."""

    dsn: str = field(repr=False)
    reach: Reach
    mix: Mix
    seed: int


class ProcessCrew:
    """See `Crew`: the connections are spread evenly over processes. Where this process is killed, the others notice
    that their pipe has closed, and end by themselves."""

    def __init__(self, orders: Sequence[Order]) -> None:
        context = multiprocessing.get_context("spawn")  # a fork copies the locks of threads that it does not copy
        self._pipes: list[Connection[Any, Any]] = []
        self._processes: list[multiprocessing.process.BaseProcess] = []
        self._answer_s = _ANSWER_S + max(order.reach.statement_timeout_s for order in orders)
        try:
            for order in orders:
                ours, theirs = context.Pipe()
                process = context.Process(target=_serve, args=(theirs, order), daemon=True)
                process.start()
                theirs.close()
                self._pipes.append(ours)
                self._processes.append(process)
        except BaseException:
            self.close()
            raise

    def grow(self, connections: int) -> None:
        for pipe, share in zip(self._pipes, self._shares(connections), strict=True):
            pipe.send(("grow", share))
        answers = [self._answer(pipe) for pipe in self._pipes]
        for answer in answers:
            if isinstance(answer, Exception):
                raise answer

    def begin(self, connections: int, window: Window) -> None:
        for pipe, share in zip(self._pipes, self._shares(connections), strict=True):
            pipe.send(("run", share, window))

    def finish(self) -> Tally:
        found = Tally()
        for pipe in self._pipes:
            answer = self._answer(pipe)
            if isinstance(answer, Tally):
                found.add(answer)
        return found

    def halt(self) -> None:
        for pipe in self._pipes:
            _send(pipe, ("halt",))

    def close(self) -> None:
        for pipe in self._pipes:
            _send(pipe, ("close",))
        for process in self._processes:
            process.join(2.0)
            if process.is_alive():
                process.kill()
                process.join()
        for pipe in self._pipes:
            pipe.close()

    def _shares(self, connections: int) -> list[int]:
        count = len(self._pipes)
        return [connections // count + (1 if i < connections % count else 0) for i in range(count)]

    def _answer(self, pipe: Connection[Any, Any]) -> Any:
        try:
            if pipe.poll(self._answer_s):
                return pipe.recv()
        except (EOFError, OSError):
            pass
        raise PoolsizeError("A process that makes load was ended from outside.")


def _send(pipe: Connection[Any, Any], message: tuple[Any, ...]) -> None:
    try:
        pipe.send(message)
    except OSError:  # it is gone, which is what is wanted
        return


def _serve(pipe: Connection[Any, Any], order: Order) -> None:
    """In the process. Ctrl-C comes to all of a terminal's processes; the first of them sees to the others."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    crew = ThreadCrew(target_of(parse(order.dsn), order.reach), order.mix, order.seed)
    try:
        while _obeyed(pipe, crew, pipe.recv()):
            pass
    except (EOFError, OSError):
        pass
    finally:
        crew.close()


def _obeyed(pipe: Connection[Any, Any], crew: ThreadCrew, message: tuple[Any, ...]) -> bool:
    """False at the end."""
    if message[0] == "grow":
        try:
            crew.grow(message[1])
        except DatabaseError as error:
            pipe.send(type(error)(error.message))
        else:
            pipe.send(None)
    elif message[0] == "run":
        window: Window = message[2]
        crew.begin(message[1], window)
        end = window.begins_at + window.warm_s + window.seconds
        while (left_s := end - time.time()) > 0.0:
            if pipe.poll(min(left_s, _LISTEN_S)):
                crew.halt()
                break
        pipe.send(crew.finish())
    return message[0] in ("grow", "run")
