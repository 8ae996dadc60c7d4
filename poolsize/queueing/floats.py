"""The arrays of the array forms. Whatever imports this imports numpy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
