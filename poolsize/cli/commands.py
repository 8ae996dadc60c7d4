"""The commands, and a group that imports a command's module only when that command runs."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import typer
import typer.main
from typer.core import TyperCommand, TyperGroup

from poolsize.choices import not_one_of
from poolsize.cli.plain import PlainCommand, plain

if TYPE_CHECKING:
    from collections.abc import Callable


class Entry(NamedTuple):
    """One command: the module that holds a function of its name, and its line in the help."""

    name: str
    line: str
    document: str
    """The name of its JSON document in SCHEMAS."""

    def load(self) -> Any:
        """The command, with all its options."""
        function: Callable[..., None] = getattr(import_module(f"poolsize.cli.{self.name}"), self.name)
        # As one of several commands an application keeps its command's name.
        app = typer.Typer(add_completion=False, rich_markup_mode="rich")
        app.callback()(lambda: None)
        app.command(self.name, cls=PlainCommand, help=function.__doc__)(function)
        group: Any = typer.main.get_command(app)
        return group.commands[self.name]


_ENTRIES: Final = (
    Entry("probe", "Measure a database: what a connection costs, how many it allows, who holds them.", "probe"),
    Entry("recommend", "Say which pool_size, max_overflow and pool_timeout meet the goal, and why.", "recommend"),
    Entry("simulate", "Run a pool under a load, as its library really behaves.", "simulate"),
    Entry("verify", "Run the recommended pool for real, beside what was predicted of it.", "verify"),
    Entry("lab", "See why pooling matters: the same requests without a pool and through one.", "lab"),
    Entry("curve", "Measure what a database does at rising concurrency: its capacity curve.", "curve"),
    Entry("export", "Write the last recommendation as configuration.", "export"),
    Entry("history", "List what was probed and recommended, and what changed.", "history"),
    Entry("demo", "Run all of it on a throw-away PostgreSQL.", "demo"),
    Entry("schema", "Print the JSON schema of a document.", "error"),
)
COMMANDS: Final = {entry.name: entry for entry in _ENTRIES}


class LazyGroup(TyperGroup):
    """Lists the commands by their lines, and loads one when it is called: `--help` imports none of them."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - the library's signature
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002 - the library's signature
        entry = COMMANDS.get(cmd_name)
        return TyperCommand(entry.name, help=entry.line) if entry else None

    def get_params(self, ctx: Any) -> list[Any]:
        return plain(super().get_params(ctx))

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name, *rest = args
        if name in COMMANDS:
            return name, COMMANDS[name].load(), rest
        if ctx.resilient_parsing:  # a shell asks for completions
            return None, None, rest
        raise not_one_of("command", name, COMMANDS)
