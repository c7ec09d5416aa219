"""Shapes: what is read from XML, and what is written."""

import tracemalloc
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xmppservice.protocol import iq as stanzas

OOB = "jabber:x:oob"


def message(x: str, attributes: str = "type='chat' id='1'") -> ET.Element:
    xmlns = "xmlns='jabber:component:accept'"
    return ET.fromstring(f"<message {xmlns} {attributes}>{x}</message>")


def test_the_fields_of_a_command():
    x = (
        f"<thread>t</thread><x xmlns='{OOB}'><type>cmd_a</type>"
        "<action>cmd_a</action><payload>{}</payload></x>"
    )
    assert stanzas.command(message(x)) == {
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
    fields = stanzas.command(message(f"<x xmlns='{OOB}'><type>cmd_a</type></x>", ""))
    assert fields is not None
    assert (fields["message_type"], fields["id"], fields["payload"]) == (
        "normal",
        "",
        "",
    )


def test_two_different_words_leave_the_command_empty():
    x = f"<x xmlns='{OOB}'><type>cmd_a</type><action>cmd_b</action></x>"
    fields = stanzas.command(message(x))
    assert fields is not None
    assert fields["command"] == ""
    assert (fields["envelope_type"], fields["envelope_action"]) == ("cmd_a", "cmd_b")


def test_the_envelope_may_stand_beside_another_x():
    x = f"<x xmlns='{OOB}'><url>u</url></x><x xmlns='{OOB}'><action>cmd_a</action></x>"
    fields = stanzas.command(message(x))
    assert fields is not None
    assert fields["command"] == "cmd_a"


@pytest.mark.parametrize("name", ["id", "thread", "type", "xmlns"])
def test_a_field_too_long_is_oversized(name: str):
    long = "x" * (stanzas.LONGEST_FIELD + 1)
    values = {"id": "1", "thread": "", "type": "cmd_a", "xmlns": OOB, name: long}
    values["type"] = f"cmd_{values['type']}"
    stanza = message(
        f"<thread>{values['thread']}</thread>"
        f"<x xmlns='{values['xmlns']}'><type>{values['type']}</type></x>",
        f"id='{values['id']}'",
    )
    with pytest.raises(stanzas.Oversized):
        stanzas.command(stanza)


texts = st.text(st.characters(codec="utf-8")).filter(lambda t: not stanzas.illegal(t))


@given(payload=texts, thread=texts, id=texts)
def test_an_answer_is_read_back_as_it_was_written(payload, thread, id):
    xml = stanzas.answer(
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


def test_quotes_in_text_are_not_escaped():
    assert stanzas.vcard('{"a":"<&>"}') == (
        '<vCard xmlns=\'vcard-temp\'><DESC>{"a":"&lt;&amp;&gt;"}</DESC></vCard>'
    )


@pytest.mark.parametrize("bad", ["\0", "\x0b", "\x1f", "\ud800", "\ufffe", "\uffff"])
def test_what_xml_cannot_carry_is_found(bad: str):
    assert stanzas.illegal(f"a{bad}b") == bad


@pytest.mark.parametrize("good", ["", "\t\n\r", "\x7f\x85", "\ufffd", "🎉"])
def test_what_xml_can_carry_is_not(good: str):
    assert stanzas.illegal(good) == ""


@pytest.mark.parametrize(
    ("text", "bare"),
    [
        ("Romeo@LOCALHOST/Balcony", "romeo@localhost"),
        ("localhost", "localhost"),
        ("", None),
        ("@localhost", None),
        ("two words@localhost", None),
        ("a@b@c", None),
        ("\ud800@localhost", None),
    ],
)
def test_bare_jid(text: str, bare: str | None):
    assert stanzas.bare_jid(text) == bare


def test_parts_of_a_jid():
    assert stanzas.local("romeo@localhost") == "romeo"
    assert stanzas.domain("romeo@localhost") == "localhost"
    assert stanzas.domain("romeo@localhost/a phone @ home/2") == "localhost"
    assert (stanzas.local("localhost"), stanzas.domain("localhost")) == (
        "",
        "localhost",
    )


def test_an_alias_is_the_same_each_time_and_no_number():
    alias = stanzas.alias("00393471111111@localhost/phone")

    assert alias == stanzas.alias("00393471111111@localhost")
    assert alias != stanzas.alias("00393472222222@localhost")
    assert alias.endswith("@localhost")
    assert "3471111111" not in alias


def test_roster_entries_of_what_roster_set_writes():
    payload = stanzas.roster_set("liam@localhost", "L'<i>", ["a&b", "c"])
    assert stanzas.roster_entries(payload) == [
        stanzas.RosterEntry("liam@localhost", "L'<i>", "none", ("a&b", "c"))
    ]
    assert stanzas.roster_entries("") == []


@pytest.mark.parametrize("namespace", stanzas.NS_PRIVILEGE)
def test_privileges_in_both_namespaces(namespace: str):
    perm = "<perm access='roster' type='both'/>"
    stanza = message(f"<privilege xmlns='{namespace}'>{perm}</privilege>")
    assert stanzas.privileges(stanza) == {"roster": "both"}
    assert stanzas.privileges(message("<body/>")) is None


def test_condition_of_an_error():
    xml = f"<iq type='error'>{stanzas.error('not-allowed')}</iq>"
    assert stanzas.condition(ET.fromstring(xml)) == "not-allowed"
    assert stanzas.condition(ET.fromstring("<iq/>")) == ""


def test_a_request_has_one_child():
    assert stanzas.payload_tag(ET.fromstring("<iq><a xmlns='n'/></iq>")) == "{n}a"
    assert stanzas.payload_tag(ET.fromstring("<iq/>")) is None
    assert stanzas.payload_tag(ET.fromstring("<iq><a/><b/></iq>")) is None


def test_a_request_that_asks_nothing_is_a_bad_one():
    with pytest.raises(stanzas.Refused) as caught:
        stanzas.request(ET.fromstring("<iq type='get'/>"), "service.localhost")
    assert (caught.value.condition, caught.value.type) == ("bad-request", "modify")


STREAM = b"<stream xmlns='jabber:component:accept'>"
STANZA = "<message id='&gt;'><x xmlns='a}b'>ciào &amp; > &lt;</x></message>".encode()


def ended(parser: stanzas.Parser) -> list[ET.Element]:
    return [element for kind, element in parser.read_events() if kind == "end"]


@pytest.mark.parametrize("place", range(len(STANZA) + 1))
def test_a_stanza_in_two_pieces_is_whole_with_its_last_byte(place: int):
    parser = stanzas.Parser()
    parser.feed(STREAM + STANZA[:place])
    parser.feed(STANZA[place:])

    (message,) = ended(parser)
    (child,) = message
    assert message.tag == "{jabber:component:accept}message"
    assert (child.tag, child.text) == ("{a}b}x", "ciào & > <")


HEADERS = [
    STREAM,
    b"<?xml version='1.0'?>\n"
    b"<stream:stream xmlns:stream='http://etherx.jabber.org/streams' id='a>b'"
    b' xmlns="jabber:component:accept">',
]


@pytest.mark.parametrize("header", HEADERS)
def test_names_that_clients_choose_are_not_kept(header: bytes):
    parser = stanzas.Parser()
    parser.feed(header[:30])
    parser.feed(header[30:])
    (root,) = [element for _, element in parser.read_events()]
    tracemalloc.start()

    for place in range(30):
        name = "ā" * 50_000 + str(place)
        other = f"<x xmlns='{name}' {name}=''><{name}/></x>"
        parser.feed(f"<message>{other}</message>".encode())
        (message,) = ended(parser)
        assert message.tag == "{jabber:component:accept}message"
        assert len(message[0]) == 1
        root.clear()
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept < 2_000_000
    parser.feed(b"</stream:stream>" if b"stream:" in header else b"</stream>")
    assert ended(parser) == [root]


def test_what_is_no_xml_is_a_parse_error():
    parser = stanzas.Parser()
    parser.feed(STREAM + b"<a></b>")
    with pytest.raises(ET.ParseError, match="mismatched tag"):
        list(parser.read_events())


@pytest.mark.parametrize("text", ["u\u1d2cx@localhost", "\u1d2c@localhost"])
def test_a_jid_that_does_not_settle_is_none(text: str):
    assert stanzas.jid(text) is None


@pytest.mark.parametrize(
    ("text", "local"),
    [
        ("Liam", "liam"),
        ("d'artagnan", r"d\27artagnan"),
        ('a b"c&d/e:f<g>h@i', r"a\20b\22c\26d\2fe\3af\3cg\3eh\40i"),
        (r"c\user", r"c\user"),
        (r"c\20", r"c\5c20"),
        (" a", ""),
        ("a ", ""),
        ("", ""),
        ("a\nb", ""),
        ("x" * 1024, ""),
    ],
)
def test_an_address_as_a_localpart(text, local):
    assert stanzas.localpart(text) == local


def test_a_list_ends_before_a_stanza_is_too_long():
    items = [stanzas.Item("à" * 500 + "@b") for _ in range(500)]
    written = stanzas.disco_items("", items)
    assert len(written.encode()) > stanzas.LONGEST_LIST - 2000
    assert len(written.encode()) < stanzas.LONGEST_LIST + 200
    assert len(ET.fromstring(written)) == written.count("<item ")


def test_presence_names_the_document():
    xml = stanzas.available(sender="s", to="r'@l", digest=stanzas.digest("{}"))
    presence = ET.fromstring(xml)
    assert presence.get("to") == "r'@l"
    assert presence.get("type") is None
    photo = presence.findtext("{vcard-temp:x:update}x/{vcard-temp:x:update}photo")
    assert photo == "bf21a9e8fbc5a3846fb05b4fa0859e0917b2202f"


def test_presence_before_the_document_is_known_names_none():
    (_, update) = ET.fromstring(stanzas.own_presence(""))
    assert update.tag == "{vcard-temp:x:update}x"
    assert list(update) == []
