"""Which part may import which: the table of docs/architecture.md as code."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "poolsize"


class Allowed(NamedTuple):
    parts: str
    """Parts of poolsize, in a row."""
    packages: str = ""
    """Packages from outside, beside the standard library."""


ALLOWED = {
    "_version": Allowed(""),
    "errors": Allowed(""),
    "datatypes": Allowed("", "msgspec"),
    "queueing": Allowed("", "msgspec numpy"),
    "installation": Allowed(""),
    "host": Allowed("", "psutil"),
    "units": Allowed("errors"),
    "choices": Allowed("errors"),
    "files": Allowed("errors"),
    "request_text": Allowed("errors"),
    "parallel": Allowed("errors installation", "distributed"),
    "simulate": Allowed("choices datatypes errors parallel queueing", "msgspec numpy"),
    "recorded": Allowed("datatypes errors queueing simulate units"),
    "dsn": Allowed("choices errors"),
    "workers": Allowed("choices datatypes"),
    "profiles": Allowed("choices datatypes errors workers", "msgspec"),
    "providers": Allowed("choices datatypes errors", "msgspec"),
    "probe": Allowed("_version datatypes dsn errors host installation units", "msgspec psutil psycopg pymysql"),
    "embedded": Allowed("errors installation"),
    "live": Allowed(
        "_version choices datatypes dsn embedded errors host installation parallel probe queueing simulate units",
        "msgspec numpy psutil psycopg psycopg_pool pymysql sqlalchemy",
    ),
    "recommend": Allowed("_version datatypes errors profiles providers queueing simulate units workers", "msgspec"),
    "export": Allowed("choices datatypes errors units workers", "msgspec"),
    "report": Allowed("datatypes units", "msgspec rich"),
    "store": Allowed("datatypes errors", "msgspec platformdirs sqlalchemy"),
    "history": Allowed("datatypes store units"),
    "remembered": Allowed("datatypes store", "msgspec"),
    "cli": Allowed(
        "_version choices datatypes dsn embedded errors export files history live parallel probe profiles providers "
        "queueing recommend recorded remembered report request_text simulate store units workers",
        "msgspec rich typer",
    ),
    "__init__": Allowed(
        "_version datatypes errors export history probe providers recommend remembered report request_text store"
    ),
    "__main__": Allowed("cli"),
}
SLOW = {"sqlalchemy", "psutil", "psycopg", "pymysql", "scipy", "numpy", "rich"}
LOADS_SLOW = {"store", "probe", "host", "report", "simulate", "queueing", "live"}
"""Parts that a command imports only when it needs them. Of `queueing` that is true of the modules that use numpy, which
tests/queueing/test_imports.py holds by the modules that a solved pool has loaded."""


class Import(NamedTuple):
    part: str
    file: Path
    line: int
    module: str
    deferred: bool
    """Inside a function."""
    for_types: bool


def part_of(file: Path) -> str:
    return file.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports_of(file: Path) -> Iterator[Import]:
    def walk(node: ast.AST, deferred: bool, for_types: bool) -> Iterator[Import]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.ImportFrom | ast.Import):
                assert not (isinstance(child, ast.ImportFrom) and child.level), f"{file}: a relative import"
                for module in modules(child):
                    yield Import(part_of(file), file, child.lineno, module, deferred, for_types)
            is_types = isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING"
            is_function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef)
            yield from walk(child, deferred or is_function, for_types or is_types)

    yield from walk(ast.parse(file.read_text(encoding="utf-8")), False, False)


def modules(node: ast.Import | ast.ImportFrom) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if node.module == "poolsize":
        return [f"poolsize.{alias.name}" for alias in node.names]
    return [node.module or ""]


FILES = sorted(PACKAGE.rglob("*.py"))
IMPORTS = [one for file in FILES for one in imports_of(file)]


def test_every_part_is_in_the_table_and_nothing_else_is() -> None:
    assert {part_of(file) for file in FILES} == set(ALLOWED)


@pytest.mark.parametrize("part", ALLOWED)
def test_a_part_imports_only_what_the_table_allows(part: str) -> None:
    parts, packages = (set(row.split()) for row in ALLOWED[part])
    for one in IMPORTS:
        if one.part != part or (one.for_types and part == "errors"):  # the facts that an error carries
            continue
        top, *rest = one.module.split(".")
        where = f"{one.file.relative_to(ROOT)}:{one.line} imports {one.module}"
        if top == "poolsize":
            assert rest[:1] == [part] or rest[0] in parts, where
        elif top not in sys.stdlib_module_names:
            assert top in packages, where


def test_the_table_has_no_circle() -> None:
    seen: list[str] = []
    remaining = {part: set(row.parts.split()) for part, row in ALLOWED.items()}
    while ready := [part for part, needs in remaining.items() if needs <= set(seen)]:
        seen += ready
        remaining = {part: needs for part, needs in remaining.items() if part not in seen}
    assert remaining == {}


def test_what_is_slow_to_load_is_not_loaded_by_what_every_command_imports() -> None:
    for one in IMPORTS:
        if one.module.split(".")[0] in SLOW and not one.deferred and not one.for_types:
            assert one.part in LOADS_SLOW, f"{one.file.relative_to(ROOT)}:{one.line} loads {one.module}"


def test_an_import_inside_a_function_says_why() -> None:
    """With a comment on it, on the import before it, or on a line of its own above them."""
    for one in IMPORTS:
        if not one.deferred or one.for_types:
            continue
        lines = one.file.read_text(encoding="utf-8").splitlines()
        assert says_why(lines, one.line - 1), f"{one.file.relative_to(ROOT)}:{one.line}"


def says_why(lines: list[str], at: int) -> bool:
    """`at` is the index of an import's line."""
    block = at
    while lines[block - 1].lstrip().startswith(("from ", "import ")):
        block -= 1
    while lines[block - 1].lstrip().startswith("#"):
        block -= 1
    return any("# here" in line for line in lines[block : at + 1])


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (["def f():", "    import a  # here: it is slow"], True),
        (["def f():", "    import a  # here: both are slow", "    import b"], True),
        (
            ["def f():", "    # here: it is slow, and the reason", "    # needs two lines", "    import a"],
            True,
        ),
        (["def f():", "    # here: both are slow", "    import a", "    import b"], True),
        (["def f():", "    # it is slow", "    import a"], False),
        (["def f():", "    # here: of something else", "    g()", "    import a"], False),
    ],
)
def test_a_reason_is_found_beside_an_import_or_above_it(lines: list[str], says: bool) -> None:
    assert says_why(lines, len(lines) - 1) is says


def test_the_architecture_page_has_the_same_table() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `(\w+)/?` \| [^|]* \| ([^|]*) \|", page, flags=re.MULTILINE))
    for part, row in ALLOWED.items():
        if part.startswith("_"):
            continue
        expected = [name for name in row.parts.split() if not name.startswith("_")]
        written = rows[part].strip()
        assert written == (", ".join(expected) or "-") or (part == "cli" and written == "all"), part
