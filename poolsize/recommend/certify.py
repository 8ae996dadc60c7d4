"""The size settled by simulation where the models leave it open, and every answer certified by one."""

from __future__ import annotations

from dataclasses import replace
from typing import Final, Literal

from poolsize.datatypes import Certificate, Estimate
from poolsize.queueing import Closed
from poolsize.recommend.bench import Bench, Progress
from poolsize.recommend.choice import capacity_for, could_meet, meets
from poolsize.recommend.correction import corrected
from poolsize.recommend.decision import Decision, decide
from poolsize.recommend.pool_load import PoolLoad

HEAVY_SCV: Final = 5.0
"""Above it the chain's p99 is 40 to 90 % too short, and the Volterra equation's up to 80 % too long
(docs/theory/accuracy.md)."""
_FAR_FROM_ONE: Final = 0.5
"""Of the scv of a finite source's holds, which the chain takes for exponential."""
_UNEVEN_SCV: Final = 1.5
_LARGE_POOL: Final = 10
_LONG_TIMEOUT: Final = 3.0
"""Of holds: the two models part for uneven holds in larger pools, and with timeouts of over three holds."""
_SETUP_SHARE: Final = 0.3
"""Of the hold: from there on, what opening a connection takes is felt in the waits."""
_FEW_PEERS: Final = 4
"""Of so few pools the fixed point over many says little of the bursts of each."""
_CLOSE: Final = 0.20
_SIGMAS: Final = 3.0
"""Model and simulation contradict each other when they differ by over 20 % and by over three standard errors."""
_SIGMAS_OF_HALF: Final = 1.96
"""Standard errors that half of a 95 % interval is wide."""
_LONGEST_S: Final = 4.0
_LONGEST_OPEN_S: Final = 12.0
"""That a simulation may take here, about; and where nothing else knows the answer."""
_FURTHER: Final = 3
_LEAST_FURTHER: Final = 100
"""So many times more than the larger of the models' sizes, or so many more, are looked at: a burst may be of a hundred
checkouts where hardly any come otherwise."""

By = Literal["exact model", "two models", "confirmed model", "simulation"]


def certified(decision: Decision, on_progress: Progress | None) -> tuple[Decision, Certificate | None]:
    """The decision, as the simulation leaves it, and the certificate.

    None where there is nothing to certify (the workload is assumed, nothing fits, or nobody ever waits), and where a
    simulation would take too long.
    """
    choice = decision.choice
    if decision.situation.assumed_workload or choice is None or decision.pool.is_unwaited(choice.capacity):
        return decision, None
    bench = Bench(decision, on_progress)
    if _takes_long(decision, bench):
        return (_with_all_kept(decision) if _opens_slowly(decision) else decision), None
    if _opens_slowly(decision) and not bench.suffices(decision.needed):
        # Opening connections makes waits too long: all of them are kept.
        decision = _with_all_kept(decision)
        bench = Bench(decision, on_progress)
    low, high = _models_say(decision)
    by = _decided_by(decision, low, high, bench)
    if by == "simulation":
        decision = _settled(decision, bench, low, high)
    elif by != "exact model":
        decision = corrected(decision, bench, decision.needed)
    capacity = decision.capacity or choice.capacity
    certificate = _certificate(decision, bench, capacity, by, (low, high))
    if not decision.pool.is_exact:  # what stands beside the answer is then simulated as well
        for beside in _beside(decision, capacity):
            bench.glance(beside)
    waited = {size: found for size, found in bench.found.items() if not decision.pool.is_unwaited(size)}
    return replace(decision, simulated=waited), certificate


def _takes_long(decision: Decision, bench: Bench) -> bool:
    """A pool of thousands of connections, or one at its limit, takes minutes to settle in a simulation: more than it is
    worth where the model is exact."""
    cost_s = bench.cost_s(max(decision.needed, decision.capacity or 0))
    is_exact = decision.pool.is_exact and not _opens_slowly(decision)
    return cost_s > (_LONGEST_S if is_exact else _LONGEST_OPEN_S)


def _with_all_kept(decision: Decision) -> Decision:
    correction = decision.situation.correction._replace(keeps_all=True)
    return decide(replace(decision.situation, correction=correction), near=decision.needed)


def _models_say(decision: Decision) -> tuple[int, int]:
    """The sizes of the two models, in order: what is needed is between them, or is the one that there is."""
    pool, needed = decision.pool, decision.needed
    if not _has_two_models(pool):
        return needed, needed
    other = capacity_for(replace(pool, model="exponential"), decision.situation.goal)
    return min(needed, other), max(needed, other)


def _has_two_models(pool: PoolLoad) -> bool:
    return not pool.is_exact and not isinstance(pool.load, Closed) and pool.usl is None


def _decided_by(decision: Decision, low: int, high: int, bench: Bench) -> By:
    if low != high or _is_beyond_models(decision):
        return "simulation"
    if decision.pool.is_exact:
        return "exact model"
    # The models agree, or the one that there is should be near; the simulation has the last word.
    if not bench.suffices(high):
        return "simulation"
    return "two models" if _has_two_models(decision.pool) else "confirmed model"


def _is_beyond_models(decision: Decision) -> bool:
    pool, choice, situation = decision.pool, decision.choice, decision.situation
    if choice is None:
        return False
    scv, hold_s = pool.hold.scv, pool.hold.mean_s
    return (
        situation.request.trace is not None
        or _opens_slowly(decision)
        or (pool.usl is not None and pool.peers <= _FEW_PEERS)
        or scv > HEAVY_SCV
        or (isinstance(pool.load, Closed) and abs(scv - 1.0) > _FAR_FROM_ONE)
        or (scv > _UNEVEN_SCV and (choice.capacity > _LARGE_POOL or choice.pool_timeout_s > _LONG_TIMEOUT * hold_s))
    )


def _opens_slowly(decision: Decision) -> bool:
    choice = decision.choice
    if choice is None or choice.pool_size == choice.capacity:
        return False
    return decision.situation.connect_s.value > _SETUP_SHARE * decision.pool.hold.mean_s


def _settled(decision: Decision, bench: Bench, low: int, high: int) -> Decision:
    """The decision for the size that the simulation finds."""
    least = low if decision.pool.is_recorded else decision.pool.least
    needed = _fewest(decision, bench, low, high, least)
    if needed is None or (needed == decision.needed and decision.pool.is_recorded):
        return decision  # a recorded load is another one than the model's busiest stretch: nothing is to be corrected
    return corrected(decision, bench, needed)


def _fewest(decision: Decision, bench: Bench, low: int, high: int, least: int) -> int | None:
    """The fewest connections that the simulation passes: by halving between the models, then in growing steps beyond
    them, or one by one below. A recorded load is never sized below its busiest stretch. None where none passes."""

    def suffices(capacity: int) -> bool:
        if decision.pool.is_unwaited(capacity):
            return meets(decision.pool, decision.situation.goal, capacity)
        return could_meet(decision.pool, decision.situation.goal, capacity) and bench.suffices(capacity)

    most, step = decision.pool.ceiling or high + max(_FURTHER * high, _LEAST_FURTHER), 1
    while high < most and not suffices(high):
        low, high, step = high + 1, min(high + step, most), step * 2
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if suffices(middle) else (middle + 1, high)
    if not suffices(low):
        return None
    while low > least and suffices(low - 1):
        low -= 1
    return low


def _beside(decision: Decision, capacity: int) -> tuple[int, ...]:
    """The neighbours of the answer, as far as somebody waits there and the load does not drown them."""
    around = (capacity - 1, capacity + 1)
    return tuple(c for c in around if c >= decision.pool.least and not decision.pool.is_unwaited(c))


def _certificate(
    decision: Decision, bench: Bench, capacity: int, by: By, models: tuple[int, int]
) -> Certificate | None:
    if decision.pool.is_unwaited(capacity):
        return None
    found, choice = bench.at(capacity), decision.at(capacity)
    low, high = found.interval(0.99)
    simulated = Estimate(value=found.quantile(0.99), low=low, high=high)
    predicted = choice.wait.quantile(0.99)
    mean_low, mean_high = found.interval("mean_wait_s")
    is_like = decision.pool.is_recorded or _agree(predicted, simulated)  # which is another load than the model's
    is_refuted = any(size.capacity == decision.needed and size.meets_goal is False for size in bench.sizes)
    return Certificate(
        decided_by=by,
        capacity=capacity,
        checkouts=found.arrivals,
        late_probability=bench.late(capacity),
        mean_wait_s=Estimate(value=found.mean_wait_s, low=mean_low, high=mean_high),
        p99_wait_s=simulated,
        predicted_p99_wait_s=predicted,
        model_sizes=models,
        agrees=is_like and models[0] <= decision.needed <= models[1] and not is_refuted,
        sizes=bench.sizes,
        method=found.method,
    )


def _agree(predicted: float, simulated: Estimate) -> bool:
    value, low, high = simulated.value or 0.0, simulated.low or 0.0, simulated.high or 0.0
    error = (high - low) / 2.0 / _SIGMAS_OF_HALF
    apart = abs(predicted - value)
    return apart <= _SIGMAS * error or apart <= _CLOSE * max(predicted, value)
