"""Messages: the envelope of commands and answers, receipts, texts.

Source: contract, sections 2 and 5.
"""

from xml.etree import ElementTree as ET

from xmppservice.protocol.namespaces import (
    MAX_FIELD,
    NS_HINTS,
    NS_RECEIPTS,
    NS_STREAM_DEFAULT,
    NS_UPDATE,
    NS_XML,
)
from xmppservice.protocol.xml import children, escape, escape_attribute, sibling, split

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
        # No document may declare these (Namespaces in XML 1.0, 3), so no answer can.
        NS_XML,
        "http://www.w3.org/2000/xmlns/",
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


# No archive keeps a message with these, and no other device gets a copy (XEP-0334).
HINTS = f"<no-store xmlns='{NS_HINTS}'/><no-copy xmlns='{NS_HINTS}'/>"


class Oversized(ValueError):
    """A field of the envelope is too long to be repeated in an answer."""


def parse(message: ET.Element) -> dict[str, str] | None:
    """Return the fields of the command in a message, or None without a command.

    The keys are those of ``events.Message`` except ``sender`` and ``owner``.
    ``command`` is empty when the message names several commands.

    Raises Oversized.
    """
    if _type(message) not in ("chat", "normal", "headline") or _is_copy(message):
        return None
    envelopes = [fields for child in message if (fields := _envelope(child))]
    if not envelopes:
        return None
    fields = {**_addressing(message), **envelopes[0]}
    return _bounded({**fields, "command": ""} if len(envelopes) > 1 else fields)


def is_text(message: ET.Element) -> bool:
    """Whether a message is one that a person has written."""
    if _type(message) not in ("chat", "normal") or _is_copy(message):
        return False
    bodies = children(message, sibling(message, "body"))
    return any((body.text or "").strip() for body in bodies)


def _type(message: ET.Element) -> str:
    return message.get("type", "normal")


def _is_copy(message: ET.Element) -> bool:
    return any(child.tag in COPIES for child in message)


def _addressing(message: ET.Element) -> dict[str, str]:
    fields = {
        "id": message.get("id", ""),
        "thread": message.findtext(sibling(message, "thread"), default=""),
        "message_type": _type(message),
    }
    # A receipt without an id would say nothing (XEP-0184, 5.4).
    if fields["id"] and message.find(f"{{{NS_RECEIPTS}}}request") is not None:
        fields["receipt"] = fields["id"]
    return fields


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
        for child in children(x, f"{{{candidate}}}{part}" if candidate else part):
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
    in_thread = f"<thread>{escape(thread)}</thread>" if thread else ""
    return (
        f"{_head(sender, to, id, message_type)}<body/>{in_thread}"
        f"<x{xmlns}><type>{escape(envelope_type)}</type>"
        f"<action>{escape(envelope_action)}</action>"
        f"<payload>{escape(payload)}</payload></x>{HINTS}</message>"
    )


def receipt(*, sender: str, to: str, message_type: str, id: str) -> str:
    """Say that the command ``id`` is stored (XEP-0184)."""
    received = f"<received xmlns='{NS_RECEIPTS}' id='{escape_attribute(id)}'/>"
    return f"{_head(sender, to, '', message_type)}{received}{HINTS}</message>"


def _head(sender: str, to: str, id: str, message_type: str) -> str:
    stanza_id = f" id='{escape_attribute(id)}'" if id else ""
    return (
        f"<message from='{escape_attribute(sender)}' to='{escape_attribute(to)}'"
        f"{stanza_id} type='{escape_attribute(message_type)}'>"
    )
