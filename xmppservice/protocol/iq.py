"""IQs and stanza errors (RFC 6120, 8)."""

from typing import NamedTuple
from xml.etree import ElementTree as ET

from xmppservice.protocol.jids import bare_jid
from xmppservice.protocol.namespaces import NS_ERRORS, NS_PING, NS_STREAM_DEFAULT
from xmppservice.protocol.xml import escape, escape_attribute, split


class StanzaError(Exception):
    """A refused request: its defined condition and error type.

    ``more`` is an application-specific condition, as XML.
    """

    def __init__(self, condition: str, type: str = "cancel", more: str = "") -> None:
        super().__init__(condition)
        self.condition, self.type, self.more = condition, type, more


class Request(NamedTuple):
    """A received IQ get or set; ``child`` is its payload, for ``protocol`` only."""

    type: str
    tag: str
    at: str  # the JID it was sent to
    to: str  # the same, bare and normalised
    sender: str  # full JID
    id: str
    node: str
    child: ET.Element


def is_iq(xml: ET.Element) -> bool:
    namespace, name = split(xml.tag)
    return name == "iq" and namespace in NS_STREAM_DEFAULT


def build(type: str, *, sender: str, to: str, id: str, payload: str) -> str:
    """An IQ; an empty ``to`` means the account of the stream (RFC 6120, 8.1.1.1)."""
    address = f" to='{escape_attribute(to)}'" if to else ""
    return (
        f"<iq type='{type}' from='{escape_attribute(sender)}'{address}"
        f" id='{escape_attribute(id)}'>{payload}</iq>"
    )


def request(iq: ET.Element, service: str) -> Request:
    """Parse an IQ get or set; without an address it is for ``service``.

    Raises StanzaError.
    """
    tag = payload_tag(iq)
    if tag is None:
        raise StanzaError("bad-request", "modify")
    return Request(
        type=iq.get("type", ""),
        tag=tag,
        at=iq.get("to", service),
        to=bare_jid(iq.get("to", service)) or "",
        sender=iq.get("from", ""),
        id=iq.get("id", ""),
        node=iq[0].get("node", ""),
        child=iq[0],
    )


def error(condition: str, error_type: str = "cancel", more: str = "") -> str:
    """A stanza error (RFC 6120, 8.3)."""
    defined = f"<{condition} xmlns='{NS_ERRORS}'/>"
    return f"<error type='{error_type}'>{defined}{more}</error>"


def redirect(uri: str, more: str) -> str:
    """A stanza error that says where else to send (RFC 6120, 8.3.3.14)."""
    condition = f"<redirect xmlns='{NS_ERRORS}'>{escape(uri)}</redirect>"
    return f"<error type='modify'>{condition}{more}</error>"


def text(sentence: str) -> str:
    """A sentence for people, in a stanza error."""
    return f"<text xmlns='{NS_ERRORS}' xml:lang='en'>{escape(sentence)}</text>"


def message_error(*, sender: str, to: str, id: str, error: str) -> str:
    addresses = f"from='{escape_attribute(sender)}' to='{escape_attribute(to)}'"
    return (
        f"<message type='error' {addresses}"
        f" id='{escape_attribute(id)}'>{error}</message>"
    )


def ping() -> str:
    return f"<ping xmlns='{NS_PING}'/>"


def payload(iq: ET.Element) -> str:
    """Return the first child of an IQ as text; empty without a child."""
    return ET.tostring(iq[0], encoding="unicode") if len(iq) else ""


def payload_tag(iq: ET.Element) -> str | None:
    """Return the tag of an IQ request's only child, or None when it is malformed.

    Source: RFC 6120, 8.2.3: a request has exactly one child element.
    """
    return iq[0].tag if len(iq) == 1 else None


def condition(stanza: ET.Element) -> str:
    """Return the defined condition of a stanza error; empty without one."""
    for child in stanza.iter():
        namespace, name = split(child.tag)
        if namespace == NS_ERRORS and name != "text":
            return name
    return ""


def error_text(stanza: ET.Element) -> str:
    """Return the descriptive text of a stanza error; empty without one."""
    return next((text.text or "" for text in stanza.iter(f"{{{NS_ERRORS}}}text")), "")
