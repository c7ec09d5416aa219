"""Service discovery (XEP-0030)."""

from collections.abc import Iterable
from typing import NamedTuple
from xml.etree import ElementTree as ET

from xmppservice.protocol.namespaces import MAX_LIST_BYTES, NS_INFO, NS_ITEMS
from xmppservice.protocol.xml import escape_attribute, up_to


class Item(NamedTuple):
    """An ``item`` of disco#items; an empty name or node is left out."""

    jid: str
    name: str = ""
    node: str = ""


def info(
    node: str, category: str, type: str, name: str, features: Iterable[str], more: str
) -> str:
    """An entity's identity and features; ``more`` is a data form, or empty."""
    named = f" name='{escape_attribute(name)}'" if name else ""
    identity = f"<identity category='{category}' type='{type}'{named}/>"
    supported = "".join(f"<feature var='{feature}'/>" for feature in features)
    return f"<query xmlns='{NS_INFO}'{_node(node)}>{identity}{supported}{more}</query>"


def info_request() -> str:
    return f"<query xmlns='{NS_INFO}'/>"


def features(payload: str) -> set[str]:
    """Return the features of an entity; an empty payload has none."""
    if not payload:
        return set()
    query = ET.fromstring(payload)  # noqa: S314  (from our own XMPP server)
    return {one.get("var", "") for one in query.iterfind(f"{{{NS_INFO}}}feature")}


def items(node: str, items: Iterable[Item]) -> str:
    """A list of entities in their order, cut off at MAX_LIST_BYTES."""
    written = "".join(up_to(MAX_LIST_BYTES, map(_item, items)))
    return f"<query xmlns='{NS_ITEMS}'{_node(node)}>{written}</query>"


def _item(item: Item) -> str:
    named = f" name='{escape_attribute(item.name)}'" if item.name else ""
    return f"<item jid='{escape_attribute(item.jid)}'{_node(item.node)}{named}/>"


def _node(node: str) -> str:
    return f" node='{escape_attribute(node)}'" if node else ""
