"""The XML parser of the stream."""

import re
from collections import deque
from collections.abc import Iterator
from functools import lru_cache
from xml.etree import ElementTree as ET
from xml.parsers import expat

_SEPARATOR = "\1"
_START_TAG = re.compile(rb"""<(?:[^<>"']|"[^"]*"|'[^']*')*>""")
# Above so many names, or after a read of so many bytes, names are discarded.
_MAX_NAMES, _MAX_READ_BYTES = 1_000, 10_000


class StanzaParser:
    """An XML pull parser that accepts any namespace.

    Python's own parser fails at a ``}`` in a namespace, because it makes expat use
    it as the separator of namespace and name. This one uses U+0001, which XML does
    not allow.

    Expat gets nothing past the last ``>``: after a read that ends inside a tag it
    would delay parsing until much more data arrives (reparse deferral,
    CVE-2023-52425), and hold back complete stanzas until then.

    Events are reported for the stream and for whole stanzas, not for their content,
    which readers would only skip.

    Clients choose names, and expat keeps every name until it is destroyed: so it is
    replaced from time to time, between two stanzas.
    """

    def __init__(self) -> None:
        self._tree = ET.TreeBuilder()
        self._begin(b"")
        self._beginning = b""  # everything up to the stream's start tag
        self._start_tag = b""
        self._events: deque[tuple[str, ET.Element] | ET.ParseError] = deque()
        self._incomplete: list[bytes] = []
        self._depth = 0

    def _begin(self, start_tag: bytes) -> None:
        self._expat = expat.ParserCreate(namespace_separator=_SEPARATOR)
        self._expat.buffer_text = True
        self._expat.Parse(start_tag, False)
        self._expat.StartElementHandler = self._start
        self._expat.EndElementHandler = self._end
        self._expat.CharacterDataHandler = self._tree.data

    def feed(self, data: bytes) -> None:
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
        _tag.cache_clear()
        self._expat.intern.clear()
        if self._depth == 1 and self._start_tag:
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
        named = {_tag(key): value for key, value in attributes.items()}
        element = self._tree.start(_tag(name), named)
        if not self._depth:
            at = self._expat.CurrentByteIndex
            match = _START_TAG.match(self._beginning, at)
            self._start_tag = match.group() if match else b""
            self._events.append(("start", element))
        self._depth += 1

    def _end(self, name: str) -> None:
        element = self._tree.end(_tag(name))
        self._depth -= 1
        if self._depth == 1:
            self._events += ("start", element), ("end", element)
        elif not self._depth:
            self._events.append(("end", element))


@lru_cache(256)
def _tag(name: str) -> str:
    namespace, separator, local = name.rpartition(_SEPARATOR)
    return f"{{{namespace}}}{local}" if separator else name
