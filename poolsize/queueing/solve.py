"""One pool, whatever its load: `solve`."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Final, Literal

from poolsize.queueing.chain import Pool, least_busy, solve_chain
from poolsize.queueing.churn import Semantics, opens_keeping, resistances
from poolsize.queueing.erlang import OpenPool, solve_open, unqueued, unqueued_at
from poolsize.queueing.model import Closed, Hold, HoldLaw, Load, Open, Usl
from poolsize.queueing.rates import completion_rates
from poolsize.queueing.setup_cost import with_setup
from poolsize.queueing.wait import Wait

Model = Literal["exponential", "volterra"]

NO_TIME_S: Final = 1e-200
"""A timeout below it is 0: nothing ends in such a time, and rates per such a time leave the range of a double."""


def solve(
    load: Load,
    hold: Hold,
    capacity: int,
    *,
    timeout_s: float = math.inf,
    pool_size: int | None = None,
    usl: Usl | None = None,
    max_waiting: int | None = None,
    setup_s: float = 0.0,
    semantics: Semantics = "sqlalchemy",
    model: Model | None = None,
) -> Wait:
    """How requests fare at a pool of `capacity` >= 1 connections that are waited for at most `timeout_s` >= 0, in the
    order in which they came.

    `usl`: the database slows down with the connections that are held. `max_waiting` >= 0 (None: no bound): a request
    that finds so many waiting is refused at once, as psycopg_pool does with its max_waiting (where 0 means no bound;
    here it means that nobody may wait). `pool_size` (0..capacity): also the connections opened beyond those kept,
    which take `setup_s` each.

    Exponential holds are solved exactly, as a birth-death chain: `model="exponential"`. Other holds of an open load
    without `max_waiting` are solved by the Volterra equation of M/G/c+D, `model="volterra"`, and `bracket` holds that
    answer beside the chain's. For a finite source, and with `max_waiting`, the chain is taken whatever the law, and
    `method` says so. None picks by the law of the holds.

    Asyncio pools, psycopg_pool and PgBouncer serve in the order of arrival; a threaded SQLAlchemy pool only roughly.
    Raises ValueError for numbers that no pool has.

    >>> wait = solve(Open(rate_per_s=8.0), Hold(mean_s=1.0), capacity=10)
    >>> round(wait.wait_probability, 4)
    0.4092
    """
    _check(capacity, timeout_s, pool_size, max_waiting, setup_s)
    usl = usl if usl is not None and (usl.alpha or usl.beta) else None
    timeout_s = timeout_s if timeout_s > NO_TIME_S else 0.0

    def solved(of: Hold) -> Wait:
        wait = _solve(load, of, capacity, timeout_s=timeout_s, usl=usl, max_waiting=max_waiting, model=model)
        if pool_size is None or pool_size >= capacity:
            return wait
        return replace(wait, opens_per_s=openings(load, of, capacity, wait, usl=usl, semantics=semantics)(pool_size))

    if setup_s == 0.0 or pool_size is None:
        return solved(hold)
    return with_setup(solved, hold, setup_s)


def openings(
    load: Load,
    hold: Hold,
    capacity: int,
    wait: Wait,
    *,
    usl: Usl | None = None,
    semantics: Semantics = "sqlalchemy",
) -> Callable[[int], float]:
    """Connections opened per second as a function of `pool_size` (0..capacity), for a pool solved as `wait`. Exact for
    exponential holds."""
    if isinstance(load, Closed):
        capacity = min(capacity, load.threads)  # nobody asks for more
        births = [(load.threads - b) / load.think_s for b in range(capacity)]
    elif load.rate_per_s > 0:
        births = [load.rate_per_s] * capacity
    else:
        return lambda _pool_size: 0.0
    found = resistances(births, completion_rates(hold, usl, capacity - 1), wait.log_empty)
    return lambda pool_size: opens_keeping(found, pool_size, semantics)


def _check(capacity: int, timeout_s: float, pool_size: int | None, max_waiting: int | None, setup_s: float) -> None:
    if not capacity >= 1:
        raise ValueError(f"A pool of {capacity} connections serves nobody: at least 1 is needed.")
    if not timeout_s >= 0.0:
        raise ValueError(f"A timeout of {timeout_s} s cannot be: it must be 0 or more.")
    if pool_size is not None and not pool_size >= 0:
        raise ValueError(f"A pool cannot keep {pool_size} connections: it must be 0 or more.")
    if max_waiting is not None and not max_waiting >= 0:
        raise ValueError(f"There cannot be {max_waiting} requests waiting: it must be 0 or more.")
    if not 0.0 <= setup_s < math.inf:
        raise ValueError(f"A set-up time of {setup_s} s cannot be: it must be 0 or more, and finite.")


def _solve(
    load: Load,
    hold: Hold,
    capacity: int,
    *,
    timeout_s: float,
    usl: Usl | None,
    max_waiting: int | None,
    model: Model | None,
) -> Wait:
    is_open = isinstance(load, Open) and max_waiting is None
    if model == "volterra" and not is_open:
        raise ValueError("The Volterra equation is that of an open load without a bound on how many wait.")
    if isinstance(load, Open) and load.rate_per_s == 0.0:
        return _idle(timeout_s)
    if isinstance(load, Open) and is_open:
        return _open(_open_pool(load, hold, capacity, timeout_s, usl), hold, usl, model)
    servers = min(capacity, load.threads) if isinstance(load, Closed) else capacity
    first = least_busy(load, hold.mean_s, servers) if isinstance(load, Closed) and usl is None else 0
    chain = Pool(load, capacity, completion_rates(hold, usl, servers), timeout_s, max_waiting, first)
    law = hold.law_name
    name = chain_name(law, usl, is_open=isinstance(load, Open), is_bounded=max_waiting is not None)
    wait = solve_chain(chain, name)
    return wait if law == "exponential" else replace(wait, is_bracketed=False)


def _open_pool(load: Open, hold: Hold, capacity: int, timeout_s: float, usl: Usl | None) -> OpenPool:
    if usl is None:
        below = unqueued(capacity, load.rate_per_s * hold.mean_s)
        return OpenPool(load.rate_per_s, capacity, capacity / hold.mean_s, timeout_s, below)
    rates = completion_rates(hold, usl, capacity)
    return OpenPool(load.rate_per_s, capacity, rates[-1], timeout_s, unqueued_at(rates, load.rate_per_s))


def _open(pool: OpenPool, hold: Hold, usl: Usl | None, model: Model | None) -> Wait:
    law = hold.law_name
    chain = solve_open(pool, chain_name(law, usl, is_open=True, is_bounded=False))
    if model != "volterra" and law == "exponential":
        return chain
    if model == "exponential":
        return replace(chain, is_bracketed=False)
    # here: numpy takes longer to import than all the rest, and only other laws need it
    from poolsize.queueing.general import solve_general

    wait = solve_general(pool, hold, f"M/G{'(n)' if usl else ''}/c+D, open, {law} holds")
    return replace(wait, other=chain)


def chain_name(law: HoldLaw, usl: Usl | None, *, is_open: bool, is_bounded: bool) -> str:
    """The chain in Kendall's notation, and what it takes for exponential."""
    taken = "" if law == "exponential" else f", {law} holds taken as exponential"
    source = "open" if is_open else "finite source"
    return f"M/M{'(n)' if usl else ''}/c{'/K' if is_bounded else ''}+D, {source}{taken}"


def _idle(timeout_s: float) -> Wait:
    return Wait(
        wait_probability=0.0,
        timeout_probability=0.0,
        mean_wait_s=0.0,
        utilization=0.0,
        throughput_per_s=0.0,
        opens_per_s=0.0,
        timeout_s=timeout_s,
        method="nothing arrives",
        tail=lambda _t: 0.0,
        log_empty=0.0,
    )
