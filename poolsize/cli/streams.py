"""stdin, stdout and stderr as this program needs them, whoever holds their other ends."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
from pathlib import Path
from typing import Final

LOST: Final = frozenset({errno.ENOSPC, errno.EIO, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)})
"""How a write to stdout fails other than by a reader that has gone: the disk is full, the device is no more."""


def prepare() -> None:
    """Give a closed stream a place to go, and make UTF-8 of what is piped or redirected, since it is a document or a
    configuration file; a terminal gets a question mark for what it cannot show."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:  # or the next file that is opened, the history say, would take its number
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115 - open until the end
    out = sys.stdout
    if isinstance(out, io.TextIOWrapper):
        is_document = not out.isatty() and "PYTHONIOENCODING" not in os.environ
        out.reconfigure(encoding="utf-8" if is_document else out.encoding, errors="replace")


def abandon() -> None:
    """Let what is still buffered vanish: the interpreter's own flush at the end must not complain of it."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):  # not a file, or closed
            os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
