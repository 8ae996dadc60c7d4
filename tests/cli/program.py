"""Run the real program as a user does: a process of its own, with a history of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jsonschema

from poolsize.cli.commands import COMMANDS
from poolsize.report.json import schema

NOTES = ("Opens at most ", "Starts a PostgreSQL ", "Runs ")
"""How the lines on stderr begin that are said beforehand."""


class Done(NamedTuple):
    """One run that has ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """The JSON document, valid by its published schema."""
        document: dict[str, Any] = json.loads(self.out)
        name = COMMANDS[document["command"]].document if document["command"] else "error"
        jsonschema.Draft202012Validator(json.loads(schema(name))).validate(document)
        return document

    @property
    def sentence(self) -> str:
        """The one line on stderr beside the notes and what may be done next."""
        lines = [line for line in self.err.splitlines() if not line.startswith((*NOTES, "Next: "))]
        assert len(lines) == 1, self.err
        return lines[0]

    @property
    def next(self) -> list[str]:
        return [line.removeprefix("Next: ") for line in self.err.splitlines() if line.startswith("Next: ")]


class Program:
    """poolsize, run in `folder` with its history there, and without what this machine's user has set."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.history = folder / "history.db"
        kept = ("PATH", "HOME", "LANG", "SYSTEMROOT", "TEMP", "TMP", "TMPDIR", "VIRTUAL_ENV", "POOLSIZE_CI")
        self.environment = {
            **{name: value for name, value in os.environ.items() if name in kept},
            "POOLSIZE_STORE": f"sqlite:///{self.history.as_posix()}",
        }

    def __call__(self, *arguments: str, stdin: str | bytes = b"", variables: Mapping[str, str] | None = None) -> Done:
        return self.run([sys.executable, "-m", "poolsize", *arguments], stdin=stdin, variables=variables)

    def python(self, program: str, *arguments: str, variables: Mapping[str, str] | None = None) -> Done:
        """`program` in place of `-m poolsize`."""
        return self.run([sys.executable, "-c", program, *arguments], variables=variables)

    def run(
        self,
        command: Sequence[str],
        *,
        stdin: str | bytes = b"",
        variables: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> Done:
        given = stdin.encode() if isinstance(stdin, str) else stdin
        done = subprocess.run(
            command, input=given, capture_output=True, env=self.environment | dict(variables or {}),
            cwd=folder or self.folder, timeout=120, check=False, start_new_session=os.name == "posix",
        )  # fmt: skip
        return Done(done.returncode, done.stdout.decode(), done.stderr.decode())

    def start(self, *arguments: str, variables: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        """Left running, in a session of its own; without a terminal."""
        return subprocess.Popen(
            [sys.executable, "-m", "poolsize", *arguments],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env=self.environment | dict(variables or {}), cwd=self.folder, start_new_session=os.name == "posix",
        )  # fmt: skip
