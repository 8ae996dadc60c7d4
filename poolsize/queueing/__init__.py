"""Queueing formulas for one pool: numbers in, numbers out. Plain Python, so that one pool is solved without numpy.

solve(Open(rate_per_s=8.0), Hold(mean_s=1.0), capacity=10, timeout_s=0.5)
solve(Closed(threads=20, think_s=1.0), Hold(mean_s=1.0), capacity=10, timeout_s=0.5, pool_size=5)
"""

from poolsize.queueing.model import Closed, Hold, HoldLaw, Load, Open, Usl
from poolsize.queueing.solve import openings, solve
from poolsize.queueing.wait import Wait

__all__ = ["Closed", "Hold", "HoldLaw", "Load", "Open", "Usl", "Wait", "openings", "solve"]
