"""A component's stream without a library: it can send what the service never does.

Source: XEP-0114, section 3.
"""

import asyncio
import hashlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import count
from typing import Self, cast
from xml.etree.ElementTree import Element, XMLPullParser

from demo.server import STREAM

ACCEPT = "jabber:component:accept"
READ_BYTES = 65536


class RawComponent:
    """An open stream of the component ``jid`` to an XMPP server on loopback.

    ``messages`` has the received messages, in order; ``on_stanza`` gets each stanza
    that answers no request of ours. Timeouts are in seconds.
    """

    def __init__(self, jid: str, secret: str, port: int) -> None:
        self.jid = jid
        self.messages: list[Element] = []
        self.on_stanza: Callable[[Element], None] = lambda stanza: None
        self._secret = secret
        self._port = port
        self._ids = count()
        self._answers: dict[str, asyncio.Future[Element]] = {}
        self._depth = 0

    async def __aenter__(self) -> Self:
        self._parser: XMLPullParser[Element] = XMLPullParser(("start", "end"))
        reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        self._ready = asyncio.get_running_loop().create_future()
        self._reading = asyncio.create_task(self._read(reader))
        self._writer.write(STREAM.format(namespace=ACCEPT, to=self.jid).encode())
        await asyncio.wait_for(self._ready, 30)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.write(b"</stream:stream>")
        # The server ends the stream: only then may the component come back.
        with suppress(OSError):
            await self._reading
        self._writer.close()

    async def iq(
        self,
        type: str,
        payload: str,
        to: str = "localhost",
        *,
        timeout: float = 60,
    ) -> Element:
        """Send a ``get`` or ``set``; return the response, a result or an error."""
        id = f"{next(self._ids)}"
        answer = self._answers[id] = asyncio.get_running_loop().create_future()
        self.write(
            f"<iq type='{type}' id='{id}' from='{self.jid}' to='{to}'>{payload}</iq>"
        )
        await self._writer.drain()
        return await asyncio.wait_for(answer, timeout)

    def write(self, xml: str) -> None:
        self._writer.write(xml.encode())

    async def _read(self, reader: asyncio.StreamReader) -> None:
        while data := await reader.read(READ_BYTES):
            self._parser.feed(data)
            events = cast("Iterator[tuple[str, Element]]", self._parser.read_events())
            for event, element in events:
                self._depth += 1 if event == "start" else -1
                if event == "start" and self._depth == 1:
                    self._shake_hands(element)
                if event == "end" and self._depth == 1:
                    self._receive(element)

    def _shake_hands(self, stream: Element) -> None:
        self._stream = stream
        secret = stream.get("id", "") + self._secret
        digest = hashlib.sha1(secret.encode(), usedforsecurity=False).hexdigest()
        self.write(f"<handshake>{digest}</handshake>")

    def _receive(self, stanza: Element) -> None:
        # Otherwise the stream's own element would keep all stanzas.
        self._stream.remove(stanza)
        name = stanza.tag.rpartition("}")[2]
        is_answer = name == "iq" and stanza.get("type") in ("result", "error")
        if name == "handshake":
            self._ready.set_result(None)
        elif is_answer:
            if answer := self._answers.pop(stanza.get("id", ""), None):
                answer.set_result(stanza)
        else:
            if name == "message":
                self.messages.append(stanza)
            self.on_stanza(stanza)
