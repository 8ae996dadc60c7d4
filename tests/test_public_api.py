"""`import poolsize`: three functions and the values they take and give, typed, and nothing loaded before it is used."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import poolsize

USER = """
import poolsize

options = poolsize.ProbeOptions(samples=10)
facts: poolsize.DatabaseFacts = poolsize.probe("sqlite://", options, on_progress=lambda what, share: None)
request = poolsize.Request(workers=4, rate_per_s=80.0, hold_s=0.02)
answer: poolsize.Recommendation = poolsize.recommend(request, facts)
stated: poolsize.DatabaseFacts = poolsize.stated_facts(100)
assumed: poolsize.DatabaseFacts = poolsize.provider_facts("rds-postgresql", memory_bytes=8 * 2**30)
answer = poolsize.recommend(request, stated)
settings: poolsize.Settings | None = answer.settings
deployment: poolsize.Deployment | None = answer.deployment
finding: poolsize.Finding
for finding in answer.findings:
    print(finding.code)
quantity: poolsize.Quantity = answer.inputs["hold_s"]
unread: tuple[poolsize.Unread, ...] = facts.unread
text: str = poolsize.render("sqlalchemy", answer)
store: poolsize.Store = poolsize.open_store()
number: int = store.save(answer) + store.save(facts)
known: poolsize.DatabaseFacts | None = poolsize.remembered_facts(store)
entries: tuple[poolsize.HistoryEntry, ...] = poolsize.history_entries(store, limit=5)
page: str = poolsize.markdown(answer) + poolsize.schema("recommend")
surge: int | None = poolsize.parse_surge("25%", 5)
current: tuple[int, int] | None = poolsize.parse_current("default")
print(number, known and known.limits and known.limits.source, [entry.kind for entry in entries], surge, current)
try:
    poolsize.recommend(poolsize.Request(workers=0))
except poolsize.PoolsizeError as error:
    print(error.exit_code, error.message)
print(poolsize.__version__, settings, deployment, quantity.origin, len(text))
"""


def run(program: str, **variables: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program], env=os.environ | variables, capture_output=True, text=True, check=False,
        timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_name_that_is_listed_is_there() -> None:
    for name in poolsize.__all__:
        assert getattr(poolsize, name) is not None
    assert dir(poolsize) == sorted(poolsize.__all__)
    names: dict[str, object] = {}
    exec("from poolsize import *", names)  # noqa: S102 - what a user may type
    assert set(poolsize.__all__) <= set(names)
    with pytest.raises(AttributeError, match="no attribute 'nosuch'"):
        poolsize.nosuch  # noqa: B018 - the look-up is what is tried


def test_the_functions_stand_before_the_packages_of_their_names_whatever_was_imported() -> None:
    run(
        "import poolsize.probe.postgresql, poolsize.recommend.document, poolsize.probe, poolsize.recommend\n"
        "import poolsize\n"
        "from poolsize.probe import ProbeOptions, probe\n"
        "assert poolsize.probe is probe and callable(poolsize.recommend) and callable(poolsize.render)\n"
        "assert poolsize.probe('sqlite://').database.dialect == 'sqlite'\n"
        "assert poolsize.recommend(poolsize.Request(workers=2)).verdict == 'fits'\n"
    )


def test_a_program_that_uses_all_of_it_runs(tmp_path: Path) -> None:
    lines = run(USER, POOLSIZE_STORE=f"sqlite:///{(tmp_path / 'history.db').as_posix()}").splitlines()
    assert lines[-3] == "3 probe of :memory:, just now ['probe', 'recommend'] 2 (5, 10)"
    assert lines[-2].startswith("2 --workers")
    assert lines[-1].startswith(poolsize.__version__)


def checked(program: str, folder: Path) -> str:
    """What mypy says of a program that has poolsize installed."""
    (folder / "user.py").write_text(program)
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(folder / "cache"), "user.py"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder, timeout=300)
    return done.stdout


def test_a_program_that_uses_all_of_it_passes_mypy(tmp_path: Path) -> None:
    assert checked(USER, tmp_path) == "Success: no issues found in 1 source file\n"


def test_what_is_wrong_in_a_program_is_seen_by_mypy(tmp_path: Path) -> None:
    """Or the types above might all be Any."""
    wrong = "import poolsize\npoolsize.Request(workers='4')\nnumber: int = poolsize.stated_facts(100)\n"
    said = checked(wrong, tmp_path)
    assert "user.py:2: error: " in said
    assert "user.py:3: error: " in said


def test_importing_it_loads_nothing_but_itself() -> None:
    program = (
        "import sys; before = set(sys.modules); import poolsize\n"
        "new = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "print(' '.join(sorted(new - set(sys.stdlib_module_names))))"
    )
    assert run(program).split() == ["poolsize"]
