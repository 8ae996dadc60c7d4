"""PostgreSQL from the wheel that the extra [demo] installs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from poolsize.embedded import programs_folder
from poolsize.embedded.keeper import copy_programs
from tests.servers import process


@contextmanager
def wheel_programs(version: int) -> Iterator[Path]:
    """The folder of its programs; a copy where the account that runs them cannot reach the virtual environment."""
    programs = programs_folder(version)
    owner = process.account("postgres")
    if owner is None:
        yield programs / "bin"
        return
    with process.server_folder(owner) as folder:
        yield copy_programs(programs, folder) / "bin"
