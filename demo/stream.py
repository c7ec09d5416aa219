"""One logged-in XML stream to an XMPP server on loopback, in plain text.

Sources: RFC 6120, 4 (streams), 6 (SASL, mechanism PLAIN), 7 (resource binding).
"""

import asyncio
from base64 import b64encode
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from typing import cast
from xml.etree.ElementTree import Element, ParseError, XMLPullParser
from xml.sax.saxutils import escape, quoteattr

STREAMS = "http://etherx.jabber.org/streams"
SASL = "urn:ietf:params:xml:ns:xmpp-sasl"
BIND = "urn:ietf:params:xml:ns:xmpp-bind"

LOGIN_SECONDS = 30


class ClientError(Exception):
    """A failure; the message is one sentence."""


async def log_in(jid: str, password: str, port: int) -> "RawStream":
    """Return a stream of ``jid``, with its resource or one that the server chooses."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        raise ClientError(f"Nothing is listening on 127.0.0.1:{port}.") from None
    stream = RawStream(reader, writer, jid)
    try:
        await asyncio.wait_for(stream.log_in(password), LOGIN_SECONDS)
    except TimeoutError:
        await stream.close()
        raise ClientError(f"The login of {jid} timed out.") from None
    except BaseException:
        await stream.close()
        raise
    return stream


class RawStream:
    """Sends text to the server, and returns received stanzas as elements."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, jid: str
    ) -> None:
        self.jid = jid
        self._reader = reader
        self._writer = writer
        self._stanzas: deque[Element] = deque()

    def write(self, xml: str) -> None:
        self._writer.write(xml.encode())

    async def drain(self) -> None:
        """Wait until the server has read most of the written data."""
        await self._writer.drain()

    async def next(self) -> Element:
        """Return the next stanza; raise ClientError if the stream has ended."""
        while not self._stanzas:
            try:
                self._feed(await self._reader.read(65536))
            except (OSError, ParseError) as error:
                raise ClientError(f"The connection was lost: {error}.") from None
        return self._raise_on_error(self._stanzas.popleft())

    @property
    def transport(self) -> asyncio.BaseTransport:
        """The transport, for callers that read and write it themselves."""
        return self._writer.transport

    async def close(self) -> None:
        """Close the stream, even if the server has already gone."""
        with suppress(OSError):
            self.write("</stream:stream>")
            self._writer.close()
            await self._writer.wait_closed()

    async def log_in(self, password: str) -> None:
        account, _, resource = self.jid.partition("/")
        local, _, domain = account.partition("@")
        await self._open(domain)
        secret = b64encode(f"\0{local}\0{password}".encode()).decode()
        self.write(f"<auth xmlns='{SASL}' mechanism='PLAIN'>{secret}</auth>")
        if (await self.next()).tag != f"{{{SASL}}}success":
            raise ClientError(f"The XMPP server refuses the login of {account}.")
        await self._open(domain)
        await self._bind(resource)

    async def _open(self, domain: str) -> None:
        """Open a stream that replaces the one before, and skip its features."""
        self._parser: XMLPullParser[Element] = XMLPullParser(("start", "end"))
        self._parents: list[Element] = []
        self._incomplete: list[bytes] = []
        self.write(
            f"<stream:stream to={quoteattr(domain)} version='1.0'"
            f" xmlns='jabber:client' xmlns:stream='{STREAMS}'>"
        )
        await self.next()

    async def _bind(self, resource: str) -> None:
        inner = f"<resource>{escape(resource)}</resource>" if resource else ""
        self.write(f"<iq type='set' id='bind'><bind xmlns='{BIND}'>{inner}</bind></iq>")
        answer = await self.next()
        if answer.get("type") != "result":
            raise ClientError(f"The XMPP server refuses {self.jid}.")
        self.jid = answer.findtext(f"{{{BIND}}}bind/{{{BIND}}}jid", self.jid)

    def _feed(self, data: bytes) -> None:
        if not data:
            raise ClientError("The XMPP server closed the connection.")
        # Nothing past the last ">": after a read that ends inside a tag, expat may
        # wait for much more data (reparse deferral, CVE-2023-52425).
        end = data.rfind(b">") + 1
        if end:
            self._parser.feed(b"".join((*self._incomplete, data[:end])))
            self._incomplete.clear()
        self._incomplete.append(data[end:])
        events = cast("Iterator[tuple[str, Element]]", self._parser.read_events())
        for event, element in events:
            if event == "start":
                self._parents.append(element)
            else:
                self._finish(element)

    def _finish(self, element: Element) -> None:
        self._parents.pop()
        if len(self._parents) == 1:
            # Otherwise the stream's own element would keep all stanzas.
            self._parents[0].remove(element)
            self._stanzas.append(element)

    def _raise_on_error(self, stanza: Element) -> Element:
        if stanza.tag == f"{{{STREAMS}}}error":
            reason = condition(stanza)
            raise ClientError(f"The XMPP server closed the stream: {reason}.")
        return stanza


def condition(error: Element) -> str:
    """Return the condition of a stanza or stream error, and its text if any."""
    words = {child.tag.partition("}")[2]: child.text or "" for child in error}
    text = words.pop("text", "")
    name = next(iter(words), "undefined-condition")
    return f"{name} ({text})" if text else name
