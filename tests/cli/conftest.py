"""The program that the tests of the command line run."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.program import Program


@pytest.fixture
def poolsize(tmp_path: Path) -> Program:
    return Program(tmp_path)
