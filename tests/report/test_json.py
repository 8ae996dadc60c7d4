"""Each document validates against the schema that is published for it."""

from __future__ import annotations

import json
import math

import jsonschema
import pytest

from poolsize.datatypes import (
    Database,
    DatabaseFacts,
    Deployment,
    ErrorReport,
    HistoryDocument,
    Layer,
    Predicted,
    Quantity,
    Recommendation,
    Settings,
    Unread,
    Value,
    limits_of,
)
from poolsize.report.json import SCHEMAS, Demo, Document, Export, Failure, encode, schema

LAYERS = (Layer(name="server", limit=97, used=5, others=4),)
FACTS = DatabaseFacts(
    target="postgresql://app:***@db/shop",
    database=Database(dialect="postgresql", server_version="18.1"),
    limits=limits_of(LAYERS, max_connections=100),
    unread=(Unread(name="database.processors", reason="the server is remote", remedy="--db-cores"),),
)
ANSWER = Recommendation(
    verdict="misses_goal",
    settings=Settings(pool_size=4, max_overflow=1, pool_timeout_s=2),
    predicted=Predicted(mean_wait_s=math.inf, wait_probability=1.0),
    deployment=Deployment(processes=4),
    inputs={"rate": Quantity(value=80, origin="stated", source="--rate")},
)
ERROR = ErrorReport(code="unreachable", message="db does not answer.", next=("poolsize probe DSN",))
DOCUMENTS: list[tuple[str, Document]] = [
    ("probe", FACTS),
    ("probe", DatabaseFacts(error=ERROR)),
    ("recommend", ANSWER),
    ("recommend", Recommendation(error=ERROR)),
    ("export", Export(export_target="django", text="DATABASES = {}")),
    ("history", HistoryDocument()),
    ("demo", Demo(probe=FACTS, recommend=ANSWER)),
    ("error", Failure(command="schema", error=ERROR)),
]


@pytest.mark.parametrize(("name", "document"), DOCUMENTS)
def test_a_document_is_valid_by_its_published_schema(name: str, document: Document) -> None:
    jsonschema.Draft202012Validator(json.loads(schema(name))).validate(json.loads(encode(document)))


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_is_a_schema_and_refuses_a_wrong_type(name: str) -> None:
    published = json.loads(schema(name))
    jsonschema.Draft202012Validator.check_schema(published)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(published).validate({"schema_version": "one"})


@pytest.mark.parametrize("document_type", SCHEMAS.values())
def test_every_document_is_versioned_and_can_hold_an_error(document_type: type[Value]) -> None:
    fields = document_type.__struct_fields__
    assert {"schema_version", "command", "poolsize_version", "error"} <= set(fields)


def test_an_infinite_wait_is_null_in_json() -> None:
    assert json.loads(encode(ANSWER))["predicted"]["mean_wait_s"] is None
