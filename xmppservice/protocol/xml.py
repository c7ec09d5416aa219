"""XML as text: escaping, and splitting element names.

Only what XML requires is escaped: each entity costs the XMPP server a parser event,
and JSON is full of quotes.
"""

import re
from collections.abc import Iterable, Iterator
from xml.etree import ElementTree as ET

_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


Element = ET.Element


def escape(text: str) -> str:
    """Text for element content; quotes stay (see above).

    An unescaped carriage return would be read as a line feed (XML 1.0, 2.11).
    """
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return escaped.replace("\r", "&#13;")


def escape_attribute(text: str) -> str:
    """Text for an attribute value in single quotes."""
    escaped = escape(text).replace("'", "&apos;")
    return escaped.replace("\n", "&#10;").replace("\t", "&#9;")


def illegal_character(text: str) -> str:
    """Return the first character that XML 1.0 forbids, or an empty string."""
    if text.isprintable():
        return ""  # nearly always, and faster to see
    match = _ILLEGAL.search(text)
    return match.group() if match else ""


def split(tag: str) -> tuple[str, str]:
    namespace, _, name = tag.rpartition("}")
    return namespace[1:], name


def children(element: ET.Element, tag: str) -> Iterator[ET.Element]:
    """Yield the children with exactly this tag.

    Unlike ``find``, which takes a ``}`` or ``*`` in a namespace for part of a path.
    """
    return (child for child in element if child.tag == tag)


def sibling(element: ET.Element, name: str) -> str:
    namespace, _ = split(element.tag)
    return f"{{{namespace}}}{name}" if namespace else name


def up_to(max_bytes: int, parts: Iterable[str]) -> Iterator[str]:
    for part in parts:
        max_bytes -= len(part.encode())
        if max_bytes < 0:
            return
        yield part
