"""What is typed wrongly is one sentence and exit code 2, with a document where one was asked for; what to do next can
be typed as it stands."""

from __future__ import annotations

import contextlib
import json
import shlex

import jsonschema
import pytest
from typer.exceptions import Exit

from poolsize._version import __version__
from poolsize.cli.commands import COMMANDS
from poolsize.report.json import SCHEMAS
from tests.cli.program import Program
from tests.servers import PASSWORD, PostgresServer

MISTAKES = {
    "no such command": (("prob",), "The command 'prob' is not one of ", "; did you mean probe?"),
    "no such option": (("recommend", "--worker", "4"), "No such option: --worker ", "--workers)."),
    "no such option of the program": (("--nosuch",), "No such option: --nosuch", "."),
    "no workers": (("recommend",), "Missing option '--workers'.", ""),
    "no number of workers": (("recommend", "--workers"), "Option '--workers' requires an argument.", ""),
    "a word for a number": (("recommend", "--workers", "four"), "--workers: 'four' is not a whole number.", ""),
    "part of a process": (("recommend", "--workers", "1.5"), "--workers: '1.5' is not a whole number.", ""),
    "not a number": (("recommend", "--workers", "4", "--rate", "nan"), "--rate: 'nan' is not a number.", ""),
    "a time without a unit": (("recommend", "--workers", "4", "--hold", "20"), "--hold: '20' is not a time: ", "2m."),
    "no processes": (("recommend", "--workers", "0"), "--workers", "."),
    "an unknown worker type": (
        ("recommend", "--workers", "4", "--worker-type", "gunicorn-snyc"),
        "The worker type 'gunicorn-snyc' is not one of ",
        "; did you mean gunicorn-sync?",
    ),
    "an unknown profile": (("recommend", "--workers", "4", "--profile", "x"), "The profile 'x' is not one of ", "."),
    "an unknown format": (
        ("recommend", "--workers", "4", "--format", "pdf"),
        "The format 'pdf' is not one of json, markdown, text.",
        "",
    ),
    "a bad surge": (("recommend", "--workers", "4", "--surge", "half"), "--surge 'half' is neither ", "25%."),
    "bad settings": (("recommend", "--workers", "4", "--current", "5"), "--current '5' is not ", "default."),
    "too large a burst": (("probe", "sqlite://", "--burst", "11"), "--burst: 11 is not from 0 to 10.", ""),
    "no samples": (("probe", "sqlite://", "--samples", "0"), "--samples: 0 is not from 1 to 1000000.", ""),
    "no time": (
        ("probe", "sqlite://", "--connect-timeout", "0s"),
        "--connect-timeout: '0s' leaves no time at all.",
        "",
    ),
    "too many threads": (
        ("recommend", "--workers", "4", "--threads", "99999999999999999999"),
        "--threads: 99999999999999999999 is not at most 1000000.",
        "",
    ),
    "two databases": (("probe", "sqlite://", "sqlite://"), "Got unexpected extra argument(s) (sqlite://).", ""),
    "no target": (("export",), "Missing argument 'TARGET'.", ""),
    "an unknown target": (("export", "djago", "--from", "a.json"), "The export target 'djago' is", "mean django?"),
    "an unknown document": (("schema", "x"), "The document 'x' is not one of ", "."),
    "no document": (("schema",), "Missing argument 'NAME'.", ""),
    "no entries": (("history", "--limit", "0"), "--limit: 0 is not from 1 to 1000000.", ""),
    "an unknown server": (("demo", "--postgresql", "17"), "There is no embedded PostgreSQL 17: it is", "16, 18."),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_one_sentence_and_a_document(name: str, poolsize: Program) -> None:
    arguments, begins, ends = MISTAKES[name]
    if "a.json" in arguments:
        answer = poolsize("recommend", "--workers", "4", "--max-connections", "100", "--no-save", "--json")
        (poolsize.folder / "a.json").write_text(answer.out)
    done = poolsize(arguments[0], "--json", *arguments[1:])
    assert done.code == 2
    assert done.sentence.startswith(begins)
    assert done.sentence.endswith(ends)
    document = done.document
    assert document["command"] == (arguments[0] if arguments[0] in COMMANDS else "")
    assert document["poolsize_version"] == __version__
    assert document["error"] == {"code": "usage", "message": done.sentence, "next": done.next}
    for command in done.next:
        assert_can_be_typed(command)


def test_without_json_a_mistake_prints_nothing_on_stdout(poolsize: Program) -> None:
    assert poolsize("recommend", "--workers", "x").out == ""
    for form in (("--format", "json"), ("--format=json",)):
        assert poolsize("recommend", "--workers", "x", *form).document["error"]["code"] == "usage"


def assert_can_be_typed(command: str) -> None:
    """The parser takes it, with every option that it has."""
    words = shlex.split(command)
    assert words[0] == "poolsize", command
    if words[1:] == ["--help"]:
        return
    entry = COMMANDS[words[1]]
    with contextlib.suppress(Exit):  # by --help
        entry.load().make_context(entry.name, words[2:])


def test_every_next_command_can_be_typed(postgres15: PostgresServer, poolsize: Program, closed_port: int) -> None:
    dsn = postgres15.dsn("scram", password=PASSWORD, sslmode="disable")
    load = ("--workers", "4", "--rate", "80", "--hold", "20ms", "--surge", "25%", "--current", "5+10")
    runs = [
        ("export", "django"),
        ("probe",),
        ("probe", dsn, "--samples", "10"),
        ("recommend", "sqlite://", *load),
        ("recommend", *load),
        ("recommend", *load, "--explain"),
        ("recommend", "--workers", "4", "--provider", "rds-postgresql"),
        ("recommend", "--workers", "4", "--provider", "x"),
        ("probe", f"postgresql://h:{closed_port}/d"),
        ("probe", postgres15.dsn("scram", password="wrong")),
        ("export", "sqlalchemy"),
        ("history",),
    ]
    commands: set[str] = set()
    for arguments in runs:
        document = poolsize(*arguments, "--json").document
        commands |= {*document.get("next", ()), *(document["error"] or {}).get("next", ())}
        commands |= {document["reproduce"]} if document.get("reproduce") else set()
    assert len(commands) >= 8, commands
    for command in commands:
        assert_can_be_typed(command)
    printed = poolsize("recommend", *load).out
    assert "--explain for how it follows" in printed.replace("\n", " ")


def test_every_command_prints_a_document_that_its_schema_describes(
    postgres15: PostgresServer, poolsize: Program
) -> None:
    for arguments in (
        ("probe", postgres15.dsn("scram", password=PASSWORD), "--samples", "10"),
        ("recommend", "--workers", "4"),
        ("export", "django"),
        ("history",),
    ):
        done = poolsize(*arguments, "--json")
        assert done.code == 0
        document = done.document
        assert document["command"] == arguments[0]
        assert document["schema_version"] == 1
        assert document["error"] is None


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_schema_is_printed(name: str, poolsize: Program) -> None:
    done = poolsize("schema", name, "--json")
    assert (done.code, done.err) == (0, "")
    jsonschema.Draft202012Validator.check_schema(json.loads(done.out))
    assert json.loads(done.out)["title"] == f"poolsize {name}"


def test_an_answer_that_is_no_exits_with_3(poolsize: Program) -> None:
    arguments = ("recommend", "--workers", "4", "--instances", "6", "--rate", "2400", "--hold", "20ms")
    done = poolsize(*arguments, "--max-connections", "60", "--json")
    assert done.code == 3
    assert done.err == ""
    document = done.document
    assert document["verdict"] == "does_not_fit"
    assert document["settings"]["pool_size"] == 1
    assert len(document["ways_to_fit"]) >= 2
    assert document["error"] is None
    assert poolsize(*arguments, "--max-connections", "60").code == 3
    assert poolsize(*arguments, "--max-connections", "600").code == 0


def test_without_arguments_it_explains_itself(poolsize: Program) -> None:
    done = poolsize()
    assert (done.code, done.err) == (0, "")
    assert done.out == poolsize("--help").out
    version = poolsize("--version")
    assert (version.code, version.out) == (0, f"poolsize {__version__}\n")


BUG = """
from poolsize.cli import run
def broken(*arguments, **options):
    raise ZeroDivisionError
run.app = broken
run.run()
"""


def test_a_bug_says_how_to_report_it(poolsize: Program) -> None:
    done = poolsize.python(BUG, "history", "--json")
    assert done.code == 70
    assert done.sentence.startswith("This is a bug in poolsize (ZeroDivisionError); please report it")
    assert done.document["error"]["code"] == "bug"
    traced = poolsize.python(BUG, "history", "--debug")
    assert traced.code == 70
    assert "Traceback (most recent call last)" in traced.err
