"""Write a file whole or not at all, and never over one unasked."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

from poolsize.errors import FileError


def write_whole(path: Path, text: str, *, overwrite: bool = False) -> None:
    """The text in a temporary file of the same folder, moved to its place in one step; UTF-8, ended lines as given.

    Raises FileError when the file exists and `overwrite` is not asked for, and when it cannot be written; what was
    there is then still there.
    """
    temporary = None
    try:
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            file.write(text)
        if overwrite:
            Path(temporary).chmod(_mode(path))
            Path(temporary).replace(path)
            return
        Path(temporary).chmod(_mode(path))
        _move_new(Path(temporary), path)
    except FileExistsError:
        raise FileError(f"The file {path} exists; --force overwrites it.") from None
    except OSError as error:
        raise FileError(f"The file {path} cannot be written: {error.strerror or error}.") from None
    finally:
        if temporary is not None:
            with contextlib.suppress(FileNotFoundError):  # moved to its place
                Path(temporary).unlink()


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


def _mode(path: Path) -> int:
    """As the file has it, or as a new one would: mkstemp's own is for the owner alone."""
    try:
        return path.stat().st_mode & 0o777
    except FileNotFoundError:
        umask = os.umask(0)
        os.umask(umask)
        return 0o666 & ~umask
