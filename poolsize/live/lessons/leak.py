"""What a leak looks like: requests that forget to give their connection back, in the pool and from outside."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any, Final, NamedTuple

from poolsize.datatypes import Lesson, LessonTable
from poolsize.live.lab_connections import Connections
from poolsize.live.lab_tally import Tally, clock
from poolsize.live.lab_ways import PooledConnections, reason_of
from poolsize.live.lessons.lesson import Stage
from poolsize.units import duration

POOL: Final = 5
TIMEOUT_S: Final = 1.0
BETWEEN_S: Final = 0.5
"""Between two requests that forget."""

_BEGIN: Final = MappingProxyType(
    {"postgresql": "BEGIN READ ONLY", "mysql": "START TRANSACTION READ ONLY", "mariadb": "START TRANSACTION READ ONLY"}
)
_OWN_ID: Final = MappingProxyType(
    {"postgresql": "SELECT pg_backend_pid()", "mysql": "SELECT CONNECTION_ID()", "mariadb": "SELECT CONNECTION_ID()"}
)
_LOOK: Final = MappingProxyType(
    {
        "postgresql": "SELECT pid, state, extract(epoch FROM clock_timestamp() - state_change) FROM pg_stat_activity"
        " WHERE application_name = 'poolsize'",
        "mysql": "SELECT id, command, time FROM information_schema.processlist",
        "mariadb": "SELECT id, command, time FROM information_schema.processlist",
    }
)
"""By dialect: sessions, what each does, and for how many seconds it has. A role sees its own."""
_TELLS_OF_MYSQL: Final = (
    "The server shows that they sleep, as those of a sound pool do when it is idle; but these get older while requests "
    "fail, and once they have read a table their transactions stand in information_schema.innodb_trx, for who has "
    "PROCESS. A pool that is only too small has busy sessions."
)
_TELLS: Final = MappingProxyType(
    {
        "postgresql": "The server shows that they are idle in transaction, and older each time one looks; a pool that "
        "is only too small has busy sessions. idle_in_transaction_session_timeout ends them.",
        "mysql": _TELLS_OF_MYSQL,
        "mariadb": _TELLS_OF_MYSQL,
    }
)
"""By dialect: how one knows it from outside."""


class Forgotten(NamedTuple):
    """A connection that nobody will give back."""

    checkout: Any
    session: int
    """By which the server knows it."""


class Seen(NamedTuple):
    """After so many leaks. Seconds."""

    leaked: int
    free: int
    wait_s: float
    """Of the next request."""
    refusal: str
    """What it was told; empty where it got a connection."""
    outside: str
    """What the server shows of the sessions that leaked."""


def teach(stage: Stage) -> Lesson | None:
    """See `Teach`."""
    pool = PooledConnections(Connections(stage.target, Tally()), POOL, timeout_s=TIMEOUT_S)
    outside = stage.target.connect()
    forgotten: list[Forgotten] = []
    looks: list[Seen] = []
    try:
        while True:
            stage.tell(f"{len(forgotten)} of {POOL} leaked", len(forgotten) / (POOL + 1))
            looks.append(_look(stage, pool, forgotten, outside))
            if len(forgotten) == POOL:
                return _lesson(looks, stage.target.dsn.dialect)
            forgotten.append(_forget(stage, pool))
            if stage.guard.wait(BETWEEN_S):
                return None
    finally:
        for one in forgotten:
            one.checkout.invalidate()
        pool.close()
        stage.target.close(outside)


def _forget(stage: Stage, pool: PooledConnections) -> Forgotten:
    """A request that reads within a transaction, then fails before it gives its connection back."""
    dialect = stage.target.dsn.dialect
    checkout = pool.take()
    _rows(stage, checkout.dbapi_connection, _BEGIN[dialect])
    return Forgotten(checkout, int(_rows(stage, checkout.dbapi_connection, _OWN_ID[dialect])[0][0]))


def _look(stage: Stage, pool: PooledConnections, forgotten: list[Forgotten], outside: Any) -> Seen:
    from sqlalchemy.exc import TimeoutError as PoolTimeoutError  # here: it takes a tenth of a second to load

    free, refusal, start_s = POOL - len(forgotten), "", clock()
    try:
        pool.after_query(pool.take())
    except PoolTimeoutError as error:
        refusal = reason_of(error)
    wait_s = clock() - start_s
    return Seen(len(forgotten), free, wait_s, refusal, _from_outside(stage, forgotten, outside))


def _from_outside(stage: Stage, forgotten: list[Forgotten], outside: Any) -> str:
    known = {one.session for one in forgotten}
    rows = [row for row in _rows(stage, outside, _LOOK[stage.target.dsn.dialect]) if int(row[0]) in known]
    if not rows:
        return ""
    states = ", ".join(sorted({str(row[1]) for row in rows}))
    oldest_s = max(float(row[2]) for row in rows)
    return f"{len(rows)} {states}, for {duration(oldest_s) if oldest_s else 'less than 1 s'}"  # MySQL counts seconds


def _rows(stage: Stage, connection: Any, statement: str) -> list[Any]:
    cursor = connection.cursor()
    try:
        cursor.execute(statement)
        return list(cursor.fetchall()) if cursor.description else []
    except (connection.Error, OSError) as error:  # the driver's, as PEP 249 has connections know it
        raise stage.target.explain(error) from None
    finally:
        cursor.close()


def _lesson(looks: list[Seen], dialect: str) -> Lesson:
    last = looks[-1]
    return Lesson(
        name="leak",
        title="What a leak looks like, in the pool and from outside",
        setting=f"A pool of {POOL} with a timeout of {duration(TIMEOUT_S)}, and requests that forget to give back.",
        table=LessonTable(
            columns=("leaked", "left", "the next request waits", "the server shows of them"),
            rows=tuple(_row(look) for look in looks),
        ),
        measured={"leaked": last.leaked, "last_wait_s": last.wait_s},
        seen=f"Until the last connection has leaked nobody notices anything: the next request waited "
        f"{duration(looks[-2].wait_s)}. Then all of them wait for the timeout and fail, without any load and for ever: "
        f'"{last.refusal}". {_TELLS[dialect]} A larger pool leaks as well, only later: give connections back in a with '
        "block.",
    )


def _row(look: Seen) -> tuple[str, ...]:
    waits = f"{duration(look.wait_s)}, then an error" if look.refusal else duration(look.wait_s)
    return str(look.leaked), str(look.free), waits, look.outside
