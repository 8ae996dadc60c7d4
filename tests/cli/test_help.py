"""--help reads well at 80 columns, a shell completes what can be typed, and no start loads what it does not use."""

from __future__ import annotations

import re
import sys

import pytest

from poolsize.cli.commands import COMMANDS
from poolsize.export import TARGETS
from poolsize.profiles import PROFILES
from poolsize.providers import PROVIDERS
from poolsize.report.json import SCHEMAS
from poolsize.workers import WORKER_TYPES
from tests.cli.program import Program

EXAMPLES = {
    "probe": ["poolsize probe postgresql://app@db/shop", "poolsize probe @dsn.txt --samples 20"],
    "recommend": ["poolsize recommend --workers 4", "poolsize recommend --workers 4 --rate 80 --hold 20ms --explain"],
    "export": ["poolsize export sqlalchemy", "poolsize export pgbouncer -o pgbouncer.ini"],
    "schema": ["poolsize schema recommend"],
}


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_a_command_reads_well_at_80_columns(name: str, poolsize: Program) -> None:
    done = poolsize(name, "--help")
    assert (done.code, done.err) == (0, "")
    lines = [line.strip() for line in done.out.splitlines()]
    assert max(map(len, done.out.splitlines())) <= 80
    assert f"Usage: poolsize {name} [OPTIONS]" in done.out
    assert "--json" in done.out
    for example in EXAMPLES.get(name, ()):
        assert example in lines
    # Words of the library, and of Python.
    assert not re.search(r"<bool>|<int|<float>|range|None|\\|\[\[", done.out)


def test_the_help_of_the_program_lists_the_commands_and_the_exit_codes(poolsize: Program) -> None:
    done = poolsize("--help")
    for entry in COMMANDS.values():
        assert re.search(rf"{entry.name} +{re.escape(entry.line[:40])}", done.out)
    assert "3 the answer is no" in done.out
    assert "poolsize demo" in [line.strip() for line in done.out.splitlines()]


def test_the_demo_names_its_extra(poolsize: Program) -> None:
    assert "[demo]" in poolsize("demo", "--help").out


def test_the_help_names_every_entry_of_the_registries(poolsize: Program) -> None:
    text = " ".join(re.sub(r"[│\n]", " ", poolsize("recommend", "--help").out).split())
    for name in (*WORKER_TYPES, *PROFILES, *PROVIDERS):
        assert re.search(rf"[\s:]{name}[,.\s]", text), name
    assert all(name in poolsize("export", "--help").out for name in TARGETS)
    assert all(name in poolsize("schema", "--help").out for name in SCHEMAS)


def completed(poolsize: Program, line: str, shell: str = "bash") -> list[str]:
    words = line.split(" ")
    variables = {
        "_POOLSIZE_COMPLETE": f"complete_{shell}",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words) - 1),
        "_TYPER_COMPLETE_ARGS": line,
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
    }
    done = poolsize(variables=variables)
    assert (done.code, done.err) == (0, "")
    return done.out.splitlines()


def test_a_shell_completes_commands_options_and_names(poolsize: Program) -> None:
    assert completed(poolsize, "poolsize ") == list(COMMANDS)
    assert completed(poolsize, "poolsize re") == ["recommend"]
    assert {"--workers", "--worker-type"} <= set(completed(poolsize, "poolsize recommend --work"))
    assert "--no-save" in completed(poolsize, "poolsize probe --")
    for line, names in (
        ("poolsize recommend --worker-type ", WORKER_TYPES),
        ("poolsize recommend --workers 4 --profile ", PROFILES),
        ("poolsize recommend --provider ", PROVIDERS),
        ("poolsize recommend --format ", ("text", "markdown", "json")),
        ("poolsize export ", TARGETS),
        ("poolsize schema ", SCHEMAS),
    ):
        assert completed(poolsize, line) == list(names), line
    assert "--workers" not in completed(poolsize, "poolsize nosuch --")


def test_other_shells_complete_as_well(poolsize: Program) -> None:
    assert '"recommend"' in completed(poolsize, "poolsize re", "zsh")[0]
    assert completed(poolsize, "poolsize export dj", "fish") == ["django"]
    unknown = poolsize(variables={"_POOLSIZE_COMPLETE": "complete_nosuch"})
    assert unknown.code == 1
    assert "Traceback" not in unknown.err


@pytest.mark.skipif(sys.platform == "win32", reason="PowerShell's is another script")
def test_the_script_for_a_shell_names_the_program(poolsize: Program) -> None:
    done = poolsize.run(["bash", "-c", f"{sys.executable} -m poolsize --show-completion; true"])
    assert (done.code, done.err) == (0, "")
    assert "_POOLSIZE_COMPLETE=complete_bash" in done.out


LOADED = """
import atexit, sys
atexit.register(lambda: print("\\n" + " ".join(sorted(sys.modules)), file=sys.stderr))
from poolsize.cli import main
main()
"""


def loaded(poolsize: Program, *arguments: str) -> set[str]:
    """The modules that a run has loaded by its end."""
    done = poolsize.python(LOADED, *arguments)
    assert done.code == 0, done.err
    return set(done.err.splitlines()[-1].split())


def test_the_help_loads_no_command(poolsize: Program) -> None:
    modules = loaded(poolsize, "--help")
    assert {name for name in modules if name.startswith("poolsize.")} <= {
        "poolsize._version", "poolsize.choices", "poolsize.errors", "poolsize.probe", "poolsize.recommend",
        "poolsize.cli", "poolsize.cli.app", "poolsize.cli.commands", "poolsize.cli.masking", "poolsize.cli.plain",
        "poolsize.cli.run", "poolsize.cli.signals", "poolsize.cli.streams",
    }  # fmt: skip
    assert not modules & {"msgspec", "sqlalchemy", "pydantic", "psycopg", "psutil", "numpy", "scipy"}


def test_a_recommendation_loads_no_database_no_numbers_and_no_pydantic(poolsize: Program) -> None:
    modules = loaded(poolsize, "recommend", "--workers", "4", "--max-connections", "100", "--no-save")
    assert not modules & {"sqlalchemy", "pydantic", "psycopg", "pymysql", "psutil", "numpy", "scipy", "platformdirs"}
    assert not modules & {"poolsize.store", "poolsize.probe.dialects", "poolsize.export", "poolsize.dsn"}
    as_json = loaded(poolsize, "recommend", "--workers", "4", "--max-connections", "100", "--no-save", "--json")
    assert "rich.console" not in as_json
