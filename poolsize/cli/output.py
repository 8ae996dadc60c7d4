"""Where things are printed: the product to stdout, everything else to stderr."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from poolsize.cli.masking import masked

if TYPE_CHECKING:
    from rich.console import RenderableType

    from poolsize.probe.dialect import Progress
    from poolsize.report.json import Document


def emit(document: Document, text: RenderableType | str, *, as_json: bool) -> None:
    """The product: the document as JSON, or its text for a person."""
    if as_json:
        from poolsize.report.json import encode  # here: text output needs no encoder

        print(encode(document))
    else:
        print(text if isinstance(text, str) else rendered(text), end="")


def rendered(text: RenderableType) -> str:
    """As wide as the terminal, 80 columns without one; colours for a terminal alone, and no blanks at the ends of
    lines for a file."""
    from rich.console import Console  # here: JSON output needs no terminal

    console = Console(highlight=False)
    with console.capture() as captured:
        console.print(text)
    if console.is_terminal:
        return captured.get()
    return "".join(f"{line.rstrip()}\n" for line in captured.get().splitlines())


def note(text: str) -> None:
    """One sentence on stderr that is not the product: one line, which a terminal gets broken between words. Without any
    password that this run has seen."""
    shown = masked(text)
    if sys.stderr.isatty():
        import textwrap  # here: a run without a terminal, or with nothing to say, needs none of it

        shown = textwrap.fill(shown, _width(), break_long_words=False, break_on_hyphens=False)
    print(shown, file=sys.stderr)


def _width() -> int:
    """Columns of the terminal that stderr is."""
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns or 80  # one that was never told its size has 0
    except OSError:
        return 80


@contextmanager
def progress() -> Iterator[Progress]:
    """A bar on stderr where that is a terminal, nothing elsewhere; told (what, share done)."""
    if not sys.stderr.isatty():
        yield lambda _what, _share: None
        return
    with ExitStack() as open_bar:
        bar: Progress | None = None

        def told(what: str, share: float) -> None:
            nonlocal bar
            if bar is None:  # what is done at once shows none, and waits for none to be imported
                bar = _bar(open_bar)
            bar(what, share)

        yield told


def _bar(open_bar: ExitStack) -> Progress:
    from rich.console import Console  # here: where nothing takes long there is no bar
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    bar = open_bar.enter_context(Bar(*columns, console=Console(stderr=True), transient=True))
    task = bar.add_task("starting", total=1.0)
    return lambda what, share: bar.update(task, description=what, completed=share)
