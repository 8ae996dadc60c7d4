"""Times and counts, written and read."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poolsize.errors import UsageError
from poolsize.units import duration, parse_duration, plural


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (350e-6, "350 µs"),
        (0.02, "20 ms"),
        (0.0123456, "12.3 ms"),
        (1.5, "1.5 s"),
        (59.999, "60 s"),
        (1234.5, "1234 s"),
        (0.9994, "999 ms"),
        (0.0009996, "1 ms"),
        (28_800, "8 h"),
        (172_800, "48 h"),
    ],
)
def test_a_time_is_written_with_three_digits_and_its_unit(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@given(st.floats(1e-7, 1e6))
def test_a_written_time_has_no_exponent_and_reads_back_within_its_digits(seconds: float) -> None:
    text = duration(seconds)
    assert re.fullmatch(r"\d+(\.\d+)? (µs|ms|s|h)", text)
    assert parse_duration(text) == pytest.approx(seconds, rel=5e-3)


@given(st.floats(1e-7, 1e6), st.floats(1.0, 3.0))
def test_a_longer_time_is_never_written_as_a_shorter_one(seconds: float, factor: float) -> None:
    assert parse_duration(duration(seconds)) <= parse_duration(duration(seconds * factor)) * (1 + 5e-3)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("10ms", 0.01),
        ("1.5 s", 1.5),
        ("2m", 120.0),
        ("2 min", 120.0),
        ("1h", 3600.0),
        (".5s", 0.5),
        (" 250 us ", 250e-6),
        ("250 µs", 250e-6),
        ("250 μs", 250e-6),
        ("10MS", 0.01),
        ("0s", 0.0),
    ],
)
def test_a_time_is_read_with_its_unit(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds, rel=1e-12)


@pytest.mark.parametrize(
    "text", ["20", "", "ms", "20 mss", "-1s", "1e3ms", "1,5s", "nan s", "inf s", "20ms 3", "1 day"]
)
def test_what_is_no_time_is_one_sentence_with_examples(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_duration(text)
    assert caught.value.message == (f"'{text}' is not a time: write a number with its unit, such as 20ms, 1.5s or 2m.")


@pytest.mark.parametrize(
    ("count", "noun", "text"),
    [
        (1, "process", "1 process"),
        (4, "process", "4 processes"),
        (0, "session", "0 sessions"),
        (2, "thread", "2 threads"),
    ],
)
def test_a_count_agrees_with_its_noun(count: int, noun: str, text: str) -> None:
    assert plural(count, noun) == text
