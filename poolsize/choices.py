"""The sentence for a name that no registry has."""

from __future__ import annotations

from collections.abc import Iterable

from poolsize.errors import UsageError


def not_one_of(what: str, name: str, choices: Iterable[str]) -> UsageError:
    """An error to raise: `The worker type 'gunicorn-snyc' is not one of ...; did you mean gunicorn-sync?`"""
    return UsageError(f"The {what} {name!r} is not one of {listed(name, choices)}")


def listed(name: str, choices: Iterable[str]) -> str:
    """All of them, and the one that was meant where one is alike, to the sentence's end."""
    import difflib  # here: it takes longer to load than this whole module, and only a mistake needs it

    known = sorted(choices)
    close = difflib.get_close_matches(name.lower(), known, n=1)
    return ", ".join(known) + (f"; did you mean {close[0]}?" if close else ".")
