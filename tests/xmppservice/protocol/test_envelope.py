"""Parsing commands from messages, and building answers."""

from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xmppservice.protocol import envelope
from xmppservice.protocol.envelope import Oversized
from xmppservice.protocol.namespaces import MAX_FIELD
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

    # XML reads every line end as \n (XML 1.0, 2.11); an attribute keeps them.
    lines = str.maketrans({"\r": "\n"})
    read = stanza.findtext(f"{{{OOB}}}x/{{{OOB}}}payload", "")
    assert read == payload.replace("\r\n", "\n").translate(lines)
    assert stanza.get("id", "") == id
    assert stanza.get("to") == "romeo@localhost/'<&>"
