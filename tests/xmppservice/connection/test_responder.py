"""What a component answers to each stanza, tested without an XMPP server."""

from xml.etree import ElementTree as ET

import pytest

from roster.commands import adhoc
from tests.service import COMPONENT as SERVICE
from xmppservice.connection import events, responder
from xmppservice.connection.component import ComponentStream
from xmppservice.connection.events import OVERLOADED, CatalogueEntry
from xmppservice.protocol.namespaces import MAX_FIELD, MAX_ID_BYTES
from xmppservice.protocol.parser import StanzaParser

ROMEO = "romeo@localhost/orchard"
SEARCH = "<x xmlns='urn:o'><type>cmd_search_users</type></x>"
ERRORS = "{urn:ietf:params:xml:ns:xmpp-stanzas}"


def channel(address: str, to: str, thread: str = "") -> CatalogueEntry:
    return CatalogueEntry(address, "", False, address, to, thread, "", "", "", b"")


CHANNELS = [
    channel("liam", "liam"),
    channel("atm_milano", "myticket", "atm_milano"),
    channel("far", "bot@elsewhere.example/a b"),
    channel("nowhere", ""),
    CatalogueEntry("group", "", True, "", "", "", "", "", "", b""),
]


class Component:
    """A component that is not connected; it keeps what it sends and takes."""

    def __init__(self) -> None:
        domains = ["localhost", "verona.example"]
        self.stream = ComponentStream(SERVICE, "s", ("127.0.0.1", 1), domains, adhoc)
        self.sent: list[str] = []
        self.taken: list[dict[str, str]] = []
        self.stream.xmpp.send_raw = lambda xml: self.sent.append(
            xml if isinstance(xml, str) else xml.decode()
        )
        self.stream.on_message = lambda fields: not self.taken.append(fields)
        self.stream.publish(1, '{"items":[]}', CHANNELS)

    def receive(
        self,
        name: str,
        inside: str = "",
        *,
        to: str = SERVICE,
        sender: str = ROMEO,
        **attributes: str,
    ) -> list[ET.Element]:
        """Return the answers to a stanza."""
        self.sent.clear()
        xml = ET.fromstring(
            f"<{name} xmlns='jabber:component:accept'>{inside}</{name}>"
        )
        xml.attrib.update(attributes, to=to, **{"from": sender})
        self.stream.xmpp._spawn_event(xml)
        return [ET.fromstring(text) for text in self.sent]


@pytest.fixture
async def component() -> Component:
    return Component()  # slixmpp makes a loop of its own if none is running


def error(stanza: ET.Element) -> tuple[str, str, str]:
    """Return the type and condition of a stanza error, and the condition's text."""
    found = stanza.find("error")
    assert found is not None
    assert stanza.get("type") == "error"
    return found.get("type", ""), found[0].tag.removeprefix(ERRORS), found[0].text or ""


# --- Long ids -------------------------------------------------------------------

PAYLOADS = ["<vCard xmlns='vcard-temp'/>", "<ping xmlns='urn:xmpp:ping'/>", "<a/>", ""]
LONG_IDS = ["x" * (MAX_FIELD + 1), "&" * 40_000, "'\n\r" * 10_000, "é" * 100_000]


@pytest.mark.parametrize("payload", PAYLOADS)
@pytest.mark.parametrize("id", LONG_IDS, ids=lambda id: id[:3])
@pytest.mark.parametrize("to", [SERVICE, f"liam@{SERVICE}"])
def test_a_request_with_a_long_id_is_refused_with_that_id(component, payload, id, to):
    for type in ("get", "set"):
        (answer,) = component.receive("iq", payload, to=to, type=type, id=id)
        assert error(answer) == ("modify", "not-acceptable", "")
        assert answer.attrib == {"type": "error", "id": id, "from": to, "to": ROMEO}


@pytest.mark.parametrize("type", ["result", "error"])
def test_a_response_with_a_long_id_is_dropped(component, type):
    for payload in PAYLOADS:
        assert component.receive("iq", payload, type=type, id=LONG_IDS[0]) == []


@pytest.mark.parametrize(
    "id", ["x" * (MAX_ID_BYTES + 1), "&" * 40_001, "é" * 100_001], ids=["x", "&", "é"]
)
def test_an_id_that_would_end_the_stream_is_not_repeated(component, id, caplog):
    assert component.receive("iq", PAYLOADS[0], type="get", id=id) == []
    assert f"{len(id)} characters of id" in caplog.text
    assert "dropped an iq of" in caplog.text
    assert component.receive("message", SEARCH, type="chat", id=id) == []
    assert component.receive("message", "<body>Ciao</body>", id=id) == []
    assert not component.taken


def test_long_ids_are_not_repeated_while_the_server_reads_too_slowly(
    component, monkeypatch
):
    monkeypatch.setattr(responder, "MAX_UNWRITTEN_BYTES", -1)
    assert component.receive("iq", PAYLOADS[0], type="get", id=LONG_IDS[0]) == []
    assert component.receive("message", "<body>Ciao</body>", id=LONG_IDS[0]) == []
    (answer,) = component.receive("iq", PAYLOADS[0], type="get", id="short")
    assert error(answer)[:2] == ("wait", "resource-constraint")


def test_a_command_without_room_is_refused_with_what_to_do(component):
    component.stream.on_message = lambda fields: False
    (answer,) = component.receive("message", SEARCH, type="chat", id="one")
    assert error(answer)[:2] == ("wait", "resource-constraint")
    assert answer.findtext("error/{*}text") == OVERLOADED


@pytest.mark.parametrize("id", LONG_IDS, ids=lambda id: id[:3])
def test_a_command_with_a_long_id_is_refused_with_that_id(component, id):
    (answer,) = component.receive("message", SEARCH, type="chat", id=id)
    assert error(answer) == ("modify", "not-acceptable", "")
    assert answer.get("id") == id


@pytest.mark.parametrize("name", ["xml:x", "x xmlns='http://www.w3.org/2000/xmlns/'"])
def test_a_command_that_no_answer_can_repeat_is_none(component, name):
    """An answer in a namespace of XML itself would end the stream, again and again."""
    parser = StanzaParser()
    tag = name.partition(" ")[0]
    command = f"<{name}><type>cmd_search_users</type></{tag}>"
    stream = "<stream xmlns='jabber:component:accept'>"
    parser.feed(f"{stream}<message from='{ROMEO}' to='{SERVICE}'>{command}".encode())
    parser.feed(b"</message>")
    (message,) = [xml for kind, xml in parser.read_events() if kind == "end"]

    component.stream.responder.message(message)

    assert (component.taken, component.sent) == ([], [])


# --- Malformed requests ---------------------------------------------------------


@pytest.mark.parametrize("type", ["get", "set"])
@pytest.mark.parametrize("to", [SERVICE, f"{SERVICE}/any", f"liam@{SERVICE}"])
@pytest.mark.parametrize("payload", PAYLOADS)
def test_a_request_of_several_things_is_refused_once(component, type, to, payload):
    for inside in (payload + "<b/>", "<b/>" + payload, payload * 2):
        if len(ET.fromstring(f"<iq>{inside}</iq>")) > 1:
            (answer,) = component.receive("iq", inside, to=to, type=type, id="one")
            assert error(answer) == ("modify", "bad-request", "")


# --- Texts ----------------------------------------------------------------------

TEXT = "<body>Ciao</body>"
SENTENCE = "This address takes commands of apps only. Nobody reads texts sent to it."


@pytest.mark.parametrize("type", ["chat", "normal"])
@pytest.mark.parametrize("to", [SERVICE, f"{SERVICE}/any"])
def test_a_text_to_the_service_is_refused_with_a_sentence(component, type, to):
    (answer,) = component.receive("message", TEXT, to=to, type=type, id="one")
    assert error(answer) == ("cancel", "service-unavailable", "")
    assert answer.findtext(f"error/{ERRORS}text") == SENTENCE
    assert (answer.get("from"), answer.get("to")) == (SERVICE, ROMEO)
    assert answer.get("id") == "one"


@pytest.mark.parametrize(
    ("to", "sender", "uri"),
    [
        ("liam@{}", ROMEO, "xmpp:liam@localhost?message"),
        ("Liam@{}/any", ROMEO, "xmpp:liam@localhost?message"),
        ("liam@{}", "juliet@verona.example/b", "xmpp:liam@verona.example?message"),
        ("liam@{}", "paris@elsewhere.example", "xmpp:liam@localhost?message"),
        (
            "atm_milano@{}",
            ROMEO,
            "xmpp:myticket@localhost?message;thread=atm_milano",
        ),
        ("far@{}", ROMEO, "xmpp:bot@elsewhere.example/a%20b?message"),
    ],
)
def test_a_text_to_a_channels_own_jid_is_redirected(component, to, sender, uri):
    to = to.format(SERVICE)
    (answer,) = component.receive("message", TEXT, to=to, sender=sender)
    assert error(answer) == ("modify", "redirect", uri)
    assert answer.get("from") == to.partition("/")[0].lower()
    assert answer.get("to") == sender


@pytest.mark.parametrize("local", ["nobody", "group", "nowhere", "00393471111111"])
def test_a_text_to_another_jid_is_refused_whatever_the_jid(component, local):
    (answer,) = component.receive("message", TEXT, to=f"{local}@{SERVICE}")
    assert error(answer) == ("cancel", "item-not-found", "")


@pytest.mark.parametrize("to", [SERVICE, f"liam@{SERVICE}", f"nobody@{SERVICE}"])
@pytest.mark.parametrize(
    ("inside", "type"),
    [
        (TEXT, "error"),
        (TEXT, "headline"),
        (TEXT, "groupchat"),
        ("<body/>", "chat"),
        ("", "normal"),
        (f"{TEXT}<received xmlns='urn:xmpp:carbons:2'/>", "chat"),
        ("<composing xmlns='http://jabber.org/protocol/chatstates'/>", "chat"),
        ("<received xmlns='urn:xmpp:receipts' id='a'/>", "chat"),
    ],
)
def test_no_other_message_is_answered_with_an_error(component, to, inside, type):
    assert component.receive("message", inside, to=to, type=type) == []
    assert not component.taken


def test_a_message_of_the_service_itself_is_never_answered(component):
    assert component.receive("message", TEXT, sender=SERVICE) == []
    assert component.receive("message", TEXT, sender=f"{SERVICE}/a") == []


def test_texts_are_dropped_while_the_server_reads_too_slowly(component, monkeypatch):
    """An error is longer than most texts: a flood of them would fill our memory."""
    monkeypatch.setattr(responder, "MAX_UNWRITTEN_BYTES", -1)
    for to in (SERVICE, f"liam@{SERVICE}"):
        assert component.receive("message", TEXT, to=to, id="one") == []


def test_a_command_with_a_text_is_a_command(component):
    assert component.receive("message", TEXT + SEARCH, type="chat") == []
    (fields,) = component.taken
    assert fields["command"] == "cmd_search_users"


# --- Presence -------------------------------------------------------------------


@pytest.mark.parametrize("local", ["liam", "nobody", "group"])
def test_a_subscription_to_another_jid_is_refused(component, local):
    to = f"{local}@{SERVICE}"
    (answer,) = component.receive("presence", to=f"{to}/any", type="subscribe")
    assert answer.tag == "presence"
    assert answer.attrib == {"type": "unsubscribed", "from": to, "to": ROMEO}


@pytest.mark.parametrize(
    "type",
    ["probe", "unsubscribe", "unsubscribed", "subscribed", "error", "unavailable"],
)
def test_other_presence_to_another_jid_is_ignored(component, type):
    told: list[str] = []
    component.stream.on_subscription = lambda jid, number: told.append(jid)
    assert component.receive("presence", to=f"liam@{SERVICE}", type=type) == []
    assert told == []


# --- Receipts, and carriage returns -----------------------------------------------


def test_a_receipt_goes_to_the_device_that_sent_the_command(component):
    request = "<request xmlns='urn:xmpp:receipts'/>"
    component.receive("message", SEARCH + request, type="chat", id="o'ne")
    (fields,) = component.taken

    answer = events.receipt(events.message(fields))
    receipt = ET.fromstring(component.stream.responder.to_stanza(answer))

    assert receipt.attrib == {"from": SERVICE, "to": ROMEO, "type": "chat"}
    assert [(child.tag, child.attrib) for child in receipt] == [
        ("{urn:xmpp:receipts}received", {"id": "o'ne"}),
        ("{urn:xmpp:hints}no-store", {}),
        ("{urn:xmpp:hints}no-copy", {}),
    ]


@pytest.mark.parametrize("thread", ["a\rb", "\r", "\r\n", "a\r\r\n"])
def test_an_answer_repeats_a_carriage_return(component, thread):
    escaped = thread.replace("\r", "&#13;")
    component.receive("message", f"<thread>{escaped}</thread>{SEARCH}", type="chat")
    (fields,) = component.taken

    answer = events.answer(events.message(fields), "{}")
    xml = component.stream.responder.to_stanza(answer)

    assert ET.fromstring(xml).findtext("thread") == thread
