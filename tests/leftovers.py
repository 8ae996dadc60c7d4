"""What a program may leave behind: files in the folder for temporary files, and processes."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A folder for temporary files of a test's own, with blanks in its name, that every account may enter."""
    folder = Path(tempfile.mkdtemp(prefix="poolsize test ")).resolve()
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def processes_of(folder: Path) -> list[str]:
    """What runs from, in or for a folder."""
    return [
        str(process)
        for process in psutil.process_iter(["cmdline", "cwd"])
        if str(folder) in " ".join([*(process.info["cmdline"] or ()), process.info["cwd"] or ""])
    ]


def assert_nothing_is_left(folder: Path) -> None:
    assert processes_of(folder) == []
    assert list(folder.iterdir()) == []
