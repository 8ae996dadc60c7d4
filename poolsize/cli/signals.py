"""Ctrl-C and SIGTERM end the program through its own clean-up, whatever Python does at that moment."""

from __future__ import annotations

import signal
import sys
import threading
from _thread import interrupt_main
from types import FrameType
from typing import TYPE_CHECKING, Final, NoReturn

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

_SOON_S: Final = 0.01
"""Long enough for a callback to return, too short to be noticed."""


class Terminated(BaseException):
    """SIGTERM, as an exception, so that everything open is closed on the way out."""


def install() -> None:
    """From now on both are exceptions in the main thread."""
    signal.signal(signal.SIGTERM, _terminate)
    sys.unraisablehook = _raise_again


def _terminate(_number: int, _frame: FrameType | None) -> NoReturn:
    raise Terminated


def _raise_again(unraisable: UnraisableHookArgs) -> None:
    """An exception cannot leave a callback of the interpreter, such as each import has, and would be lost there."""
    numbers: dict[type[BaseException], int] = {KeyboardInterrupt: signal.SIGINT, Terminated: signal.SIGTERM}
    number = numbers.get(unraisable.exc_type)
    if number is None:
        sys.__unraisablehook__(unraisable)
    else:
        threading.Timer(_SOON_S, interrupt_main, (number,)).start()
