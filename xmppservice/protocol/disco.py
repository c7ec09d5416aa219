"""Service discovery, data forms and searches (XEP-0030, XEP-0004, XEP-0055)."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple
from xml.etree import ElementTree as ET

from xmppservice.protocol.namespaces import (
    MAX_LIST_BYTES,
    NS_FORM,
    NS_INFO,
    NS_ITEMS,
    NS_SEARCH,
)
from xmppservice.protocol.xml import escape, escape_attribute, split, up_to


class Item(NamedTuple):
    """An ``item`` of disco#items; without a name it has none."""

    jid: str
    name: str = ""
    node: str = ""


class Field(NamedTuple):
    """A field of a data form (XEP-0004, "The Field Element")."""

    var: str
    type: str
    label: str = ""
    values: tuple[str, ...] = ()
    required: bool = False


def info(
    node: str, category: str, type: str, name: str, features: Iterable[str], more: str
) -> str:
    """What an entity is and does; ``more`` is a data form, or empty."""
    named = f" name='{escape_attribute(name)}'" if name else ""
    identity = f"<identity category='{category}' type='{type}'{named}/>"
    can = "".join(f"<feature var='{feature}'/>" for feature in features)
    return f"<query xmlns='{NS_INFO}'{_node(node)}>{identity}{can}{more}</query>"


def items(node: str, items: Iterable[Item]) -> str:
    """A list of entities, in their order; its end is missing when it is too long."""
    written = "".join(up_to(MAX_LIST_BYTES, map(_item, items)))
    return f"<query xmlns='{NS_ITEMS}'{_node(node)}>{written}</query>"


def _item(item: Item) -> str:
    named = f" name='{escape_attribute(item.name)}'" if item.name else ""
    return f"<item jid='{escape_attribute(item.jid)}'{_node(item.node)}{named}/>"


def _node(node: str) -> str:
    return f" node='{escape_attribute(node)}'" if node else ""


def form(type: str, *fields: Field, title: str = "", instructions: str = "") -> str:
    """A data form of ``type`` ``form`` or ``result``."""
    heading = f"<title>{escape(title)}</title>" if title else ""
    guide = f"<instructions>{escape(instructions)}</instructions>"
    return (
        f"<x xmlns='{NS_FORM}' type='{type}'>{heading}{guide if instructions else ''}"
        f"{''.join(map(_field, fields))}</x>"
    )


def _field(field: Field) -> str:
    labelled = f" label='{escape_attribute(field.label)}'" if field.label else ""
    lines = (f"<value>{escape(value)}</value>" for value in field.values)
    values = "".join(up_to(MAX_LIST_BYTES, lines))
    required = "<required/>" if field.required else ""
    return (
        f"<field var='{escape_attribute(field.var)}' type='{field.type}'{labelled}>"
        f"{required}{values}</field>"
    )


def form_type(namespace: str) -> Field:
    """What a form is for (XEP-0068, "The FORM_TYPE Field")."""
    return Field("FORM_TYPE", "hidden", values=(namespace,))


def submitted(child: ET.Element) -> dict[str, list[str]] | None:
    """Values by field of the form in ``child``; None when no form was filled in."""
    result = child.find(f"{{{NS_FORM}}}x")
    if result is None or result.get("type") != "submit":
        return None
    return {
        field.get("var", ""): [
            value.text or "" for value in field.iterfind(f"{{{NS_FORM}}}value")
        ]
        for field in result.iterfind(f"{{{NS_FORM}}}field")
    }


def field_of(child: ET.Element, name: str) -> str | None:
    """Text of a field that stands in ``child`` without a form; None when not there."""
    return child.findtext(f"{{{split(child.tag)[0]}}}{name}")


def search_fields(instructions: str, field: Field) -> str:
    """What can be searched by, as a form and as the field that older clients know."""
    fields = form_type(NS_SEARCH), field
    return (
        f"<query xmlns='{NS_SEARCH}'><instructions>{escape(instructions)}"
        f"</instructions><{field.var}/>"
        f"{form('form', *fields, instructions=instructions)}</query>"
    )


def search_table(columns: Sequence[Field], rows: Iterable[Sequence[str]]) -> str:
    """What a search has found, for a client that sent a form."""
    heading = "".join(map(_field, columns))
    items = "".join(up_to(MAX_LIST_BYTES, (_row(columns, row) for row in rows)))
    purpose = _field(form_type(NS_SEARCH))
    return (
        f"<query xmlns='{NS_SEARCH}'><x xmlns='{NS_FORM}' type='result'>{purpose}"
        f"<reported>{heading}</reported>{items}</x></query>"
    )


def _row(columns: Sequence[Field], row: Sequence[str]) -> str:
    cells = "".join(
        f"<field var='{column.var}'><value>{escape(value)}</value></field>"
        for column, value in zip(columns, row, strict=True)
    )
    return f"<item>{cells}</item>"


def search_items(result: Iterable[Item]) -> str:
    """What a search has found, for a client that sent none (XEP-0055, 2.1)."""
    items = "".join(up_to(MAX_LIST_BYTES, map(_search_item, result)))
    return f"<query xmlns='{NS_SEARCH}'>{items}</query>"


def _search_item(item: Item) -> str:
    name = escape(item.name)
    return (
        f"<item jid='{escape_attribute(item.jid)}'><first>{name}</first><last/>"
        f"<nick>{name}</nick><email/></item>"
    )
