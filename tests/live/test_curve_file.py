"""A curve that was measured before: read again, and what may be taken from it."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from poolsize.datatypes import Curve, Recommendation, Request
from poolsize.errors import FileError, UsageError
from poolsize.live.curve_file import careful_law, law_findings, read_curve, sized_by
from poolsize.live.curve_fit import LevelRun, law_of
from poolsize.providers import stated_facts
from poolsize.recommend import recommend
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


def test_a_pool_is_sized_by_the_careful_law_of_a_curve() -> None:
    assert LAW is not None
    measured = replace(CURVE, measured_at="2026-11-25T01:00:00+00:00")
    load = Request(workers=4, rate_per_s=200, hold_s=0.02, worker_type="uvicorn")
    request, facts = sized_by(load, stated_facts(100), measured)
    by_curve = recommend(request, facts, certify=False)
    stated = recommend(replace(load, usl=LAW.cautious), stated_facts(100), certify=False)
    assert by_curve.settings == stated.settings
    alpha = by_curve.inputs["usl_alpha"]
    assert (alpha.value, alpha.origin) == (LAW.cautious[0], "measured")
    assert alpha.source == "capacity curve of postgresql://app@db/shop, 2026-11-25, its cautious end"
    assert "PS426" in [finding.code for finding in by_curve.findings]
    with pytest.raises(UsageError, match="--usl and --curve say the same thing"):
        sized_by(replace(load, usl=(0.0, 0.0)), None, measured)
