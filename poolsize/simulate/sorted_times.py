"""Times in ascending order, many replications side by side: the first is replaced again and again."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

_SORTED: Final = 32
"""Rows that are kept in order. With more rows a sort of all of them every 32 steps costs less than keeping order:
measured from 33 to 1,000 rows with numpy 2.4."""

Floats = NDArray[np.float64]


class SortedTimes:
    """One column a replication; the first row has the earliest time of each.

    Only the first 32 rows are in order. What is taken out before the next sort is at most 32 times, and the earliest
    32 of all are in those rows after a sort; so the first row is the earliest as long as the rows are sorted every
    32 steps.
    """

    def __init__(self, times: Floats) -> None:
        """`times`: (rows, replications), taken over and sorted."""
        times.sort(axis=0)
        self.times: Final = times
        self._head: Final[list[Floats]] = [times[row] for row in range(min(len(times), _SORTED))]
        self._pairs: Final = list(zip(self._head, self._head[1:], strict=False))
        self._left = _SORTED

    @property
    def first(self) -> Floats:
        """The earliest time of each replication: a view, valid until the next `replace_first`."""
        return self._head[0]

    def replace_first(self, new: Floats) -> None:
        """Take the first out and put `new` in its place in the order. `new` is overwritten."""
        for here, following in self._pairs:
            np.minimum(new, following, out=here)
            np.maximum(new, following, out=new)
        np.copyto(self._head[-1], new)
        if len(self.times) > _SORTED:
            self._left -= 1
            if self._left == 0:
                self.times.sort(axis=0)
                self._left = _SORTED
