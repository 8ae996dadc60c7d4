"""One contract for every database that can be probed: a new entry of the registry is held to it unseen."""

from __future__ import annotations

import inspect
import re
import tomllib
from importlib import import_module, util
from pathlib import Path
from typing import get_type_hints
from urllib.parse import quote

import pytest

from poolsize.datatypes import DatabaseFacts
from poolsize.dsn import SCHEMES, parse
from poolsize.errors import DatabaseError
from poolsize.probe import DIALECTS, probe
from poolsize.probe.dialect import ProbeDialect
from tests.probe.faults import QUICK, refused
from tests.servers import PASSWORD

ROOT = Path(__file__).parents[2]
SECTIONS = ("limits", "connect", "round_trip_s", "transaction_round_trip_s", "timeouts", "memory")


def dsn_to_nothing(dialect: str, closed_port: int, folder: Path) -> str:
    """Of a database of that dialect which is not there."""
    if not DIALECTS[dialect].driver:
        return f"{dialect}:///{(folder / 'missing.db').as_posix()}"
    return f"{dialect}://app:{quote(PASSWORD, safe='')}@127.0.0.1:{closed_port}/shop"


def test_every_scheme_of_a_dsn_leads_to_an_entry() -> None:
    assert set(SCHEMES.values()) == set(DIALECTS)


@pytest.mark.parametrize("name", DIALECTS)
def test_an_entry_says_what_it_is_and_what_installs_its_driver(name: str) -> None:
    entry = DIALECTS[name]
    assert entry.name == name
    assert re.fullmatch(r"[A-Z]\w+( and [A-Z]\w+)?", entry.title)
    assert bool(entry.driver) == bool(entry.extra)
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    if entry.driver:
        assert util.find_spec(entry.driver) is not None
        assert any(requirement.startswith(entry.driver) for requirement in extras[entry.extra])
        assert any(entry.extra in re.split(r"\W+", requirement) for requirement in extras["all"])


@pytest.mark.parametrize("name", DIALECTS)
def test_its_probe_has_the_protocols_signature(name: str) -> None:
    found = import_module(DIALECTS[name].module).probe
    expected = inspect.signature(ProbeDialect.__call__)
    assert list(inspect.signature(found).parameters) == list(expected.parameters)[1:]  # without self
    assert get_type_hints(found) == get_type_hints(ProbeDialect.__call__)
    assert "Raises" in (inspect.getdoc(found) or "")


@pytest.mark.parametrize("name", DIALECTS)
def test_a_database_that_is_not_there_is_a_failure_with_what_is_known(
    name: str, closed_port: int, tmp_path: Path
) -> None:
    dsn = dsn_to_nothing(name, closed_port, tmp_path)
    with pytest.raises(DatabaseError) as caught:
        probe(dsn, QUICK)
    facts = refused(dsn, type(caught.value)).facts
    assert isinstance(facts, DatabaseFacts)
    assert (facts.command, facts.target, facts.error) == ("probe", parse(dsn).masked, None)
    assert facts.database is not None
    assert facts.database.dialect == parse(dsn).dialect
    assert facts.poolsize_version
    assert facts.measured_at
    told = {entry.name.partition(".")[0]: entry.reason for entry in facts.unread}
    assert {section for section in SECTIONS if getattr(facts, section) is None} <= {
        section for section, reason in told.items() if reason
    }
    assert "connect" in told
