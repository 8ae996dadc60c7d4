"""What all tests of the formulas hold to."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _numbers_stay_in_range() -> Iterator[None]:
    """An overflow, or a number that is none, is an error also where numpy only warns of it."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        yield
