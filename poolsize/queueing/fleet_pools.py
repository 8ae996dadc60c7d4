"""The pools of a fleet, and how the database slows them down."""

from __future__ import annotations

import math

import numpy as np
from msgspec import Struct

from poolsize.queueing.floats import Floats
from poolsize.queueing.full_pool import ClosedQueue, OpenQueue, Queue
from poolsize.queueing.model import Hold, Load, Open, Usl


class Pools(Struct, frozen=True):
    """`count` >= 1 equal pools, each with a load of its own, and `capacity` >= 1 connections to the common database.

    Holds are taken as exponential, whatever their scv. The database slows down only its own part of them.
    """

    count: int
    load: Load
    hold: Hold
    capacity: int
    timeout_s: float = math.inf

    def __post_init__(self) -> None:
        if self.count < 1 or self.capacity < 1 or not self.timeout_s >= 0.0:
            raise ValueError("A fleet needs at least 1 pool of at least 1 connection, and a timeout of 0 s or more.")

    def usable(self, capacity: int) -> int:
        """Of so many connections, those that can be held at once: a thread holds one at a time."""
        return capacity if isinstance(self.load, Open) else min(capacity, self.load.threads)

    @property
    def database_s(self) -> float:
        """The database's part of the mean hold, seconds."""
        return self.hold.mean_s - self.hold.app_s

    def rate_full(self, capacity: int, slowdown: Floats) -> Floats:
        """Requests per second that a full pool completes, for each slow-down of the database."""
        return capacity / (self.hold.app_s + self.database_s * slowdown)

    def births(self, first: int, end: int) -> Floats:
        """Arrivals per second while `first`, ..., `end` - 1 requests hold a connection or wait for one."""
        if isinstance(self.load, Open):
            return np.full(end - first, self.load.rate_per_s)
        births: Floats = np.maximum(self.load.threads - np.arange(first, end), 0.0) / self.load.think_s
        return births


def slowdowns(usl: Usl, most: int) -> Floats:
    """phi for 0..`most` active connections; with none the database is as fast as with one."""
    active: Floats = np.maximum(np.arange(most + 1.0), 1.0)
    return 1.0 + usl.alpha * (active - 1.0) + usl.beta * active * (active - 1.0)


def binomials(chances: Floats) -> Floats:
    """Row b: the probabilities that 0, 1, ... of b have what each has with probability `chances`[b]."""
    most = len(chances) - 1
    log_factorials = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1.0, most + 1.0)))])
    tried, had = np.arange(most + 1)[:, None], np.arange(most + 1)
    missed = np.maximum(tried - had, 0)
    log_choices = log_factorials[tried] - log_factorials[had] - log_factorials[missed]
    with np.errstate(divide="ignore", invalid="ignore"):  # nothing to the power of nothing
        log_had = np.where(had > 0, had * np.log(chances[:, None]), 0.0)
        log_missed = np.where(missed > 0, missed * np.log1p(-chances[:, None]), 0.0)
    return np.where(had <= tried, np.exp(log_choices + log_had + log_missed), 0.0)


def queue_of(pools: Pools, capacity: int, rates: Floats) -> Queue:
    """The queue at one of the pools with `capacity` connections that completes `rates` > 0 requests per second."""
    if isinstance(pools.load, Open):
        return OpenQueue(np.full_like(rates, pools.load.rate_per_s), rates, pools.timeout_s)
    return ClosedQueue(pools.load, capacity, rates, pools.timeout_s)
