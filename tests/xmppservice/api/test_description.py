"""Responses are what the description says, also where it says null."""

import json
from copy import deepcopy
from typing import Any

import jsonschema
import pytest
from rest_framework.test import APIClient

from tests.xmppservice.api.operations import (
    EXAMPLES,
    description,
    operations,
    ready,
    responses,
)


def strict_schema(name: str) -> dict[str, Any]:
    """Return the schema of a response, in which no field may be undescribed."""
    id, status = name.split()
    content = operations()[id].details["responses"][status].get("content")
    if content is None:
        return {"const": None}
    (media,) = content.values()
    components = deepcopy(description()["components"])
    for component in components["schemas"].values():
        if component.get("type") == "object":
            component["additionalProperties"] = False
    return {**media["schema"], "components": components}


def not_null(schema: dict[str, Any], value: Any, root: Any, at: str = "") -> list[str]:
    """Return the places that may be null and are not; a list shows its items."""
    if "$ref" in schema:
        return not_null(root["schemas"][schema["$ref"].split("/")[-1]], value, root, at)
    if "null" in schema.get("type", ()):
        return [] if value is None else [at]
    if schema.get("type") == "array":
        return [
            place for one in value for place in not_null(schema["items"], one, root, at)
        ]
    return [
        place
        for name, below in schema.get("properties", {}).items()
        for place in not_null(below, value[name], root, f"{at}/{name}")
    ]


def test_each_response_of_the_description_has_an_example():
    assert sorted(responses()) == sorted(EXAMPLES)


@pytest.mark.parametrize("name", EXAMPLES)
@pytest.mark.django_db
def test_a_response_is_as_described_with_null_wherever_null_may_be(
    name, reader: APIClient
):
    answer = ready(name).send(reader)

    assert name.endswith(f" {answer.status_code}"), answer.content
    body, schema = json.loads(answer.content or "null"), strict_schema(name)
    jsonschema.validate(body, schema)
    places = not_null(schema, body, schema.get("components"))
    assert places == list(EXAMPLES[name].filled)


def test_put_says_that_it_does_not_replace():
    puts = [ops["put"] for ops in description()["paths"].values() if "put" in ops]
    summaries = {put["summary"] for put in puts if "requestBody" in put}
    assert summaries == {"Change; fields left out keep their values"}


def test_no_part_of_a_patch_is_required():
    schemas = description()["components"]["schemas"]
    patches = [name for name in schemas if name.startswith("Patched")]
    assert "PatchedInfoRequest" in patches
    assert [name for name in patches if "required" in schemas[name]] == []
    info = schemas["PatchedBuddyRequest"]["properties"]["info"]
    assert info == {"$ref": "#/components/schemas/PatchedInfoRequest"}


def test_rows_are_typed():
    rows = description()["components"]["schemas"]["BulkRequest"]["properties"]
    assert rows["accounts"] == {
        "type": "array",
        "items": {"$ref": "#/components/schemas/RowRequest"},
        "minItems": 1,
        "maxItems": 10_000,
    }
