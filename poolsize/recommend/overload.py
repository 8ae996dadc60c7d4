"""What happens when more comes than the pool can do: why a longer pool_timeout saves nothing, and what retries add."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from poolsize.queueing import Closed
from poolsize.recommend.choice import Choice, longest_timeout_s
from poolsize.recommend.pool_load import PoolLoad
from poolsize.recommend.situation import Situation
from poolsize.units import duration, plural

_OVERLOAD: Final = 1.5
"""Times what the connections can do: a flash sale, or a database that became a third slower."""
_RETRIES: Final = 3
"""Of each failed request, as many clients, queues and service meshes make them."""
_NEGLIGIBLE: Final = 1e-6
_ROUNDS: Final = 100
_RESTLESS: Final = 1e-3
"""Of the hold: what a thread that never rests spends between two checkouts."""


def overload_lines(situation: Situation, pool: PoolLoad, choice: Choice) -> Iterator[str]:
    """A sentence for the timeout, and one for retries where they add load."""
    pool = replace(pool, model="exponential", usl=None)  # far above what fits, the law of the holds hardly matters
    if isinstance(pool.load, Closed):
        yield from _all_threads(pool, choice)
        return
    capacity, short_s, long_s = choice.capacity, choice.pool_timeout_s, longest_timeout_s(situation.goal)
    most_per_s = capacity / pool.hold.mean_s
    lost = [_lost(pool, _OVERLOAD * most_per_s, capacity, timeout_s) for timeout_s in (short_s, long_s)]
    yield (
        f"A longer pool_timeout saves nothing in overload: at {_OVERLOAD:g} × what {plural(capacity, 'connection')} "
        f"can do, {lost[0] * 100:.0f} % time out after {duration(short_s)}, and {lost[1] * 100:.0f} % after "
        f"{duration(long_s)}; the others only wait longer"
    )
    share, load = _with_retries(pool, capacity, short_s)
    yield (
        f"Retries feed back: were each of those tried {_RETRIES} times more, the load would be {load:.1f} × what they "
        f"can do, and {share * 100:.0f} % of the attempts would time out"
    )


def _all_threads(pool: PoolLoad, choice: Choice) -> Iterator[str]:
    """Threads that wait ask for nothing else, so that the queue, and the wait, has an end."""
    if pool.ceiling is None or pool.is_unwaited(choice.capacity):
        return
    busiest = replace(pool, load=Closed(pool.ceiling, _RESTLESS * pool.hold.mean_s))
    wait = busiest.solve(choice.capacity, choice.pool_timeout_s)
    yield (
        f"In overload, with all {pool.ceiling} threads asking all the time, a checkout waits "
        f"{duration(wait.mean_wait_s)} on average and {_percent(wait.timeout_probability)} time out: a longer "
        "pool_timeout lets threads wait longer, and serves no more"
    )


def _percent(share: float) -> str:
    return f"{share * 100:.2g} %" if share > _NEGLIGIBLE else "none"


def _lost(pool: PoolLoad, rate_per_s: float, capacity: int, timeout_s: float) -> float:
    return pool.at_rate(rate_per_s).solve(capacity, timeout_s).timeout_probability


def _with_retries(pool: PoolLoad, capacity: int, timeout_s: float) -> tuple[float, float]:
    """P(timeout) of an attempt, and all attempts over what the connections can do, where the two settle."""
    most_per_s = capacity / pool.hold.mean_s
    load = _OVERLOAD
    for _ in range(_ROUNDS):
        share = _lost(pool, load * most_per_s, capacity, timeout_s)
        after = _OVERLOAD * sum(share**attempt for attempt in range(_RETRIES + 1))
        if abs(after - load) < _RESTLESS:
            break
        load = after
    return share, load
