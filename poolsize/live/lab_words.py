"""What a lab saw, in a paragraph."""

from __future__ import annotations

from typing import Final

from poolsize.datatypes import LabRun
from poolsize.live.lab_requests import Crowd
from poolsize.units import duration, plural

_NOTICED: Final = 0.05
"""A wait of this share of a request's life is one that a person may notice."""


def seen(crowd: Crowd, pool: int, unpooled: LabRun | None, pooled: LabRun | None) -> str:
    """Of the two ways, as far as they were run."""
    told = [_without(crowd, unpooled)] if unpooled is not None else []
    if pooled is not None:
        told += [_through(pooled), _bound(crowd, pool, pooled)]
    return " ".join(filter(None, told))


def seen_of_one_writer(readers: LabRun | None, writers: LabRun | None, pool: int) -> str:
    """SQLite's."""
    told = []
    if readers is not None:
        told.append(
            f"{plural(readers.served, 'request')} read through {plural(pool, 'connection')} in "
            f"{duration(readers.elapsed_s)}: any number may read at the same time."
        )
    if writers is not None:
        told.append(
            f"As many that write took {duration(writers.elapsed_s)}: only one connection writes at a time, and the "
            f'others try again until it is done, or fail with "database is locked" ({writers.errors} did). More '
            "connections make no write faster: keep a transaction that writes short, begin it with BEGIN IMMEDIATE, "
            "and let a pool of one do the writing."
        )
    return " ".join(told)


def _without(crowd: Crowd, run: LabRun) -> str:
    work = f"for {duration(crowd.hold_s)} of work in the database"
    kept = f"kept it to its end, {duration(run.mean_hold_s)}" if run.mean_hold_s is not None else "kept it to its end"
    how = f"Without a pool each request opened a connection at its first query and {kept} on average {work}:"
    if run.errors:
        room = plural(run.peak_connections, "connection")
        return f"{how} there was room for {room} at once, and {run.errors} of {run.requests} requests failed."
    return f"{how} the server had to hold {plural(run.peak_connections, 'connection')} at once."


def _through(run: LabRun) -> str:
    served = f"all {run.requests}" if run.served == run.requests else f"{run.served} of {run.requests}"
    return f"Through the pool {plural(run.peak_connections, 'connection')} served {served}."


def _bound(crowd: Crowd, pool: int, run: LabRun) -> str:
    """Under which so many connections serve so many requests."""
    if run.mean_hold_s is None or run.wait_p99_s is None:
        return ""
    most, share = pool / crowd.requests, run.mean_hold_s / crowd.request_time_s
    rule = (
        f"{pool} serve {crowd.requests} while a request holds one for at most {pool}/{crowd.requests} = "
        f"{_percent(min(most, 1.0))} of its life; here it was {duration(run.mean_hold_s)} of "
        f"{duration(crowd.request_time_s)}, {_percent(share)}"
    )
    waited = f"1 in 100 waited {duration(run.wait_p99_s)} or longer for one"
    if share > most:
        return f"{rule}, which is more: requests queue, and {waited}."
    if run.wait_p99_s > _NOTICED * crowd.request_time_s:
        return f"{rule}. That is the mean: as many may want one at the same moment, and {waited}."
    return f"{rule}, and {waited}."


def _percent(share: float) -> str:
    return f"{share * 100:.3g} %"
