"""`poolsize schema`."""

from __future__ import annotations

from typing import Annotated

import typer

from poolsize.choices import not_one_of
from poolsize.cli.options import Json
from poolsize.report.json import SCHEMAS
from poolsize.report.json import schema as schema_of


def schema(
    name: Annotated[
        str,
        typer.Argument(metavar="NAME", help=f"One of {', '.join(SCHEMAS)}.", autocompletion=lambda: list(SCHEMAS)),
    ],
    as_json: Json = False,  # noqa: ARG001 - the schema is JSON either way
) -> None:
    """Print the JSON schema of a document.

    For example:

      poolsize schema recommend
    """
    if name not in SCHEMAS:
        raise not_one_of("document", name, SCHEMAS)
    print(schema_of(name))
