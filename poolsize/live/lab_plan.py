"""What the lab will run: how many requests, what pool, and what is told before."""

from __future__ import annotations

from typing import Final

from poolsize.datatypes import DatabaseFacts, Quantity, Value
from poolsize.errors import UsageError
from poolsize.live.budget import HEARTBEAT, Plan, check_open_files, connections_for_load
from poolsize.live.lab_requests import Crowd
from poolsize.units import duration, plural

POOL: Final = 10
_PER_REQUEST_S: Final = 0.005
"""What a connection costs, for a guess of how long it takes."""
_BESIDE_S: Final = 2.0
"""The look at the client, and what lies between the halves."""


class LabOptions(Value, frozen=True):
    """What is asked for. Seconds and counts."""

    requests: int = 300
    pool: int | None = None
    """None: ten connections, fewer where a quarter of the free ones are fewer."""
    request_time_s: float = 1.0
    """So long that all of them really overlap."""
    hold_s: float = 0.02
    at_most: int | None = None
    """Connections that may be taken; None: a quarter of the free ones by the pool."""
    seed: int = 0

    @property
    def crowd(self) -> Crowd:
        return Crowd(requests=self.requests, request_time_s=self.request_time_s, hold_s=self.hold_s, seed=self.seed)

    def check(self) -> None:
        """Raises UsageError for options that contradict each other or this machine, whatever the database."""
        if not 0.0 < self.hold_s <= self.request_time_s:
            life, hold = duration(self.request_time_s), duration(self.hold_s)
            raise UsageError(f"A request of {life} cannot spend {hold} of it in the database.")
        check_open_files(max(self.requests, self.pool or POOL) + HEARTBEAT)

    def inputs(self, pool: int) -> dict[str, Quantity]:
        """What is not a default counts as stated."""
        values = {"requests": self.requests, "request_time_s": self.request_time_s, "hold_s": self.hold_s}
        usual = LabOptions()
        found = {
            name: Quantity(value=value, origin="assumed" if value == getattr(usual, name) else "stated")
            for name, value in values.items()
        }
        return found | {"pool": Quantity(value=pool, origin="assumed" if self.pool is None else "stated")}


def pool_for(options: LabOptions, facts: DatabaseFacts) -> int:
    """The pool's size. Raises UsageError for options that contradict each other or the database, and
    TooManyConnectionsError where the database has no room for any."""
    options.check()
    is_sqlite = facts.database is not None and facts.database.dialect == "sqlite"
    wanted = POOL if options.pool is None else options.pool
    if options.at_most is not None and options.at_most < options.requests + HEARTBEAT and not is_sqlite:
        raise UsageError(
            f"{options.requests} requests without a pool ask for {options.requests} connections, and with the "
            f"heartbeat's that is more than --at-most {options.at_most}: --requests {max(options.at_most - 1, 1)}."
        )
    allowed = connections_for_load(facts, wanted, options.at_most)
    if options.pool is not None and allowed < wanted:
        raise UsageError(
            f"A pool of {wanted} takes more than a quarter of this database's free connections: --pool {allowed}, or "
            "say with --at-most how many to take."
        )
    return allowed


def plan_of(options: LabOptions, facts: DatabaseFacts) -> Plan:
    """What is told before. Raises what `pool_for` raises."""
    pool = pool_for(options, facts)
    queued_s = options.requests * options.hold_s / pool
    place = facts.database.place if facts.database is not None else "this database"
    if facts.database is not None and facts.database.dialect == "sqlite":
        return Plan(
            what=f"{plural(options.requests, 'request')} that read and as many that take the write lock in turn",
            place=place,
            connections=pool + HEARTBEAT,
            seconds=_BESIDE_S + options.request_time_s + options.requests * options.hold_s + queued_s,
            warning="It writes nothing, and whoever else writes to the file waits his turn.",
        )
    once_s = options.request_time_s + options.requests * _PER_REQUEST_S
    return Plan(
        what=f"{plural(options.requests, 'request')} at once, without a pool and through one of {pool},",
        place=place,
        connections=options.requests + HEARTBEAT,
        seconds=_BESIDE_S + once_s + max(options.request_time_s, queued_s),
        warning=_warning(options.requests, facts),
    )


def _warning(requests: int, facts: DatabaseFacts) -> str:
    free = facts.limits.free_connections if facts.limits is not None else None
    if free is not None and requests + HEARTBEAT < free:
        return ""
    known = "" if free is None else f" all {free} free connections and"
    return f"The half without a pool takes{known} whatever the server lets it have: others may be refused meanwhile."
