"""Files of requests and holds, as people have them, and what is said of files that are none."""

from __future__ import annotations

import contextlib
import math
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from poolsize.errors import FileError, UsageError
from poolsize.queueing import Hold
from poolsize.recorded import read_histogram, read_trace
from poolsize.simulate import Trace


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "recorded.csv"


TRACES = {
    "arrivals alone": ("0\n0.5\n2\n", Trace((0.0, 0.5, 2.0))),
    "arrivals and holds": ("10,0.1\n11,0.2\n", Trace((0.0, 1.0), (0.1, 0.2))),
    "a heading": ("arrival,hold\n10,0.1\n11,0.2\n", Trace((0.0, 1.0), (0.1, 0.2))),
    "a heading in quotes": ('"arrival";"hold"\n10;0.1\n11;0.2\n', Trace((0.0, 1.0), (0.1, 0.2))),
    "tabs, blanks and comments": ("# from the log\n\n10\t 100ms \n11\t0.2s\n\n", Trace((0.0, 1.0), (0.1, 0.2))),
    "times of a clock": (
        "2026-01-31T09:30:00Z,20ms\n2026-01-31T10:30:01.5+01:00,1s\n", Trace((0.0, 1.5), (0.02, 1.0))
    ),
    "times without a zone": ("2026-01-31 09:30:00\n2026-01-31 09:31:00\n", Trace((0.0, 60.0))),
    "seconds since 1970": ("1769851800.25,0\n1769851801.5,1e-3\n", Trace((0.0, 1.25), (0.0, 0.001))),
    "in the order of their ends": ("3,5\n1,7\n2,6\n", Trace((0.0, 1.0, 2.0), (7.0, 6.0, 5.0))),
    "a byte order mark": ("\ufeffarrival\n1\n2\n", Trace((0.0, 1.0))),
    "lines of Windows": ("1,0.1\r\n2,0.2\r\n", Trace((0.0, 1.0), (0.1, 0.2))),
}  # fmt: skip


@pytest.mark.parametrize("name", TRACES)
def test_a_trace_is_read_as_it_was_written(name: str, file: Path) -> None:
    text, trace = TRACES[name]
    file.write_text(text, encoding="utf-8", newline="")
    found = read_trace(file)
    assert found.arrivals_s == pytest.approx(trace.arrivals_s)
    assert found.holds_s == (None if trace.holds_s is None else pytest.approx(trace.holds_s))


WRONG_TRACES = {
    "nothing": ("", "at least two requests"),
    "a heading alone": ("arrival\n", "at least two requests"),
    "one request": ("1,2\n", "at least two requests"),
    "all at once": ("5\n5\n5\n", "at different times"),
    "some with holds": ("1\n2,3\n", "each line is an arrival, or each is"),
    "three fields": ("1,2,3\n2,3,4\n", "each line is an arrival, or each is"),
    "a word": ("1\nlater\n", "line 2: 'later' is no time"),
    "two headings": ("arrival\nseconds\n1\n2\n", "line 2: 'seconds' is no time"),
    "an endless arrival": ("1\ninf\n", "line 2: 'inf' is no time"),
    "an undefined arrival": ("1\nnan\n2\n", "line 2: 'nan' is no time"),
    "a hold below 0": ("1,0.5\n2,-0.5\n", "line 2: '-0.5' is no time"),
    "a hold in another unit": ("1,5 parsecs\n2,1\n", "line 1: '5 parsecs' is no time"),
    "a field without anything": ("1,\n2,3\n", "line 1: '' is no time"),
}


@pytest.mark.parametrize("name", WRONG_TRACES)
def test_what_is_no_trace_is_one_sentence_with_its_line(name: str, file: Path) -> None:
    text, sentence = WRONG_TRACES[name]
    file.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        read_trace(file)
    assert sentence in caught.value.message
    assert str(file) in caught.value.message
    assert caught.value.message.endswith(".")


def test_a_histogram_is_read_as_it_was_written(file: Path) -> None:
    file.write_text("value,count\n10ms,6\n0.02,3\n1s,1\n")
    assert read_histogram(file) == Hold.from_histogram([0.01, 0.02, 1.0], [6, 3, 1])


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "each line is a value and a count"),
        ("0.1\n0.2\n", "each line is a value and a count"),
        ("0.1,5,6\n", "each line is a value and a count"),
        ("0.1,many\n", "line 1: 'many' is no count"),
        ("0.1,-5\n", "line 1: '-5' is no count"),
        ("0,5\n", "needs one that took some time"),
        ("0.1,0\n", "is no histogram"),
    ],
)
def test_what_is_no_histogram_is_one_sentence(text: str, sentence: str, file: Path) -> None:
    file.write_text(text)
    with pytest.raises(UsageError) as caught:
        read_histogram(file)
    assert sentence in caught.value.message


@pytest.mark.parametrize("read", [read_trace, read_histogram])
def test_a_file_that_cannot_be_read_is_one_sentence(read: object, tmp_path: Path) -> None:
    assert callable(read)
    with pytest.raises(FileError, match=r"nosuch\.csv cannot be read: No such file"):
        read(tmp_path / "nosuch.csv")
    with pytest.raises(FileError, match="cannot be read"):
        read(tmp_path)
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(FileError, match="it is not text"):
        read(tmp_path / "binary")


@given(requests=st.lists(st.tuples(st.floats(0.0, 1e6), st.floats(0.0, 1e3)), min_size=2, max_size=30))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_written_comes_back(requests: list[tuple[float, float]], file: Path) -> None:
    file.write_text("".join(f"{arrival!r};{hold!r}\n" for arrival, hold in requests))
    arrivals = sorted(arrival for arrival, _ in requests)
    if arrivals[0] == arrivals[-1]:
        with pytest.raises(UsageError):
            read_trace(file)
        return
    found = read_trace(file)
    assert found.arrivals_s == tuple(arrival - arrivals[0] for arrival in arrivals)
    assert found.holds_s == tuple(hold for _, hold in sorted(requests))


@given(text=st.text(max_size=60))
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_text_whatever_is_more_than_refused(text: str, file: Path) -> None:
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    for read in (read_trace, read_histogram):
        with contextlib.suppress(UsageError, FileError):
            found = read(file)
            times = found.arrivals_s if isinstance(found, Trace) else (found.mean_s,)
            assert all(math.isfinite(time) for time in times)
