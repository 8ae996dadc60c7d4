"""One contract for every target, and what `render` refuses."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from poolsize.datatypes import Database, Deployment, ErrorReport, Pooler, Recommendation, Settings
from poolsize.errors import UsageError
from poolsize.export import TARGETS, render
from poolsize.probe import DIALECTS
from poolsize.workers import WORKER_TYPES
from tests.export.recommendations import recommendation, shared

ROOT = Path(__file__).parents[2]


# A comment below another's marker is that of a file within a file; a name and its command stay in one line each.
WIDE = re.compile(r"^;   |^. Again: |^SQLALCHEMY_DATABASE_URI = ")


def snippets(target: str) -> Iterator[str]:
    """The target for every dialect, worker type and scope that it has."""
    for dialect in DIALECTS if not TARGETS[target].is_pooler else ("postgresql",):
        database = Database(dialect=dialect, host="db", name="shop")
        for worker in WORKER_TYPES.values():
            deployment = Deployment(processes=2, threads=worker.threads, worker_type=worker.name, pools=2)
            yield render(target, recommendation(database=database, deployment=deployment))
    for mode in ("transaction", "session"):
        for version in (None, "1.18.0", "1.26.1"):
            yield render(target, recommendation(scope=shared(pool_mode=mode)), shared=True, pgbouncer_version=version)


@pytest.mark.parametrize("target", TARGETS)
def test_a_target_is_a_comment_and_then_what_its_software_reads(target: str) -> None:
    entry = TARGETS[target]
    assert entry.name == target
    assert entry.title
    assert entry.summary
    seen = 0
    for text in snippets(target):
        seen += 1
        head, _, body = text.partition("\n\n")
        assert all(line.startswith(entry.comment) for line in head.splitlines())
        assert body.endswith("\n")
        assert not body.endswith("\n\n")
        assert all(line == line.rstrip() for line in text.splitlines())
        assert [line for line in text.splitlines() if len(line) > 79 and not WIDE.match(line)] == []
        assert "pool_size=0" not in text
        if entry.suffix == ".py":
            ast.parse(text)
    assert seen > len(WORKER_TYPES)


@pytest.mark.parametrize("target", TARGETS)
def test_the_credentials_come_from_the_environment(target: str) -> None:
    text = render(target, recommendation())
    assert 'os.environ["DATABASE_URL"]' in text
    assert "db.example.com" not in text.replace("; ", "").partition("import os")[2]


def refusal(target: str, answer: Recommendation, **options: Any) -> str:
    with pytest.raises(UsageError) as caught:
        render(target, answer, **options)
    return caught.value.message


def test_an_unknown_target_is_one_sentence_with_the_choices_and_a_guess() -> None:
    assert refusal("sqlalchmy", recommendation()) == (
        "The export target 'sqlalchmy' is not one of django, flask-sqlalchemy, pgbouncer, sqlalchemy; "
        "did you mean sqlalchemy?"
    )


@pytest.mark.parametrize("target", TARGETS)
def test_without_settings_there_is_nothing_to_export(target: str) -> None:
    failed = Recommendation(error=ErrorReport(code="unreachable", message="The server db does not answer."))
    assert refusal(target, Recommendation()) == "This recommendation holds no settings to export."
    assert refusal(target, failed) == (
        "This recommendation holds no settings to export. It says: The server db does not answer."
    )


@pytest.mark.parametrize("size", [(0, 0), (5, -1), (-1, 7)])
def test_a_pool_without_a_bound_is_refused(size: tuple[int, int]) -> None:
    unlimited = Settings(pool_size=size[0], max_overflow=size[1], pool_timeout_s=1)
    assert "no bounded pool" in refusal("sqlalchemy", recommendation(settings=unlimited))


def test_keeping_none_open_is_not_the_zero_that_means_no_limit() -> None:
    answer = recommendation(settings=Settings(pool_size=0, max_overflow=7, pool_timeout_s=1))
    assert "    pool_size=1,\n    max_overflow=6,\n" in render("sqlalchemy", answer)


def test_a_shared_pooler_needs_numbers_and_postgresql() -> None:
    assert "no numbers for a shared pooler" in refusal("pgbouncer", recommendation(scope=None))
    assert "no numbers for a shared pooler" in refusal("django", recommendation(scope=None), shared=True)
    behind = recommendation(scope=None, database=Database(dialect="postgresql", pooler=Pooler(kind="pgbouncer")))
    assert "leads to a pooler already" in refusal("pgbouncer", behind)
    mariadb = recommendation(database=Database(dialect="mariadb"))
    assert refusal("pgbouncer", mariadb) == (
        "PgBouncer speaks PostgreSQL's protocol only, and this recommendation is for mariadb."
    )


@pytest.mark.parametrize("target", TARGETS)
def test_another_dialect_is_refused(target: str) -> None:
    oracle = recommendation(database=Database(dialect="oracle"))
    assert refusal(target, oracle) == (
        "Nothing can be exported for 'oracle', only for postgresql, mysql, mariadb, sqlite."
    )


def test_a_memory_database_has_no_pool() -> None:
    memory = recommendation(database=Database(dialect="sqlite", name=":memory:"))
    assert "belongs to one connection" in refusal("sqlalchemy", memory)


@pytest.mark.parametrize("version", ["1.18", "1.18.0", "PgBouncer 1.18.0", "1.18.0/bouncer", (1, 18), (1, 18, 0)])
def test_a_version_is_read_in_each_of_its_forms(version: str | tuple[int, ...]) -> None:
    text = render("sqlalchemy", recommendation(), shared=True, pgbouncer_version=version)
    assert "PgBouncer 1.18 in transaction mode" in text


@pytest.mark.parametrize("version", ["", "latest", "1", (1,), "1.10.0", "11"])
def test_what_is_no_version_of_pgbouncer_is_refused(version: str | tuple[int, ...]) -> None:
    assert "is not a version of PgBouncer" in refusal("pgbouncer", recommendation(), pgbouncer_version=version)


def test_a_pooler_that_the_probe_found_is_reckoned_with_and_a_stated_version_wins() -> None:
    found = Pooler(kind="pgbouncer", version="1.19.1", pool_mode="statement")
    database = Database(dialect="postgresql", name="shop", pooler=found)
    assert "PgBouncer 1.19 in statement mode" in render("sqlalchemy", recommendation(database=database))
    stated = render("sqlalchemy", recommendation(database=database), pgbouncer_version="1.20")
    assert "PgBouncer 1.20 in statement mode" in stated


def test_a_pooler_that_told_nothing_is_taken_to_be_old_and_in_transaction_mode() -> None:
    database = Database(dialect="postgresql", name="shop", pooler=Pooler(kind="unknown"))
    assert """\
    # A pooler in transaction mode keeps no prepared statements
    connect_args={"prepare_threshold": None},
""" in render("sqlalchemy", recommendation(database=database))


@pytest.mark.parametrize(
    ("version", "setting", "tracks"),
    [("1.23.1", None, False), ("1.23.1", "100", True), ("1.24.0", None, True), ("1.24.0", "0", False),
     ("1.21.0", "100", False)],
)  # fmt: skip
def test_a_found_pooler_tracks_statements_as_its_version_and_settings_say(
    version: str, setting: str | None, tracks: bool
) -> None:
    settings = {} if setting is None else {"max_prepared_statements": setting}
    found = Pooler(kind="pgbouncer", version=version, pool_mode="transaction", settings=settings)
    text = render("sqlalchemy", recommendation(database=Database(dialect="postgresql", pooler=found)))
    assert ('connect_args={"prepare_threshold": None},' in text) is not tracks


def test_a_worker_type_of_another_version_is_a_plain_process() -> None:
    deployment = Deployment(processes=1, threads=None, worker_type="tomorrow")
    assert "create_engine(" in render("sqlalchemy", recommendation(deployment=deployment))


def test_an_answer_without_a_database_is_for_postgresql() -> None:
    assert "django.db.backends.postgresql" in render("django", recommendation(database=None))


def test_exporting_loads_no_driver_and_nothing_that_is_slow() -> None:
    heavy = "{'numpy', 'scipy', 'sqlalchemy', 'django', 'flask_sqlalchemy', 'psycopg', 'difflib'}"
    program = (
        "import sys; from poolsize.export import render; from tests.export.recommendations import recommendation; "
        f"render('pgbouncer', recommendation()); print(sorted({heavy} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=ROOT)
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_several_engines_a_process_are_said_to_be_counted() -> None:
    several = Deployment(processes=2, threads=4, pools=3)
    for target in ("sqlalchemy", "flask-sqlalchemy", "django"):
        assert "# For each of the 3 " in render(target, recommendation(deployment=several))
