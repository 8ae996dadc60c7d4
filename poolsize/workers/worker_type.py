"""What a kind of process is: how many requests it works on at once, and how a request holds a connection."""

from __future__ import annotations

from poolsize.datatypes import Value


class WorkerType(Value, frozen=True):
    """One way to run an application. Each claim holds for the library and version in `source`."""

    name: str
    """As `--worker-type` takes it."""
    title: str
    process: str
    """What counts as one process, for `--workers`."""
    threads: int | None
    """Requests that one process works on at once unless the user says otherwise; None: no bound."""
    threads_reason: str
    """Where that default comes from, honest about a default that is poolsize's own."""
    source: str
    """Library, version and file, or a page with the date of its text, where the default was read."""
    hold: str
    """When a request has its connection. Each type's hold is at most the request's time, so that a hold derived
    from a request time is an upper bound."""
    limit_line: str
    """The option or line of code that bounds the requests worked on at once, with N in it."""
    threads_settable: bool = True
    """`--threads` may state another number; False: the type fixes it."""
    threads_shared: bool = False
    """`threads` is a total that the processes of an instance divide among them."""
    is_async: bool = False
    """The code that uses the database runs on an event loop and needs an asynchronous engine."""
    release_needs_thread: bool = False
    """A finished request may need a thread before its connection comes back. Once capacity + threads requests are
    there at once, those that wait in the pool have every thread and the finished ones cannot release, so that all
    stand still until pool_timeout."""
    release_remedy: str = ""
    """What prevents that, with `=N` in it, N at most the pool's capacity; empty where it can't happen."""
    pool_advice: str = ""
    """What this type makes of a pool, where that is not what people expect."""
    fork_note: str = ""
    """How an engine that was built before a fork must be treated; empty where nothing is forked."""

    def threads_per_process(self, processes: int) -> int | None:
        """The default bound in an instance of `processes` >= 1 processes; None: no bound."""
        if self.threads is None or not self.threads_shared:
            return self.threads
        return max(self.threads // processes, 1)

    def release_remedy_for(self, capacity: int) -> str:
        """`release_remedy` for a pool of `capacity` >= 1 connections; empty where there is nothing to prevent."""
        return self.release_remedy.replace("=N", f"={capacity}")
