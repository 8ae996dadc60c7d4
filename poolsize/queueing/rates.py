"""How many holds end per second with so many connections held: the death rates of the chain."""

from __future__ import annotations

from poolsize.queueing.model import Hold, Usl


def completion_rates(hold: Hold, usl: Usl | None, capacity: int) -> list[float]:
    """R_0..R_capacity, 1/s: the rate at which holds end while b connections are held.

    Without a slow-down b / S, and R_b = b / (S phi(b)) where the database works during the whole of a hold. Where the
    application computes for A of it, the b connections go round between it (nobody is in another's way) and the
    database (work D, rate m / (D phi(m)) with m there). Such a network has a product form, and its throughput is R_b
    (Norton's theorem for queues: Chandy, Herzog & Woo, IBM J. Res. Dev. 19, 1975). Because phi is a square, the
    generating function of its normalising constants obeys a differential equation, and they a recursion:

        b / R_b = A + D (phi(b) - A (alpha + 2 beta (b - 1)) R_(b-1) + beta A² R_(b-1) R_(b-2))

    R_b depends on b alone only if a hold goes round many times, or if m settles faster than b changes.
    """
    if usl is None:
        return [b / hold.mean_s for b in range(capacity + 1)]
    app, database = hold.app_s, hold.mean_s - hold.app_s
    rates = [0.0] * (capacity + 1)
    last = before = 0.0
    for b in range(1, capacity + 1):
        relief = app * last * (usl.alpha + usl.beta * (2.0 * (b - 1) - app * before))
        rates[b] = b / (app + database * (usl.slowdown(b) - relief))
        last, before = rates[b], last
    return rates
