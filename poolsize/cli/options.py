"""What stands behind an option: how its text is read, what the help calls its value, what a shell completes it to."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Annotated, Any, Final

import typer

from poolsize.errors import UsageError
from poolsize.units import parse_duration

MOST: Final = 1_000_000
"""Beyond a million of anything that is counted here, a digit or a unit was mistaken; the models need seconds for it."""


def flag(*names: str, help: str) -> Any:  # noqa: A002 - the library's word
    """An option without a value."""
    return typer.Option(*names, help=help)


def text(
    *names: str,
    help: str,  # noqa: A002 - the library's word
    metavar: str,
    panel: str | None = None,
    choices: Iterable[str] = (),
) -> Any:
    """An option that takes a text as it stands; a shell completes it to `choices`."""
    return _option(*names, help=help, metavar=metavar, panel=panel, choices=choices)


def count(
    *names: str,
    help: str,  # noqa: A002 - the library's word
    metavar: str = "N",
    panel: str | None = None,
    least: int | None = None,
    most: int = MOST,
) -> Any:
    """An option that takes a whole number from `least` to `most`."""
    bounds = f"at most {most}" if least is None else f"from {least} to {most}"

    def read(given: str) -> int:
        try:
            number = int(given)
        except ValueError:
            raise UsageError(f"{given!r} is not a whole number.") from None
        if number > most or (least is not None and number < least):
            raise UsageError(f"{number} is not {bounds}.")
        return number

    return _option(*names, help=help, metavar=metavar, panel=panel, read=read)


def number(*names: str, help: str, metavar: str = "X", panel: str | None = None) -> Any:  # noqa: A002 - the library's word
    """An option that takes a finite number."""

    def read(given: str) -> float:
        try:
            found = float(given)
        except ValueError:
            found = math.nan
        if not math.isfinite(found):
            raise UsageError(f"{given!r} is not a number.")
        return found

    return _option(*names, help=help, metavar=metavar, panel=panel, read=read)


def time(
    *names: str,
    help: str,  # noqa: A002 - the library's word
    panel: str | None = None,
    is_bound: bool = False,
) -> Any:
    """An option that takes a time with its unit, and gives seconds; a bound is above 0. The help states the default
    itself, with its unit."""

    def read(given: str) -> float:
        seconds = parse_duration(given)
        if is_bound and seconds == 0:
            raise UsageError(f"{given!r} leaves no time at all.")
        return seconds

    return _option(*names, help=help, metavar="TIME", panel=panel, read=read, show_default=False)


def _option(
    *names: str,
    help: str,  # noqa: A002 - the library's word
    metavar: str,
    panel: str | None,
    choices: Iterable[str] = (),
    read: Callable[[str], object] | None = None,
    show_default: bool = True,
) -> Any:
    return typer.Option(
        *names,
        help=help,
        metavar=metavar,
        rich_help_panel=panel,
        show_default=show_default,
        parser=read and _texts_only(read),
        autocompletion=lambda: list(choices),
    )


def _texts_only(read: Callable[[str], object]) -> Callable[[object], object]:
    """Defaults pass through as well, and are values already."""
    return lambda given: read(given) if isinstance(given, str) else given


Json = Annotated[bool, flag("--json", help="Print one JSON document (see `poolsize schema`).")]
NoSave = Annotated[bool, flag("--no-save", help="Keep nothing of this in the history.")]
