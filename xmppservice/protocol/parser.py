"""The XML parser of the stream."""

import re
import time
from collections import deque
from collections.abc import Iterator
from xml.etree import ElementTree as ET
from xml.parsers import expat

from xmppservice.protocol.namespaces import NS_XML

_START_TAG = re.compile(rb"""<(?:[^<>"']|"[^"]*"|'[^']*')*>""")
# Above so many names, or after a read of so many bytes, names are discarded.
_MAX_NAMES, _MAX_READ_BYTES = 1_000, 10_000


class StanzaParser:
    """An XML pull parser that accepts any namespace.

    Expat knows names with their prefixes only: its own namespaces would make a parse
    error, and so the end of the stream, of declarations that the XMPP server passes
    on. Those are ``}``, with which Python joins namespace and name, and the reserved
    namespaces of XML.

    Expat gets nothing past the last ``>``: after a read that ends inside a tag it
    would delay parsing until much more data arrives (reparse deferral,
    CVE-2023-52425), and hold back complete stanzas until then.

    Events are reported for the stream and for whole stanzas, not for their content,
    which readers would only skip.

    Clients choose names, and expat keeps every name until it is destroyed: so it is
    replaced from time to time, between two stanzas.

    ``fed_at`` is when anything arrived last, as of ``time.monotonic()``.
    """

    def __init__(self) -> None:
        self.fed_at = 0.0
        self._tree = ET.TreeBuilder()
        self._begin(b"")
        self._beginning = b""  # everything up to the stream's start tag
        self._start_tag = b""
        self._events: deque[tuple[str, ET.Element] | ET.ParseError] = deque()
        self._incomplete: list[bytes] = []
        # By prefix, the innermost last; and the declarations of each open element.
        self._namespaces: dict[str, list[str]] = {"xml": [NS_XML]}
        self._declared: list[list[str]] = []

    def _begin(self, start_tag: bytes) -> None:
        self._expat = expat.ParserCreate()
        self._expat.buffer_text = True
        self._expat.Parse(start_tag, False)
        self._expat.StartElementHandler = self._start
        self._expat.EndElementHandler = self._end
        self._expat.CharacterDataHandler = self._tree.data

    def feed(self, data: bytes) -> None:
        self.fed_at = time.monotonic()
        end = data.rfind(b">") + 1
        if end:
            self._parse(b"".join((*self._incomplete, data[:end])))
            self._incomplete.clear()
        self._incomplete.append(data[end:])

    def _parse(self, data: bytes) -> None:
        if not self._start_tag:
            self._beginning += data
        try:
            self._expat.Parse(data, False)
        except expat.ExpatError as error:
            self._events.append(ET.ParseError(str(error)))
            return
        if len(data) > _MAX_READ_BYTES or len(self._expat.intern) > _MAX_NAMES:
            self._forget_names()

    def _forget_names(self) -> None:
        self._expat.intern.clear()
        if len(self._declared) == 1 and self._start_tag:
            self._begin(self._start_tag)

    def read_events(self) -> Iterator[tuple[str, ET.Element]]:
        """Yield ``start`` and ``end`` of the stream and of each stanza.

        Raises ParseError.
        """
        while self._events:
            event = self._events.popleft()
            if isinstance(event, ET.ParseError):
                raise event
            yield event

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._declare(attributes)
        named = {
            self._resolved(key) if ":" in key else key: value
            for key, value in attributes.items()
        }
        element = self._tree.start(self._resolved(name), named)
        if len(self._declared) == 1:
            at = self._expat.CurrentByteIndex
            match = _START_TAG.match(self._beginning, at)
            self._start_tag = match.group() if match else b""
            self._events.append(("start", element))

    def _end(self, name: str) -> None:
        element = self._tree.end(self._resolved(name))
        self._undeclare()
        if len(self._declared) == 1:
            self._events += ("start", element), ("end", element)
        elif not self._declared:
            self._events.append(("end", element))

    def _declare(self, attributes: dict[str, str]) -> None:
        """Take the namespaces that an element declares out of its attributes."""
        declared = [key for key in attributes if key.partition(":")[0] == "xmlns"]
        for key in declared:
            uris = self._namespaces.setdefault(_prefix(key), [])
            uris.append(attributes.pop(key))
        self._declared.append(declared)

    def _undeclare(self) -> None:
        for key in self._declared.pop():
            uris = self._namespaces[_prefix(key)]
            uris.pop()
            if not uris:
                del self._namespaces[_prefix(key)]

    def _resolved(self, name: str) -> str:
        prefix, _, local = name.rpartition(":")
        uris = self._namespaces.get(prefix)
        return f"{{{uris[-1]}}}{local}" if uris and uris[-1] else name


def _prefix(declaration: str) -> str:
    """Return the prefix that an ``xmlns`` attribute declares; empty for the default."""
    return declaration.partition(":")[2]
