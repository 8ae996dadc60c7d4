"""Every example of the README runs: its commands in order in one folder, its Python in one program.

A `console` block holds lines `$ poolsize ...`, each followed by the output that a reader will see, or by nothing
where the output depends on the database. `# exits N` after a command states its exit code.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.servers import PostgresServer

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
ELSEWHERE = ("poolsize demo", "pipx", "uvx", "python3 .ci/", "git ", "cd ")
"""Commands that install, or that tests of their own run."""


class Example(NamedTuple):
    command: str
    output: str
    exit_code: int


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)


def examples() -> list[Example]:
    found = []
    for block in blocks("console"):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            line, _, output = part.replace("\\\n", "").partition("\n")
            command, _, comment = line.partition("  # exits ")
            found.append(Example(command.strip(), output.strip(), int(comment or 0)))
    return [example for example in found if not example.command.startswith(ELSEWHERE)]


def squeezed(text: str) -> str:
    """Trailing blanks and the width of rules are not what an example shows."""
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


def test_the_readme_has_examples() -> None:
    assert len(examples()) >= 5
    assert blocks("python")


def test_every_command_of_the_readme_does_what_it_shows(postgres15: PostgresServer, tmp_path: Path) -> None:
    environment = {
        **{name: value for name, value in os.environ.items() if name != "CI"},
        "DATABASE_URL": postgres15.dsn("scram", password=postgres15.password),
        "POOLSIZE_STORE": f"sqlite:///{(tmp_path / 'history.db').as_posix()}",
        "COLUMNS": "80",
        "NO_COLOR": "1",
    }
    for example in examples():
        name, *arguments = shlex.split(example.command)
        assert name == "poolsize", example.command
        arguments = [os.path.expandvars(a) if a != "$DATABASE_URL" else environment["DATABASE_URL"] for a in arguments]
        done = subprocess.run(
            [sys.executable, "-m", "poolsize", *arguments],
            capture_output=True, text=True, env=environment, cwd=tmp_path, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == example.exit_code, (example.command, done.stdout, done.stderr)
        if example.output:
            assert squeezed(done.stdout) == squeezed(example.output), example.command


def test_the_python_of_the_readme_runs(
    postgres15: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = "\n".join(blocks("python"))
    environment = {**os.environ, "DATABASE_URL": postgres15.dsn("scram", password=postgres15.password)}
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=environment, cwd=tmp_path, timeout=120,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
