"""What a load, a hold and a slow-down can be."""

from __future__ import annotations

import math
from typing import Any

import pytest

from poolsize.queueing import Closed, Hold, HoldLaw, Open, Usl


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: Open(-1.0), "A rate of -1.0/s is none"),
        (lambda: Open(math.nan), "A rate of nan/s is none"),
        (lambda: Open(math.inf), "and finite"),
        (lambda: Closed(0, 1.0), "0 threads ask for nothing"),
        (lambda: Closed(3, 0.0), "take one far below the hold"),
        (lambda: Closed(3, math.inf), "and finite"),
        (lambda: Usl(-0.1), "are no slow-down"),
        (lambda: Usl(0.1, math.nan), "are no slow-down"),
        (lambda: Hold(0.0), "A mean hold of 0.0 s is none"),
        (lambda: Hold(1.0, -1.0), "squared coefficient of variation of -1.0 is none"),
        (lambda: Hold(1.0, app_s=1.5), "the application cannot take 1.5 s"),
        (lambda: Hold(1.0, 0.5, "h2"), "h2 asks for another scv than 0.5"),
        (lambda: Hold(1.0, 0.0, "gamma"), "gamma asks for another scv than 0"),
        (lambda: Hold(1.0, 2.0, "exponential"), "exponential asks for another scv than 2"),
        (lambda: Hold(1.0, 2.0, "histogram"), "histogram asks for values and shares"),
        (lambda: Hold.from_histogram([1.0, -1.0], [1, 1]), "that was seen 1 times cannot be"),
        (lambda: Hold.from_histogram([0.0], [3]), "one that took some time"),
        (lambda: Hold.from_samples([]), "one that took some time"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(make: Any, sentence: str) -> None:
    with pytest.raises(ValueError) as refused:
        make()
    assert sentence in str(refused.value)
    assert str(refused.value).endswith(".")


def test_a_law_that_there_is_not_is_answered_with_those_that_there_are() -> None:
    law: Any = "weibull"
    with pytest.raises(ValueError, match="'weibull' is not one of the laws constant, exponential, lognormal"):
        Hold(1.0, 2.0, law)


@pytest.mark.parametrize(
    ("hold", "law"),
    [
        (Hold(1.0, 0.0), "constant"),
        (Hold(1.0), "exponential"),
        (Hold(1.0, 4.0), "lognormal"),
        (Hold(1.0, 0.2), "lognormal"),
        (Hold(1.0, 1.0, "lognormal"), "lognormal"),
        (Hold(1.0, 4.0, "h2"), "h2"),
        (Hold.from_samples([1.0, 2.0]), "histogram"),
    ],
)
def test_mean_and_scv_name_the_law_unless_it_is_named(hold: Hold, law: HoldLaw) -> None:
    assert hold.law_name == law


def test_a_histogram_has_its_own_mean_and_variation() -> None:
    """1, 1, 1 and 5: mean 2, variance 3."""
    for hold in (Hold.from_histogram([5.0, 1.0], [1, 3]), Hold.from_samples([1.0, 5.0, 1.0, 1.0])):
        assert (hold.mean_s, hold.scv) == (2.0, 0.75)
        assert hold.histogram == ((1.0, 0.75), (5.0, 0.25))
    assert Hold.from_histogram([1.0, 2.0, 1.0], [1, 2, 1]).histogram == ((1.0, 0.5), (2.0, 0.5))
    assert Hold.from_histogram([1.0, 2.0], [0, 2]).histogram == ((2.0, 1.0),)


def test_the_slow_down_is_1_alone_and_grows_with_company() -> None:
    usl = Usl(alpha=0.05, beta=0.002)
    assert usl.slowdown(1) == 1.0
    assert usl.slowdown(10) == pytest.approx(1 + 0.05 * 9 + 0.002 * 90)
