"""What the kit says of a client: a sentence for each rule that it breaks."""

import json
from xml.etree import ElementTree as ET

import pytest

from demo.component import ACCEPT
from demo.conformance import documents
from demo.conformance.judge import faults
from demo.conformance.scenarios import ADD, SCENARIOS, SEARCH
from demo.conformance.service import COMMAND, Command, Talk, Text

SERVICE = "service.localhost"
PAUSE = 5.0
BY_NAME = {one.name: one for one in SCENARIOS}
MOBILE = Text(0.5, f"mobile@{SERVICE}", "thread of mobile \u2615")
PAYLOADS = {ADD: {"channelUsers": [{"address": "a"}, {"address": "b"}]}}
PAYLOADS[SEARCH] = {"userList": ["0039347"]}


def sent(word, at, id=None, payload=None, xmlns=COMMAND, hints=True, body=""):
    text = json.dumps(PAYLOADS[word]) if payload is None else payload
    more = "<no-store xmlns='urn:xmpp:hints'/><no-copy xmlns='urn:xmpp:hints'/>"
    x = f"<type>{word}</type><action>{word}</action>"
    inner = f"<body>{body}</body><x xmlns='{xmlns}'>{x}</x>{more if hints else ''}"
    xml = f"<message xmlns='{ACCEPT}'>{inner}</message>"
    return Command(at, id or word, word, text, "a@b/c", ET.fromstring(xml))


def talk(name, *commands, texts=(MOBILE,), reads=1):
    result = Talk(BY_NAME[name])
    words = {one.word for one in commands}
    rest = [sent(word, 1.0) for word in (ADD, SEARCH) if word not in words]
    result.commands = [*commands, *rest]
    result.texts = list(texts)
    result.reads = [0.0] * reads
    result.announced = int(name in ("changed", "replaced"))
    result.is_subscribed = True
    return result


def unsubscribed():
    result = talk("changed")
    result.is_subscribed = False
    return result


def found(talk):
    expected = documents.expected(SERVICE, "mobile")
    return list(faults(talk, expected, PAUSE))


def add(at, **more):
    return sent(ADD, at, **more)


RIGHT = {
    "plain": talk("plain"),
    "late": talk("late", add(1), add(6), add(16)),
    "stored": talk("stored", add(1)),
    "garbled": talk("garbled", add(1), add(6)),
    "away": talk("away", add(1), add(6), add(16)),
    "refused": talk("refused", add(1)),
    "interrupted": talk("interrupted", add(1), add(1.5)),
    "limited": talk("limited", sent(SEARCH, 1), sent(SEARCH, 4)),
    "large": talk(
        "large",
        add(1, id="1"),
        add(2, id="2", payload='{"channelUsers":[{"address":"a"}]}'),
        add(3, id="3", payload='{"channelUsers":[{"address":"b"}]}'),
    ),
    "changed": talk("changed", reads=2),
    "unread": talk("unread", reads=3),
    "gone": talk("gone", reads=2),
    "replaced": talk("replaced", reads=2),
}


@pytest.mark.parametrize("name", RIGHT)
def test_nothing_is_said_of_a_client_that_is_right(name: str):
    assert found(RIGHT[name]) == []


WRONG = [
    (talk("plain", reads=0), "The document was never read."),
    (talk("plain", reads=2), "read 2 times, when 1 would do"),
    (talk("changed", reads=1), "A new document was announced"),
    (talk("replaced", reads=1), "A new document was announced"),
    (talk("gone", reads=1), "requested 1 times, and did not come"),
    (talk("unread", reads=2), "requested 2 times, and did not come"),
    (talk("plain", texts=()), "No message was written to a channel."),
    (talk("plain", texts=[Text(0, f"web@{SERVICE}", "x")]), "for web only"),
    (talk("plain", texts=[Text(0, f"mobile@{SERVICE}", "")]), "had the thread ''"),
    (talk("plain", texts=[Text(0, f"inside-later@{SERVICE}", "")]), "no client knows"),
    (talk("plain", texts=[Text(0, f"nobody@{SERVICE}", "")]), "no channel of the"),
    (talk("plain", add(1, xmlns="jabber:x:oob")), "x is in another namespace"),
    (talk("plain", add(1, hints=False)), "has no no-copy"),
    (talk("plain", add(1, body="Ciao")), "body has a text"),
    (talk("plain", add(1, payload="{")), "no JSON object with channelUsers"),
    (talk("plain", add(1, payload='{"channelUsers":["a"]}')), "no list of objects"),
    (
        talk("plain", add(1, payload=f'{{"channelUsers":[],"a":"{"b" * 200_001}"}}')),
        "more than 200000",
    ),
    (talk("plain", add(1), add(7)), "sent again after 6.0 s, though it was answered"),
    (talk("late", add(1), add(3), add(13)), "after 2.0 s, when 5 s were due"),
    (talk("late", add(1), add(6), add(11)), "after 5.0 s, when 10 s were due"),
    (talk("late", add(1), add(6)), "was not sent again: nothing comes"),
    (talk("late", add(1), add(6, id="b"), add(16)), "sent with 2 ids"),
    (talk("late", add(1), add(6, payload="{}"), add(16)), "with another payload"),
    (talk("stored", add(1), add(6)), "sent again after 5.0 s: a receipt comes"),
    (talk("double", add(1), add(6)), "sent again after 5.0 s: it is answered three"),
    (talk("stranger", add(1)), "was not sent again: an answer from another JID"),
    (talk("copied", add(1)), "was not sent again: a copy (carbon) of an answer"),
    (unsubscribed(), "The client did not subscribe"),
    (talk("away", add(1)), "was not sent again: remote-server-timeout"),
    (talk("refused", add(1), add(6)), "sent again after 5.0 s: not-acceptable"),
    (talk("later", add(1), add(6)), "sent again after 5.0 s: status 7"),
    (talk("failed", add(1)), "was not sent again: SQL_ERROR"),
    (talk("limited", sent(SEARCH, 1), sent(SEARCH, 2)), "after 1.0 s, when 3 s"),
    (talk("interrupted", add(1)), "was not sent again: the stream ends"),
    (talk("large", add(1), add(2)), "though it ends the stream each time"),
    (talk("large", add(1)), "was not split"),
    (
        talk("large", add(1), add(2, id="2", payload='{"channelUsers":[]}')),
        "do not have the same entries",
    ),
]


@pytest.mark.parametrize(("talk", "sentence"), WRONG)
def test_each_broken_rule_has_its_sentence(talk: Talk, sentence: str):
    sentences = found(talk)
    assert [one for one in sentences if sentence in one], sentences


def test_a_command_that_never_came_is_a_fault():
    silent = talk("plain")
    silent.commands = []
    assert found(silent) == [f"{ADD} was never sent.", f"{SEARCH} was never sent."]
    assert (
        list(
            faults(
                silent,
                documents.expected(SERVICE, "mobile"),
                PAUSE,
                sends_commands=False,
            )
        )
        == []
    )


def test_a_client_may_give_up_after_a_command_that_failed_for_ever():
    stopped = talk("refused", add(1))
    stopped.commands = stopped.commands[:1]
    assert found(stopped) == []


def test_a_client_that_does_nothing():
    assert found(Talk(BY_NAME["plain"])) == [
        "The client did nothing: it did not even read the document."
    ]


@pytest.mark.parametrize("platform", documents.FLAGS)
def test_the_kits_document_is_one_of_the_service(platform: str):
    """Except for what a later version may add."""
    items = json.loads(documents.document(SERVICE, 2))["items"]
    first = next(one for one in items if one["type"] == "group" and one["items"])
    assert first["address"] == "all-hidden"
    routes = documents.expected(SERVICE, platform).routes
    assert (f"{platform}@{SERVICE}", f"thread of {platform} \u2615") in routes
    assert (f"direct@{SERVICE}", "") in routes


@pytest.mark.parametrize("payload", ["{channelUsers: []}", "[]", '{"channelUsers":5}'])
def test_a_payload_that_cannot_be_read_is_a_fault_and_no_crash(payload: str):
    sentences = found(talk("large", add(1, id="1", payload=payload), add(2, id="2")))
    assert any("channelUsers" in one for one in sentences)
