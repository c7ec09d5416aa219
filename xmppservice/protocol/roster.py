"""Rosters (RFC 6121, 2) and the privilege to manage them (XEP-0356)."""

from collections.abc import Iterable
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from xmppservice.protocol.namespaces import NS_PRIVILEGE, NS_ROSTER
from xmppservice.protocol.xml import escape, escape_attribute


@dataclass(frozen=True, slots=True)
class RosterItem:
    """A contact on a roster (RFC 6121, 2.1.2); ``groups`` in the roster's order."""

    jid: str
    name: str = ""
    groups: tuple[str, ...] = ()
    subscription: str = "none"


def get() -> str:
    return f"<query xmlns='{NS_ROSTER}'/>"


def set_item(jid: str, name: str = "", groups: Iterable[str] = ()) -> str:
    """A roster set of one item, without ``subscription``, which the server manages."""
    named = f" name='{escape_attribute(name)}'" if name else ""
    inside = "".join(f"<group>{escape(group)}</group>" for group in groups)
    item = f"<item jid='{escape_attribute(jid)}'{named}>{inside}</item>"
    return f"<query xmlns='{NS_ROSTER}'>{item}</query>"


def no_request() -> str:
    """A wrapper for a privileged request (XEP-0356, 6) that wraps none."""
    return f"<privileged_iq xmlns='{NS_PRIVILEGE[0]}'/>"


def items_of(payload: str) -> list[RosterItem]:
    """Return the items of a roster result; an empty payload has no items."""
    if not payload:
        return []
    query = ET.fromstring(payload)  # noqa: S314  (from our own XMPP server)
    return [
        RosterItem(
            jid=item.get("jid", ""),
            name=item.get("name", ""),
            subscription=item.get("subscription", "none"),
            groups=tuple(
                group.text
                for group in item.iterfind(f"{{{NS_ROSTER}}}group")
                if group.text
            ),
        )
        for item in query.iterfind(f"{{{NS_ROSTER}}}item")
    ]


def privileges(message: ET.Element) -> dict[str, str] | None:
    """Return the privileges granted to us (XEP-0356, "Server Advertises Entity...").

    ``access`` → ``type``, for example ``{"roster": "both"}``; None when the message
    is not an advertisement. Prosody and ejabberd use different namespaces.
    """
    for namespace in NS_PRIVILEGE:
        result = message.find(f"{{{namespace}}}privilege")
        if result is not None:
            return {
                perm.get("access", ""): perm.get("type", "")
                for perm in result.iter(f"{{{namespace}}}perm")
            }
    return None
