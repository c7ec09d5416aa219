"""The OpenAPI description is true: schemathesis tries all of it on a real service."""

import hashlib
import json
import os
import subprocess
import sys
from io import StringIO
from pathlib import Path

import jsonschema
import pytest
from django.core.management import call_command

from buddies import document, releases, tree
from tests.service import ROOT

HERE = Path(__file__).parent
DOCUMENT_SCHEMA = "/schemas/document-1.json"


def test_the_service_is_what_the_description_says(new_service, tmp_path):
    # What it writes there is written by nobody else.
    service = new_service(API_REQUESTS_PER_MINUTE="1000000")
    description = f"http://127.0.0.1:{service.http_port}/api/schema/?format=json"
    command = [
        str(Path(sys.executable).parent / "schemathesis"),
        f"--config-file={HERE / 'schemathesis.toml'}",
        "run",
        description,
        f"--header=Authorization: Bearer {service.token}",
        "--continue-on-failure",
        "--no-color",
        # Where a change is judged, the same cases each time, as hypothesis has it.
        *(["--generation-deterministic"] if os.environ.get("CI") else []),
    ]
    # Warnings are errors to our code, and not to that of others.
    environment = {**os.environ, "PYTHONWARNINGS": ""}

    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True
    )

    assert done.returncode == 0, done.stdout[-20_000:]
    assert service.http("GET", "/healthz")[0] == 200


def test_the_description_is_made_without_a_warning():
    said = StringIO()
    call_command("spectacular", validate=True, fail_on_warn=True, stdout=said)
    assert "openapi: 3.1.0" in said.getvalue()


@pytest.mark.parametrize(
    "name", ["bots.json", "mobile-ticketing.json", "single-channel.json"]
)
@pytest.mark.django_db
def test_the_examples_of_the_contract_fulfil_the_schema_of_the_document(client, name):
    answer = client.get(DOCUMENT_SCHEMA)
    assert answer.headers["Content-Type"] == "application/schema+json"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    schema = answer.json()
    jsonschema.Draft202012Validator.check_schema(schema)
    example = (HERE / "payloads" / name).read_text()

    jsonschema.validate(json.loads(example), schema)
    tree.load([(name, document.loads(example))], "juliet", replace=True)
    jsonschema.validate(json.loads(releases.sync().body), schema)


def test_the_schema_changes_with_a_decision_and_another_number_only():
    text = (ROOT / "buddies/schemas/document-1.json").read_bytes()
    known = "b3281b95558d18b148d155dcdae2c667b1ba0e564e957a5f2ec9c45c1a5771fb"
    assert hashlib.sha256(text).hexdigest() == known


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
def test_what_is_no_document_does_not_fulfil_it(change):
    schema = json.loads((ROOT / "buddies/schemas/document-1.json").read_text())
    jsonschema.validate({"items": [CHANNEL]}, schema)

    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"items": [{**CHANNEL, **change}]}, schema)
