"""A curve that was measured before: read again, and what may be taken from it."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from poolsize.datatypes import Curve, Recommendation
from poolsize.errors import FileError, UsageError
from poolsize.live.curve_file import careful_law, law_findings, read_curve
from poolsize.live.curve_fit import LevelRun, law_of
from poolsize.report.json import encode


def run_of(level: int, off: float) -> LevelRun:
    throughput = 1000.0 * level / (1.0 + 0.05 * (level - 1)) * off
    return LevelRun(level, throughput, (level / throughput,), 0, 0.1)


LAW = law_of([run_of(level, off) for level in (1, 2, 3, 4, 6, 8) for off in (0.98, 1.02)])
CURVE = Curve(target="postgresql://app@db/shop", usl=LAW, is_built_in=True)


def test_what_was_printed_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "curve.json"
    file.write_text(encode(CURVE), encoding="utf-8")
    assert read_curve(file) == CURVE


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "cannot be read: No such file"),
        ("{", "holds no capacity curve, as"),
        (b"\xff\xfe", "holds no capacity curve, as"),
        (encode(Recommendation()), "but what `poolsize recommend` printed"),
    ],
)
def test_what_is_no_curve_is_one_sentence(text: str | bytes | None, words: str, tmp_path: Path) -> None:
    file = tmp_path / "curve.json"
    if text is not None:
        file.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(FileError, match=words):
        read_curve(file)


def test_the_law_for_a_decision_is_the_careful_one() -> None:
    assert LAW is not None
    assert careful_law(CURVE) == LAW.cautious
    with pytest.raises(UsageError, match="has no law"):
        careful_law(replace(CURVE, usl=None))


def test_what_speaks_against_a_curve_is_found() -> None:
    assert LAW is not None
    assert [finding.code for finding in law_findings(CURVE)] == ["PS426"]
    doubtful = replace(CURVE, usl=replace(LAW, verdict="doubtful", doubts=("it is odd",)), is_built_in=False)
    (finding,) = law_findings(doubtful)
    assert (finding.code, finding.message) == ("PS425", "The law of the capacity curve is doubtful: it is odd.")
    assert list(law_findings(replace(CURVE, is_built_in=False))) == []
