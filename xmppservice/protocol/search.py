"""Searches (XEP-0055)."""

from collections.abc import Iterable, Sequence

from xmppservice.protocol.data_forms import Field, form, form_type, write_field
from xmppservice.protocol.disco import Item
from xmppservice.protocol.namespaces import MAX_LIST_BYTES, NS_FORM, NS_SEARCH
from xmppservice.protocol.xml import escape, escape_attribute, up_to


def search_fields(instructions: str, field: Field) -> str:
    """The search fields, as a form and as a plain field for older clients."""
    fields = form_type(NS_SEARCH), field
    return (
        f"<query xmlns='{NS_SEARCH}'><instructions>{escape(instructions)}"
        f"</instructions><{field.var}/>"
        f"{form('form', *fields, instructions=instructions)}</query>"
    )


def search_table(columns: Sequence[Field], rows: Iterable[Sequence[str]]) -> str:
    """Search results for a client that sent a form."""
    heading = "".join(map(write_field, columns))
    items = "".join(up_to(MAX_LIST_BYTES, (_row(columns, row) for row in rows)))
    purpose = write_field(form_type(NS_SEARCH))
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
    """Search results for a client that sent no form (XEP-0055, 2.1)."""
    items = "".join(up_to(MAX_LIST_BYTES, map(_search_item, result)))
    return f"<query xmlns='{NS_SEARCH}'>{items}</query>"


def _search_item(item: Item) -> str:
    name = escape(item.name)
    return (
        f"<item jid='{escape_attribute(item.jid)}'><first>{name}</first><last/>"
        f"<nick>{name}</nick><email/></item>"
    )
