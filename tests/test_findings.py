"""A finding's code has one meaning: it stands once in the code, and in the table of docs/architecture.md."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent


def codes_in_the_package() -> list[str]:
    texts = (file.read_text(encoding="utf-8") for file in (ROOT / "poolsize").rglob("*.py"))
    return [code for text in texts for code in re.findall(r'code="(PS\d{3})"', text)]


def codes_on_the_page() -> set[str]:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    found = set()
    for first, last in re.findall(r"^\| PS(\d{3})(?: to PS(\d{3}))? \|", page, flags=re.MULTILINE):
        found |= {f"PS{number}" for number in range(int(first), int(last or first) + 1)}
    return found


def test_each_code_stands_in_one_place() -> None:
    codes = codes_in_the_package()
    assert sorted(codes) == sorted(set(codes))


def test_the_page_lists_them_all() -> None:
    assert set(codes_in_the_package()) == codes_on_the_page()
