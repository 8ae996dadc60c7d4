"""The rates at which holds end on a database that slows down, against the network they come from."""

from __future__ import annotations

import math
from decimal import Decimal, localcontext

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poolsize.queueing import Closed, Hold, Usl, solve
from poolsize.queueing.rates import completion_rates


def throughput_of_the_network(app: float, database: float, usl: Usl, customers: int) -> list[float]:
    """G(b - 1) / G(b) of b customers between a station without a queue and one of rate m / (D phi(m)), by the sums
    over all their divisions: Gordon & Newell, Oper. Res. 15 (1967)."""
    with localcontext() as context:
        context.prec = 50
        a, d, alpha, beta = (Decimal(x) for x in (app, database, usl.alpha, usl.beta))
        at_app, at_database = [Decimal(1)], [Decimal(1)]
        for m in range(1, customers + 1):
            at_app.append(at_app[-1] * a / m)
            at_database.append(at_database[-1] * d * (1 + alpha * (m - 1) + beta * m * (m - 1)) / m)
        g = [sum(at_app[b - m] * at_database[m] for m in range(b + 1)) for b in range(customers + 1)]
        return [0.0] + [float(g[b - 1] / g[b]) for b in range(1, customers + 1)]


@given(share=st.floats(0, 1), alpha=st.floats(0, 0.5), beta=st.floats(0, 0.05))
@settings(max_examples=30, deadline=None)
def test_the_rates_are_the_throughput_of_a_closed_network(share: float, alpha: float, beta: float) -> None:
    hold, usl = Hold(2.0, app_s=2.0 * share), Usl(alpha, beta)
    expected = throughput_of_the_network(hold.app_s, hold.mean_s - hold.app_s, usl, 60)
    assert completion_rates(hold, usl, 60) == pytest.approx(expected, rel=1e-9)


def test_without_a_slow_down_each_hold_ends_at_its_own_rate() -> None:
    assert completion_rates(Hold(0.5), None, 3) == [0.0, 2.0, 4.0, 6.0]
    assert completion_rates(Hold(0.5, app_s=0.2), Usl(), 3) == pytest.approx([0.0, 2.0, 4.0, 6.0])


def test_a_database_that_works_all_the_time_is_the_scalability_law_itself() -> None:
    usl = Usl(alpha=0.05, beta=0.002)
    rates = completion_rates(Hold(1.0), usl, 40)
    assert rates == pytest.approx([b / (1 + 0.05 * (b - 1) + 0.002 * b * (b - 1)) for b in range(41)])
    assert max(range(41), key=rates.__getitem__) == round(math.sqrt((1 - 0.05) / 0.002)), "Gunther's N*"


def test_what_the_application_computes_is_not_slowed_down() -> None:
    """alpha = 1: the database does one thing at a time, and 30 connections that are 1 % of their time with it hardly
    meet there."""
    rates = completion_rates(Hold(1.0, app_s=0.99), Usl(alpha=1.0), 30)
    assert rates[30] == pytest.approx(30.0, rel=0.005)
    assert completion_rates(Hold(1.0, app_s=0.0), Usl(alpha=1.0), 30)[30] == pytest.approx(1.0)


def test_a_pool_is_its_threads_going_round_between_thought_application_and_database() -> None:
    """As many connections as threads: nobody waits, and the states (held, at the database) of the whole network are
    few enough for linear algebra. A hold goes to the database twice on average; with a product form that is all one."""
    threads, think, app, database, usl = 7, 2.0, 0.6, 0.4, Usl(0.2, 0.05)
    again = 0.5
    states = [(b, m) for b in range(threads + 1) for m in range(b + 1)]
    number = {state: i for i, state in enumerate(states)}
    rates = np.zeros((len(states), len(states)))
    for b, m in states:
        here = number[b, m]
        if b < threads:
            rates[here, number[b + 1, m]] += (threads - b) / think
        if b > m:
            rates[here, number[b, m + 1]] += (b - m) / (app * (1 - again))
        if m > 0:
            speed = m / (database * (1 - again) * usl.slowdown(m))
            rates[here, number[b, m - 1]] += again * speed
            rates[here, number[b - 1, m - 1]] += (1 - again) * speed
    generator = rates - np.diag(rates.sum(axis=1))
    generator[:, 0] = 1.0
    law = np.linalg.solve(generator.T, np.eye(len(states))[0])
    held = sum(p * b for (b, _), p in zip(states, law, strict=True))
    wait = solve(Closed(threads, think), Hold(1.0, app_s=app), threads, usl=usl)
    assert wait.utilization * threads == pytest.approx(held, rel=1e-9)
