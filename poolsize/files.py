"""Write a file whole or not at all, and never over one unasked."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

from poolsize.errors import FileError


def write_whole(path: Path, text: str, *, overwrite: bool = False) -> None:
    """The text in a temporary file of the same folder, moved to its place in one step; UTF-8, ended lines as given.

    A symbolic link stays, and what it leads to is written; a device or a pipe is written as it is. An existing file
    keeps its permissions, and its owner where we may give files away. Raises FileError when the file exists and
    `overwrite` is not asked for, and when it cannot be written; what was there is then still there.
    """
    try:
        if path.is_dir():
            raise FileError(f"{path} is a folder.")
        if path.exists() and not path.is_file():
            path.write_text(text, encoding="utf-8", newline="")
            return
        if path.is_file() and not overwrite:
            raise FileExistsError
        _replace(Path(os.path.realpath(path)), text, overwrite=overwrite)
    except FileExistsError:
        raise FileError(f"The file {path} exists; --force overwrites it.") from None
    except OSError as error:
        raise FileError(f"The file {path} cannot be written: {error.strerror or error}.") from None


def _replace(path: Path, text: str, *, overwrite: bool) -> None:
    """Raises FileExistsError where there is a file by now and `overwrite` is not asked for."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".poolsize-")
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            file.write(text)
        _dress(temporary, path)
        if overwrite:
            temporary.replace(path)
        else:
            _move_new(temporary, path)
    finally:
        with contextlib.suppress(FileNotFoundError):  # moved to its place
            temporary.unlink()


def _move_new(temporary: Path, path: Path) -> None:
    """Raises FileExistsError rather than replace. A link is the one step that does so on every system; where the
    file system has none, looking first has to do."""
    try:
        os.link(temporary, path)
    except FileExistsError:
        raise
    except OSError:
        if path.exists():
            raise FileExistsError(path) from None
        temporary.replace(path)


def _dress(temporary: Path, path: Path) -> None:
    """Owner and permissions as the file has them, or as a new one would: mkstemp's are for us alone."""
    try:
        there = path.stat()
    except FileNotFoundError:
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        return
    if hasattr(os, "chown"):  # not on Windows
        with contextlib.suppress(PermissionError):  # only root gives files away
            os.chown(temporary, there.st_uid, there.st_gid)
    temporary.chmod(there.st_mode & 0o777)
