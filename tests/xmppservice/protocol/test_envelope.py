"""Parsing commands from messages, and building answers."""

from xml.etree import ElementTree as ET

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from xmppservice.protocol import envelope
from xmppservice.protocol.envelope import Oversized
from xmppservice.protocol.namespaces import MAX_FIELD
from xmppservice.protocol.parser import StanzaParser
from xmppservice.protocol.xml import illegal_character

OOB = "jabber:x:oob"


def message(x: str, attributes: str = "type='chat' id='1'") -> ET.Element:
    xmlns = "xmlns='jabber:component:accept'"
    return ET.fromstring(f"<message {xmlns} {attributes}>{x}</message>")


def test_the_fields_of_a_command():
    x = (
        f"<thread>t</thread><x xmlns='{OOB}'><type>cmd_a</type>"
        "<action>cmd_a</action><payload>{}</payload></x>"
    )
    assert envelope.parse(message(x)) == {
        "id": "1",
        "thread": "t",
        "message_type": "chat",
        "namespace": OOB,
        "envelope_type": "cmd_a",
        "envelope_action": "cmd_a",
        "command": "cmd_a",
        "payload": "{}",
    }


def test_a_message_without_type_is_normal():
    fields = envelope.parse(message(f"<x xmlns='{OOB}'><type>cmd_a</type></x>", ""))
    assert fields is not None
    assert (fields["message_type"], fields["id"], fields["payload"]) == (
        "normal",
        "",
        "",
    )


def test_two_different_words_leave_the_command_empty():
    x = f"<x xmlns='{OOB}'><type>cmd_a</type><action>cmd_b</action></x>"
    fields = envelope.parse(message(x))
    assert fields is not None
    assert fields["command"] == ""
    assert (fields["envelope_type"], fields["envelope_action"]) == ("cmd_a", "cmd_b")


def test_the_envelope_may_follow_another_x():
    x = f"<x xmlns='{OOB}'><url>u</url></x><x xmlns='{OOB}'><action>cmd_a</action></x>"
    fields = envelope.parse(message(x))
    assert fields is not None
    assert fields["command"] == "cmd_a"


def command(word: str = "cmd_a", xmlns: str = OOB) -> str:
    return f"<x xmlns='{xmlns}'><type>{word}</type><payload>{word}</payload></x>"


@pytest.mark.parametrize(
    "x",
    [
        command() + command("cmd_b"),
        command() + command(),
        command() + "<body/>" + command("cmd_b", "urn:other"),
        command() * 3,
    ],
)
def test_of_several_envelopes_none_is_run(x: str):
    fields = envelope.parse(message(x))
    assert fields is not None
    assert fields["command"] == ""
    assert (fields["envelope_type"], fields["payload"]) == ("cmd_a", "cmd_a")


# Clark's notation, "{namespace}name", and ElementTree's paths give these a meaning.
@pytest.mark.parametrize("xmlns", ["a}b", "}", "{", "{y", "a}b/c(", "*", "{*}x", "}}["])
def test_a_namespace_is_any_text(xmlns: str):
    parser = StanzaParser()
    parser.feed(
        f"<s xmlns='jabber:component:accept'><message>{command('cmd_a', xmlns)}"
        f"{command('data', 'urn:o')}</message></s>".encode()
    )
    stanzas = [element for event, element in parser.read_events() if event == "end"]

    fields = envelope.parse(stanzas[0])

    assert fields is not None
    assert (fields["namespace"], fields["command"]) == (xmlns, "cmd_a")
    assert fields["payload"] == "cmd_a"


def test_children_in_another_namespace_belong_to_no_envelope():
    x = "<x xmlns='*'><type xmlns='urn:o'>cmd_a</type></x>"
    assert envelope.parse(message(x)) is None


REQUEST = "<request xmlns='urn:xmpp:receipts'/>"


@pytest.mark.parametrize(
    ("more", "attributes", "receipt"),
    [
        (REQUEST, "id='1'", "1"),
        (REQUEST, "", None),
        ("", "id='1'", None),
        ("<received xmlns='urn:xmpp:receipts' id='1'/>", "id='1'", None),
        ("<request xmlns='urn:other'/>", "id='1'", None),
    ],
)
def test_a_receipt_names_the_id_of_a_command_that_asks_for_it(
    more, attributes, receipt
):
    fields = envelope.parse(message(command() + more, attributes))
    assert fields is not None
    assert fields.get("receipt") == receipt


BODY = "<body>Ciao</body>"


@pytest.mark.parametrize(
    ("inside", "type", "is_text"),
    [
        (BODY, "chat", True),
        (BODY, "normal", True),
        (BODY, "", True),
        ("<body/>" + BODY.replace("body>", "body xml:lang='it'>", 1), "chat", True),
        (BODY + "<request xmlns='urn:xmpp:receipts'/>", "chat", True),
        (BODY, "headline", False),
        (BODY, "groupchat", False),
        (BODY, "error", False),
        ("<body/>", "chat", False),
        ("<body> \n </body>", "chat", False),
        ("<body xmlns='urn:other'>Ciao</body>", "chat", False),
        ("<composing xmlns='http://jabber.org/protocol/chatstates'/>", "chat", False),
        (BODY + "<sent xmlns='urn:xmpp:carbons:2'/>", "chat", False),
        (BODY + "<result xmlns='urn:xmpp:mam:2'/>", "normal", False),
    ],
)
def test_what_counts_as_a_text(inside: str, type: str, is_text: bool):
    attributes = f"type='{type}'" if type else ""
    assert envelope.is_text(message(inside, attributes)) == is_text


@pytest.mark.parametrize("name", ["id", "thread", "type", "xmlns"])
def test_a_field_too_long_is_oversized(name: str):
    long = "x" * (MAX_FIELD + 1)
    values = {"id": "1", "thread": "", "type": "cmd_a", "xmlns": OOB, name: long}
    values["type"] = f"cmd_{values['type']}"
    stanza = message(
        f"<thread>{values['thread']}</thread>"
        f"<x xmlns='{values['xmlns']}'><type>{values['type']}</type></x>",
        f"id='{values['id']}'",
    )
    with pytest.raises(Oversized):
        envelope.parse(stanza)


texts = st.text(st.characters(codec="utf-8")).filter(lambda t: not illegal_character(t))


@given(payload=texts, thread=texts, id=texts)
@example(payload="{}", thread="a\rb", id="\r")
@example(payload="\r\n", thread="\r", id="\n\r\t")
def test_an_answer_is_read_back_as_it_was_written(payload, thread, id):
    xml = envelope.build(
        sender="service",
        to="romeo@localhost/'<&>",
        id=id,
        thread=thread,
        message_type="chat",
        namespace=OOB,
        envelope_type="cmd_a",
        envelope_action="cmd_a",
        payload=payload,
    )

    stanza = ET.fromstring(xml)

    assert stanza.findtext(f"{{{OOB}}}x/{{{OOB}}}payload", "") == payload
    assert stanza.findtext("thread", "") == thread
    assert stanza.get("id", "") == id
    assert stanza.get("to") == "romeo@localhost/'<&>"


def test_an_answer_is_neither_archived_nor_copied_to_other_devices():
    answer = envelope.build(
        sender="service",
        to="romeo@localhost",
        id="1",
        thread="",
        message_type="chat",
        namespace=OOB,
        envelope_type="cmd_a",
        envelope_action="cmd_a",
        payload="{}",
    )
    tags = [child.tag for child in ET.fromstring(answer)]
    assert tags[-2:] == ["{urn:xmpp:hints}no-store", "{urn:xmpp:hints}no-copy"]
