"""Parts of a request as people write them, where that is more than a number: `25%`, `5+10`, `default`."""

from __future__ import annotations

import math
import re
from typing import Final

from poolsize.errors import UsageError

SQLALCHEMY_DEFAULT: Final = (5, 10)
"""pool_size and max_overflow of create_engine (SQLAlchemy 2.0 and 2.1)."""


def parse_surge(text: str | None, instances: int) -> int | None:
    """`Request.surge` of `2`, or of `25%` of the instances rounded up as Kubernetes does; None: the default. Raises
    UsageError for any other text."""
    if text is None:
        return None
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(%?)\s*", text)
    if match is None or (not match[2] and not match[1].isdigit()):
        raise UsageError(f"--surge {text!r} is neither a number of instances nor a percentage, such as 1 or 25%.")
    return math.ceil(float(match[1]) / 100 * instances) if match[2] else int(match[1])


def parse_current(text: str | None) -> tuple[int, int] | None:
    """`Request.current`, pool_size and max_overflow, of `5+10`, or SQLAlchemy's own for `default`. Raises UsageError
    for any other text."""
    if text is None:
        return None
    if text == "default":
        return SQLALCHEMY_DEFAULT
    match = re.fullmatch(r"\s*(\d+)\s*\+\s*(-1|\d+)\s*", text)
    if match is None:
        raise UsageError(f"--current {text!r} is not pool_size+max_overflow, such as 5+10, nor the word default.")
    return int(match[1]), int(match[2])


def parse_usl(text: str | None) -> tuple[float, float] | None:
    """`Request.usl`, alpha and beta, of `0.05,0.002`. Raises UsageError for any other text."""
    if text is None:
        return None
    try:
        alpha, beta = map(float, text.split(","))
    except ValueError:
        raise UsageError(f"--usl {text!r} is not alpha,beta, such as 0.05,0.002.") from None
    return alpha, beta
