"""The OpenAPI description can be generated, and the document's schema is stable.

tests/slow/test_openapi.py compares the service with the description.
"""

import json
from io import StringIO
from pathlib import Path

import jsonschema
import pytest
from django.core.management import call_command

from buddies.document import parse
from buddies.publishing import releases
from buddies.tree import whole_tree
from tests.service import ROOT

HERE = Path(__file__).parent
DOCUMENT_SCHEMA = "/schemas/document-1.json"


def test_the_description_is_generated_without_a_warning():
    said = StringIO()
    call_command("spectacular", validate=True, fail_on_warn=True, stdout=said)
    assert "openapi: 3.1.0" in said.getvalue()


@pytest.mark.parametrize(
    "name", ["bots.json", "mobile-ticketing.json", "single-channel.json"]
)
@pytest.mark.django_db
def test_the_examples_of_the_contract_match_the_document_schema(client, name):
    answer = client.get(DOCUMENT_SCHEMA)
    assert answer.headers["Content-Type"] == "application/schema+json"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    schema = answer.json()
    jsonschema.Draft202012Validator.check_schema(schema)
    example = (HERE / "payloads" / name).read_text()

    jsonschema.validate(json.loads(example), schema)
    whole_tree.load([(name, parse.loads(example))], "juliet", replace=True)
    jsonschema.validate(json.loads(releases.sync().body), schema)


CHANNEL = {
    "address": "romeo",
    "type": "channel",
    "mobileIsPublished": True,
    "webIsPublished": True,
    "info": {
        "name": "Romeo",
        "status": "",
        "imageUrl": "",
        "thumbUrl": "",
        "defaultMessage": "",
    },
}


@pytest.mark.parametrize(
    "change",
    [
        {"type": "bot"},
        {"address": 1},
        {"items": []},
        {"webIsPublished": "true"},
        {"serverAddress": ""},
        {"info": {}},
        {"type": "group"},
    ],
)
def test_an_invalid_document_violates_the_schema(change):
    schema = json.loads((ROOT / "xmppservice/schemas/document-1.json").read_text())
    jsonschema.validate({"items": [CHANNEL]}, schema)

    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"items": [{**CHANNEL, **change}]}, schema)
