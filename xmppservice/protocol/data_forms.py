"""Data forms (XEP-0004), and their FORM_TYPE (XEP-0068)."""

from typing import NamedTuple
from xml.etree import ElementTree as ET

from xmppservice.protocol.namespaces import MAX_LIST_BYTES, NS_FORM
from xmppservice.protocol.xml import escape, escape_attribute, split, up_to


class Field(NamedTuple):
    """A field of a data form (XEP-0004, "The Field Element")."""

    var: str
    type: str
    label: str = ""
    values: tuple[str, ...] = ()
    required: bool = False


def form(type: str, *fields: Field, title: str = "", instructions: str = "") -> str:
    """A data form of ``type`` ``form`` or ``result``."""
    heading = f"<title>{escape(title)}</title>" if title else ""
    guide = f"<instructions>{escape(instructions)}</instructions>"
    return (
        f"<x xmlns='{NS_FORM}' type='{type}'>{heading}{guide if instructions else ''}"
        f"{''.join(map(write_field, fields))}</x>"
    )


def write_field(field: Field) -> str:
    labelled = f" label='{escape_attribute(field.label)}'" if field.label else ""
    lines = (f"<value>{escape(value)}</value>" for value in field.values)
    values = "".join(up_to(MAX_LIST_BYTES, lines))
    required = "<required/>" if field.required else ""
    return (
        f"<field var='{escape_attribute(field.var)}' type='{field.type}'{labelled}>"
        f"{required}{values}</field>"
    )


def form_type(namespace: str) -> Field:
    """The field that names a form's purpose (XEP-0068, "The FORM_TYPE Field")."""
    return Field("FORM_TYPE", "hidden", values=(namespace,))


def submitted(child: ET.Element) -> dict[str, list[str]] | None:
    """Return the values of the submitted form in ``child`` by field; None without.

    A field that occurs twice has the values of both.
    """
    result = child.find(f"{{{NS_FORM}}}x")
    if result is None or result.get("type") != "submit":
        return None
    fields: dict[str, list[str]] = {}
    for field in result.iterfind(f"{{{NS_FORM}}}field"):
        values = field.iterfind(f"{{{NS_FORM}}}value")
        fields.setdefault(field.get("var", ""), []).extend(v.text or "" for v in values)
    return fields


def field_of(child: ET.Element, name: str) -> str | None:
    """Return the text of a field directly in ``child``, without a form; else None."""
    return child.findtext(f"{{{split(child.tag)[0]}}}{name}")
