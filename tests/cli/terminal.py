"""Run the program at a terminal of 80 × 24, as a person does."""

from __future__ import annotations

import contextlib
import os
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Mapping

from tests.cli.program import Done, Program

WAIT_S = 60.0


class Terminal:
    """The program under way. `shown` is what has come to the screen so far, from stdout and stderr alike."""

    def __init__(self, poolsize: Program, *arguments: str, variables: Mapping[str, str] | None = None) -> None:
        import fcntl  # not on Windows
        import termios

        self._master, inside = os.openpty()
        fcntl.ioctl(inside, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "poolsize", *arguments],
            stdin=inside, stdout=inside, stderr=inside, cwd=poolsize.folder, start_new_session=True,
            env={**poolsize.environment, "TERM": "xterm-256color", **(variables or {})},
        )  # fmt: skip
        os.close(inside)
        self.shown = ""

    def wait_for(self, text: str) -> None:
        """Until it is on the screen; fails when the program ends before."""
        self._read(lambda: text in self.shown)
        assert text in self.shown, self.shown

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def end(self) -> Done:
        """Its end, with everything that it showed as its output."""
        self._read(lambda: False)
        code = self.process.wait(WAIT_S)
        os.close(self._master)
        return Done(code, self.shown.replace("\r\n", "\n"), "")

    def _read(self, enough: Callable[[], bool]) -> None:
        end = time.monotonic() + WAIT_S
        with contextlib.suppress(OSError):  # EIO: nobody holds the other end any more
            while not enough() and time.monotonic() < end:
                read = os.read(self._master, 65536)
                if not read:
                    return
                self.shown += read.decode(errors="replace")
