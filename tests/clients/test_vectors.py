"""Both packages, and the service itself, against the vectors that clients can use."""

import json
import subprocess
from functools import cache
from pathlib import Path

import pytest
from xmppservice_client import document
from xmppservice_client.commands import read_answer

from buddies.document import build
from tests.clients.vectors import ANSWERS, DOCUMENTS, NO_ANSWERS
from xmppservice.protocol import live_document

SCRIPT = Path(__file__).with_name("vectors.mjs")

languages = pytest.mark.parametrize("language", ["python", "javascript"])


@cache
def javascript() -> dict:
    done = subprocess.run(["node", SCRIPT], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def python(vector: dict) -> dict:
    items = document.loads(vector["text"])

    def addresses(platform: str) -> list[str]:
        return [
            item["address"]
            for _, item in document.rows(document.shown(items, platform))
        ]

    return {
        "sha1": document.digest(vector["text"]),
        "mobile": addresses("mobile"),
        "web": addresses("web"),
        "routes": {
            item["address"]: list(document.route(item, vector["domain"]))
            for _, item in document.rows(document.shown(items))
        },
    }


@languages
@pytest.mark.parametrize("name", DOCUMENTS)
def test_what_each_platform_shows_and_where_messages_go(language: str, name: str):
    vector = DOCUMENTS[name]
    found = python(vector) if language == "python" else javascript()["documents"][name]
    assert found["sha1"] == vector["sha1"]
    assert {key: found[key] for key in ("mobile", "web")} == vector["shown"]
    assert found["routes"].items() >= vector["routes"].items()


@languages
@pytest.mark.parametrize("name", ANSWERS)
def test_what_an_answer_says(language: str, name: str):
    fields = json.loads(ANSWERS[name]["payload"])
    if language == "python":
        answer = read_answer(ANSWERS[name]["payload"])._asdict()
        read = [answer[key] for key in ("status", "error_code", "retry_after")]
    else:
        answer = javascript()["answers"][name]
        read = [answer[key] for key in ("status", "errorCode", "retryAfter")]
    retry_after = ANSWERS[name].get("retryAfter", 0)
    assert read == [fields["status"], fields["errorCode"], retry_after]
    assert list(answer["users"]) == fields.get("userList", [])
    messages = [one["message"] for one in fields["errorMessage"]]
    assert list(answer["messages"]) == messages


@pytest.mark.parametrize("name", NO_ANSWERS)
def test_what_is_no_answer(name: str):
    assert read_answer(NO_ANSWERS[name]) is None
    assert javascript()["noAnswers"][name] is None


# --- The service itself ----------------------------------------------------------


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_service_announces_the_same_hash(name: str):
    vector = DOCUMENTS[name]
    assert live_document.digest(vector["text"]) == vector["sha1"]


@pytest.mark.parametrize("name", sorted(DOCUMENTS.keys() - {"later fields"}))
def test_the_service_shows_the_same_on_each_platform(name: str):
    published = json.loads(DOCUMENTS[name]["text"])
    for platform, flag in document.PLATFORMS.items():
        left = build.for_platform(published, flag)
        found = [item["address"] for item in _items(left["items"])]
        assert found == DOCUMENTS[name]["shown"][platform]


def _items(items: list) -> list:
    return [one for item in items for one in (item, *_items(item.get("items", [])))]
