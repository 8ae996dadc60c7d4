"""Parameters whose texts become values without pydantic, which typer imports for that: it would take as long as all
the rest of a command.

typer has no public way to that, so two of its internals are used: a parameter asks its `get_runtime_param` for the
object whose `coerce` reads the value, and has the parser that was given for it in `type_descriptor.parameter_info`.
Both are of typer 0.29; pyproject.toml admits no later minor version, and tests/cli/test_help.py (no pydantic is loaded)
and tests/cli/test_usage.py (what is typed wrongly is said in our words) fail where they are gone.
"""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand

from poolsize.errors import UsageError


class Conversion:
    """Does what typer's own does with a parameter's value, by the parser of `poolsize.cli.options`."""

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:  # noqa: ARG002 - the library's signature
        if param.multiple:
            return tuple(_read(param, one) for one in value or ())
        return None if value is None else _read(param, value)


def _read(param: Any, value: Any) -> Any:
    parser = param.type_descriptor.parameter_info.parser
    try:
        return value if parser is None else parser(value)
    except UsageError as error:
        raise UsageError(f"{param.opts[-1]}: {error.message}") from None


_CONVERSION = Conversion()


def plain(params: list[Any]) -> list[Any]:
    """The same parameters, each with this conversion; an option without a value has no type in the help."""
    for param in params:
        param.get_runtime_param = lambda: _CONVERSION
        if getattr(param, "is_flag", False):
            param.metavar = ""
    return params


class PlainCommand(TyperCommand):
    """A command of such parameters."""

    def get_params(self, ctx: Any) -> list[Any]:
        return plain(super().get_params(ctx))
