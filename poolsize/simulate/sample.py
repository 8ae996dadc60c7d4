"""What a simulation saw: one number a request or a replication, nothing averaged yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Sample:
    """The measured part of independent replications, without their warm-up."""

    waits: Floats
    """(requests, replications), seconds; a request that gave up waited until then, one that was refused has nan."""
    new: Floats
    """Requests of each replication that are no retries."""
    timed_out: Floats
    """Requests of each replication that gave up."""
    refused: Floats
    """Requests that were turned away at once, since too many were waiting."""
    failed: Floats
    """Requests that were not made again after that."""
    busy_s: Floats
    """Connections held, integrated over time, over all pools."""
    opened: Floats
    """Connections opened by requests or for them, at least."""
    opened_at_most: Floats
    """The same where the run was too short to forget how many were open at first."""
    window_s: Floats
    """The time over which all this was seen."""
    path: Floats
    """(time, wait) of each request of the first replication that was not refused, in the order in which they came;
    time since the first measured one."""

    @property
    def requests(self) -> int:
        """In each replication."""
        return len(self.waits)

    @property
    def replications(self) -> int:
        return int(self.waits.shape[1])


def joined(samples: Sequence[Sample]) -> Sample:
    """The replications of all of them, in this order; each has as many requests as the others."""
    if len(samples) == 1:
        return samples[0]
    names = [field.name for field in fields(Sample) if field.name != "path"]
    columns = {name: np.concatenate([getattr(sample, name) for sample in samples], axis=-1) for name in names}
    return Sample(**columns, path=samples[0].path)
