"""The envelope of commands and answers (contract, section 2)."""

from xml.etree import ElementTree as ET

from xmppservice.protocol.namespaces import MAX_FIELD, NS_STREAM_DEFAULT, NS_UPDATE
from xmppservice.protocol.xml import escape, escape_attribute, sibling, split

# An ``x`` in one of these namespaces belongs to another protocol.
NS_FOREIGN = frozenset(
    {
        "jabber:x:data",
        "jabber:x:conference",
        "jabber:x:delay",
        "jabber:x:encrypted",
        "jabber:x:event",
        "jabber:x:expire",
        "jabber:x:roster",
        "jabber:x:signed",
        "http://jabber.org/protocol/muc",
        "http://jabber.org/protocol/muc#user",
        "http://jabber.org/protocol/rosterx",
        NS_UPDATE,
    }
)
COPIES = frozenset(
    {
        "{urn:xmpp:carbons:2}received",
        "{urn:xmpp:carbons:2}sent",
        "{urn:xmpp:mam:2}result",
        "{urn:xmpp:mam:1}result",
        "{urn:xmpp:forward:0}forwarded",
    }
)


class Oversized(ValueError):
    """A field of the envelope is too long to be repeated in an answer."""


def parse(message: ET.Element) -> dict[str, str] | None:
    """Return the fields of the command in a message, or None without a command.

    The keys are those of ``events.Message`` except ``sender`` and ``owner``.
    ``command`` is empty when the envelope names two different commands.

    Raises Oversized.
    """
    if message.get("type", "normal") not in ("chat", "normal", "headline"):
        return None
    if any(child.tag in COPIES for child in message):
        return None
    for child in message:
        if fields := _envelope(child):
            return _bounded({**_addressing(message), **fields})
    return None


def _addressing(message: ET.Element) -> dict[str, str]:
    return {
        "id": message.get("id", ""),
        "thread": message.findtext(sibling(message, "thread"), default=""),
        "message_type": message.get("type", "normal"),
    }


def _envelope(x: ET.Element) -> dict[str, str] | None:
    namespace, name = split(x.tag)
    if name != "x" or namespace in NS_FOREIGN:
        return None
    parts = {
        part: (_child_text(x, namespace, part))
        for part in ("type", "action", "payload")
    }
    words = {
        word
        for word in (parts["type"].strip(), parts["action"].strip())
        if word.startswith("cmd_")
    }
    if not words:
        return None
    command = words.pop() if len(words) == 1 else ""
    return {
        "namespace": "" if namespace in NS_STREAM_DEFAULT else namespace,
        "envelope_type": parts["type"] or command,
        "envelope_action": parts["action"] or command,
        "command": command,
        "payload": parts["payload"],
    }


def _child_text(x: ET.Element, namespace: str, part: str) -> str:
    for candidate in (namespace, "", *NS_STREAM_DEFAULT):
        child = x.find(f"{{{candidate}}}{part}" if candidate else part)
        if child is not None:
            return "".join(child.itertext())
    return ""


def _bounded(fields: dict[str, str]) -> dict[str, str]:
    for name, value in fields.items():
        if name != "payload" and len(value) > MAX_FIELD:
            raise Oversized(f"{name}: {len(value)} characters, {MAX_FIELD} allowed")
    return fields


def build(
    *,
    sender: str,
    to: str,
    id: str,
    thread: str,
    message_type: str,
    namespace: str,
    envelope_type: str,
    envelope_action: str,
    payload: str,
) -> str:
    """A message of the service: they all have this form (contract, section 2)."""
    xmlns = f" xmlns='{escape_attribute(namespace)}'" if namespace else ""
    stanza_id = f" id='{escape_attribute(id)}'" if id else ""
    in_thread = f"<thread>{escape(thread)}</thread>" if thread else ""
    return (
        f"<message from='{escape_attribute(sender)}' to='{escape_attribute(to)}'"
        f"{stanza_id} type='{escape_attribute(message_type)}'><body/>{in_thread}"
        f"<x{xmlns}><type>{escape(envelope_type)}</type>"
        f"<action>{escape(envelope_action)}</action>"
        f"<payload>{escape(payload)}</payload></x></message>"
    )
