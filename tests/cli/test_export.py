"""`poolsize export`: from where it takes a recommendation, and where it puts the configuration."""

from __future__ import annotations

import json

import pytest

from poolsize.export import TARGETS
from tests.cli.program import Program

ANSWER = ("recommend", "--workers", "4", "--rate", "80", "--hold", "20ms", "--max-connections", "100")


@pytest.fixture
def answered(poolsize: Program) -> Program:
    """With one recommendation in its history, and in `answer.json`."""
    (poolsize.folder / "answer.json").write_text(poolsize(*ANSWER, "--json").out, encoding="utf-8")
    return poolsize


def test_the_last_recommendation_comes_to_stdout(answered: Program) -> None:
    done = answered("export", "sqlalchemy")
    assert (done.code, done.err) == (0, "")
    compile(done.out, "export", "exec")
    assert "pool_size=3," in done.out
    assert f"Again: poolsize {' '.join(ANSWER)}" in done.out
    assert answered(*ANSWER[:-1], "50", "--instances", "2").code == 0
    assert "Worst case: (2 + 1) instances" in answered("export", "sqlalchemy").out


@pytest.mark.parametrize("target", TARGETS)
def test_a_document_from_a_file_and_from_stdin_gives_the_same(target: str, answered: Program) -> None:
    last = answered("export", target).out
    assert answered("export", target, "--from", "answer.json").out == last
    document = (answered.folder / "answer.json").read_text(encoding="utf-8")
    assert answered("export", target, "--from", "-", stdin=document).out == last
    assert answered("export", target, "-o", "-").out == last


def test_a_pooler_can_stand_before_the_application(answered: Program) -> None:
    alone, shared = answered("export", "sqlalchemy"), answered("export", "sqlalchemy", "--shared")
    assert shared.code == 0
    assert "PgBouncer" in shared.out
    assert shared.out != alone.out


def test_the_version_of_pgbouncer_decides_what_it_is_told(answered: Program) -> None:
    for version, knows in (("1.20.1", False), ("1.21.0", True)):
        done = answered("export", "pgbouncer", "--pgbouncer-version", version)
        settings = [line for line in done.out.splitlines() if line.startswith("max_prepared_statements")]
        assert bool(settings) == knows
    done = answered("export", "pgbouncer", "--pgbouncer-version", "new")
    assert done.code == 2
    assert "is not a version of PgBouncer" in done.sentence


def test_a_file_is_written_whole_and_never_over_one_unasked(answered: Program) -> None:
    done = answered("export", "pgbouncer", "-o", "pgbouncer.ini")
    assert (done.code, done.out) == (0, "")
    assert done.sentence == "Written to pgbouncer.ini."
    written = (answered.folder / "pgbouncer.ini").read_text(encoding="utf-8")
    assert written == answered("export", "pgbouncer").out
    (answered.folder / "pgbouncer.ini").write_text("mine")
    refused = answered("export", "pgbouncer", "--output", "pgbouncer.ini", "--json")
    assert refused.code == 1
    assert refused.sentence == "The file pgbouncer.ini exists; --force overwrites it."
    assert refused.document["error"]["code"] == "file"
    assert (answered.folder / "pgbouncer.ini").read_text() == "mine"
    forced = answered("export", "pgbouncer", "-o", "pgbouncer.ini", "--force", "--json")
    assert forced.document["file"] == "pgbouncer.ini"
    assert forced.document["text"] == written
    assert (answered.folder / "pgbouncer.ini").read_text(encoding="utf-8") == written
    for target, says in (("no/a.ini", "No such file or directory"), (".", "is a folder")):
        assert says in answered("export", "pgbouncer", "-o", target).sentence
    assert {entry.name for entry in answered.folder.iterdir()} == {"answer.json", "history.db", "pgbouncer.ini"}


def test_what_is_no_recommendation_is_one_sentence(answered: Program) -> None:
    probed = answered("probe", "sqlite://", "--json").out
    failed = answered("recommend", "--workers", "0", "--json").out
    newer = json.dumps(json.loads((answered.folder / "answer.json").read_text()) | {"schema_version": 2})
    for document, code, says in (
        ("", 1, "stdin does not hold what `poolsize recommend --json` prints"),
        ("pool_size=3", 1, "stdin does not hold what `poolsize recommend --json` prints"),
        ("[]", 1, "stdin does not hold what `poolsize recommend --json` prints"),
        ('{"verdict": "fits"}', 1, "stdin does not hold what `poolsize recommend --json` prints"),
        (b"\xff\xfe\x00", 1, "stdin does not hold what `poolsize recommend --json` prints"),
        (probed, 1, "stdin holds version 1 of the document of `poolsize probe`"),
        (newer, 1, "stdin holds version 2 of the document of `poolsize recommend`"),
        (failed, 2, "This recommendation holds no settings to export. It says: --workers"),
    ):
        done = answered("export", "django", "--from", "-", stdin=document)
        assert done.code == code
        assert says in done.sentence
        assert done.out == ""
    assert "cannot be read: No such file" in answered("export", "django", "--from", "no.json").sentence
    assert "cannot be read: " in answered("export", "django", "--from", ".").sentence


def test_without_a_recommendation_it_says_how_to_get_one(poolsize: Program) -> None:
    done = poolsize("export", "django", "--json")
    assert done.code == 2
    assert done.sentence == "There is no recommendation in the history to export."
    assert done.next == ["poolsize recommend --workers 4"]


def test_a_misspelt_target_is_told_before_anything_is_looked_for(poolsize: Program) -> None:
    done = poolsize("export", "sqlalchmy")
    assert (done.code, done.out) == (2, "")
    assert "did you mean sqlalchemy?" in done.err
    assert "history" not in done.err


def test_what_does_not_fit_is_exported_with_a_warning(poolsize: Program) -> None:
    poolsize("recommend", "--workers", "4", "--rate", "2400", "--hold", "20ms", "--instances", "6",
             "--max-connections", "60")  # fmt: skip
    done = poolsize("export", "sqlalchemy")
    assert done.code == 0
    assert "WARNING: this does not fit." in done.out
