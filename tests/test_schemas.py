"""What clients send and the service answers has the form that the schemas say."""

import hashlib
import json
import re
from pathlib import Path

import jsonschema
import pyjson5
import pytest
from lxml import etree
from xmppservice_client.commands import new_command

from roster.commands import payloads
from tests.clients.vectors import ANSWERS
from tests.service import ROOT
from xmppservice.api.schemas import FOLDER, NAMES
from xmppservice.protocol import envelope
from xmppservice.protocol.live_document import LiveDocument

PAYLOADS = Path(__file__).parent / "payloads"
CONTRACT = (ROOT / "docs" / "contract.md").read_text()
COMMAND = "urn:xmppservice:command:1"


def validator(name: str) -> jsonschema.Draft202012Validator:
    schema = json.loads((FOLDER / f"{name}-1.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


MESSAGES = etree.RelaxNG(etree.parse(FOLDER / "command-1.rng"))


def faults(xml: str) -> list[str]:
    MESSAGES.validate(etree.fromstring(xml))
    return [error.message for error in MESSAGES.error_log]


KNOWN = {
    "add-to-roster-1.json": "ab5c02c96c2642fb1749989bc699ca9a",
    "answer-1.json": "c873eb7b9d67316a3ef5ed6b75bd5948",
    "command-1.rng": "cb24fc9681725d31e9c4cac89be9bca8",
    "document-1.json": "b3281b95558d18b148d155dcdae2c667",
    "search-users-1.json": "88367b70b548a25421a363fd433c5cfc",
}


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_changes_only_by_decision_with_a_new_number(name: str):
    digest = hashlib.sha256((FOLDER / name).read_bytes()).hexdigest()
    assert digest[:32] == KNOWN[name]


# --- Payloads -----------------------------------------------------------------------

WRONG = [
    ("add-to-roster", {}),
    ("add-to-roster", {"channelUsers": []}),
    ("add-to-roster", {"channelUsers": [{"name": "Mario"}]}),
    ("add-to-roster", {"channelUsers": [{"name": 1, "address": "a"}]}),
    ("search-users", {"userList": [39347]}),
    ("search-users", {}),
    ("answer", {"status": 0}),
    ("answer", {"status": 0, "errorCode": "SQL_ERROR", "errorMessage": []}),
    ("answer", {"status": 5, "errorCode": "RATE_LIMITED", "errorMessage": []}),
    ("answer", {"status": 3, "errorCode": "NO_CHANNEL_FOUND", "errorMessage": ["a"]}),
]


@pytest.mark.parametrize(("name", "payload"), WRONG)
def test_a_wrong_payload_violates_its_schema(name: str, payload: dict):
    assert not validator(name).is_valid(payload)


def test_the_seeds_payloads_have_the_form():
    added = json.loads((PAYLOADS / "add-to-roster.json").read_text())
    found = pyjson5.decode((PAYLOADS / "search-users.json5").read_text())
    validator("add-to-roster").validate(added)
    validator("search-users").validate(found)


@pytest.mark.parametrize("name", ANSWERS)
def test_the_vectors_answers_have_the_form(name: str):
    validator("answer").validate(json.loads(ANSWERS[name]["payload"]))


def test_the_contracts_payloads_have_the_form():
    """Those in its examples of answers, and the one of RATE_LIMITED."""
    found = re.findall(r'\{\s*"status".*?\}(?=\n|<)', CONTRACT, re.DOTALL)
    assert len(found) >= 3
    for text in found:
        validator("answer").validate(json.loads(text))


def test_what_the_service_says_without_its_database_has_the_form():
    validator("answer").validate(json.loads(payloads.storage_failed()))


# --- Messages -----------------------------------------------------------------------


def test_the_contracts_messages_have_the_form():
    blocks = re.findall(r"```xml\n(<message.*?)```", CONTRACT, re.DOTALL)
    ours = [block for block in blocks if COMMAND in block or "receipts" in block]
    assert len(ours) >= 5
    for block in ours:
        xml = re.sub(r">\s+<", "><", block.strip())
        assert (
            faults(xml.replace("<message", "<message xmlns='jabber:client'", 1)) == []
        )


ADDRESS = {"sender": "s.localhost", "to": "a@localhost/b", "message_type": "chat"}


def test_the_services_messages_have_the_form():
    answer = envelope.build(
        **ADDRESS,
        id="a'1",
        thread="a thread",
        namespace=COMMAND,
        envelope_type="cmd_search_users",
        envelope_action="cmd_search_users",
        payload="{}",
    )
    change = LiveDocument("0" * 40, 12).message("s.localhost", "a@localhost", COMMAND)
    for xml in (answer, envelope.receipt(**ADDRESS, id="a1"), change):
        assert (
            faults(xml.replace("<message", "<message xmlns='jabber:client'", 1)) == []
        )


BODY, X = "<body/>", "<type>cmd_a</type><action>cmd_a</action><payload>{}</payload>"
HINTS = "<no-store xmlns='urn:xmpp:hints'/><no-copy xmlns='urn:xmpp:hints'/>"


def message(*parts: str, head: str = "id='a'", xmlns: str = COMMAND, x: str = X) -> str:
    inner = "".join(parts).replace("<x/>", f"<x xmlns='{xmlns}'>{x}</x>")
    return f"<message xmlns='jabber:client' to='s.localhost' {head}>{inner}</message>"


def test_other_extensions_and_any_order_are_allowed():
    more = "<origin-id xmlns='urn:xmpp:sid:0' id='a'/>"
    assert faults(message(HINTS, "<x/>", more, BODY)) == []


@pytest.mark.parametrize(
    "xml",
    [
        message(BODY, "<x/>"),
        message(BODY, HINTS),
        message("<body>Ciao</body>", "<x/>", HINTS),
        message(BODY, "<x/>", HINTS, head="id='a' type='groupchat'"),
        message(BODY, "<x/>", HINTS, head=f"id='{'a' * 1001}'"),
        message(BODY, "<x/>", HINTS, xmlns="jabber:x:oob"),
        message(BODY, "<x/>", HINTS, x="<type>cmd_a</type><payload>{}</payload>"),
        message(BODY, "<x/><x/>", HINTS),
    ],
)
def test_another_message_violates_the_schema(xml: str):
    assert faults(xml) != []


def test_a_packages_command_has_the_form():
    payload = {"channelUsers": [{"name": "Mario Rossi", "address": "0039347"}]}
    validator("add-to-roster").validate(
        json.loads(new_command("cmd_add_to_roster", payload).payload)
    )
