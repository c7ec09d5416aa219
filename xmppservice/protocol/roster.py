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


@dataclass(frozen=True, slots=True)
class Roster:
    """A roster; ``version`` is empty unless a write can name it (RFC 6121, 2.6)."""

    items: list[RosterItem]
    version: str = ""


def get() -> str:
    return f"<query xmlns='{NS_ROSTER}'/>"


def set_item(jid: str, name: str = "", groups: Iterable[str] = ()) -> str:
    """A roster set of one item, without ``subscription``, which the server manages."""
    return f"<query xmlns='{NS_ROSTER}'>{item_of(jid, name, groups)}</query>"


def item_of(jid: str, name: str, groups: Iterable[str]) -> str:
    """An ``item`` of a roster set."""
    named = f" name='{escape_attribute(name)}'" if name else ""
    inside = "".join(f"<group>{escape(group)}</group>" for group in groups)
    return f"<item jid='{escape_attribute(jid)}'{named}>{inside}</item>"


def no_request() -> str:
    """A wrapper for a privileged request (XEP-0356, 6) that wraps none."""
    return f"<privileged_iq xmlns='{NS_PRIVILEGE[0]}'/>"


def items_of(payload: str) -> list[RosterItem]:
    """Return the items of a roster result; an empty payload has no items."""
    if not payload:
        return []
    query = ET.fromstring(payload)  # noqa: S314  (from our own XMPP server)
    return items_in(query, NS_ROSTER)


def items_in(parent: ET.Element, namespace: str) -> list[RosterItem]:
    """Return the roster items that ``parent`` holds."""
    return [
        RosterItem(
            jid=item.get("jid", ""),
            name=item.get("name", ""),
            subscription=item.get("subscription", "none"),
            groups=tuple(
                group.text
                for group in item.iterfind(f"{{{namespace}}}group")
                if group.text
            ),
        )
        for item in parent.iterfind(f"{{{namespace}}}item")
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
