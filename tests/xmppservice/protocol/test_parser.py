"""The parser returns whole stanzas, whatever they contain."""

import tracemalloc
from xml.etree import ElementTree as ET

import pytest

from xmppservice.protocol.parser import StanzaParser

STREAM = b"<stream xmlns='jabber:component:accept'>"
STANZA = "<message id='&gt;'><x xmlns='a}b'>ciào &amp; > &lt;</x></message>".encode()


def ended(parser: StanzaParser) -> list[ET.Element]:
    return [element for kind, element in parser.read_events() if kind == "end"]


@pytest.mark.parametrize("place", range(len(STANZA) + 1))
def test_a_split_stanza_is_complete_with_its_last_byte(place: int):
    parser = StanzaParser()
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
    parser = StanzaParser()
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


XML = "http://www.w3.org/XML/1998/namespace"


@pytest.mark.parametrize(
    ("xml", "tags"),
    [
        (f"<x xmlns='{XML}'><y/></x>", [f"{{{XML}}}x", f"{{{XML}}}y"]),
        ("<xml:x xml:y=''/>", [f"{{{XML}}}x"]),
        (
            "<x xmlns='http://www.w3.org/2000/xmlns/'/>",
            ["{http://www.w3.org/2000/xmlns/}x"],
        ),
        ("<p:x xmlns:p='a' xmlns='b'><y/><p:z/></p:x>", ["{a}x", "{b}y", "{a}z"]),
        ("<p:x xmlns:p='a'><p:y xmlns:p='b'/><p:z/></p:x>", ["{a}x", "{b}y", "{a}z"]),
        ("<x xmlns=''><y/></x>", ["x", "y"]),
        ("<x/>", ["{jabber:component:accept}x"]),
    ],
)
def test_an_element_may_be_in_any_namespace(xml: str, tags: list[str]):
    """Prosody writes an ``xml:x`` with a declaration that XML forbids."""
    parser = StanzaParser()
    parser.feed(STREAM + f"<message>{xml}</message>".encode() * 2)

    for message in ended(parser):
        assert message.tag == "{jabber:component:accept}message"
        assert [element.tag for element in message.iter()][1:] == tags


def test_attributes_have_the_namespace_of_their_prefix():
    parser = StanzaParser()
    parser.feed(STREAM + b"<x xmlns:p='a' p:b='1' c='2' xml:lang='it'/>")
    (stanza,) = ended(parser)
    assert stanza.attrib == {"{a}b": "1", "c": "2", f"{{{XML}}}lang": "it"}


def test_invalid_xml_raises_a_parse_error():
    parser = StanzaParser()
    parser.feed(STREAM + b"<a></b>")
    with pytest.raises(ET.ParseError, match="mismatched tag"):
        list(parser.read_events())
