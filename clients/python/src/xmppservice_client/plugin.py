"""The plugin for slixmpp: the document, its changes, and both commands."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, ClassVar
from xml.etree import ElementTree as ET

from slixmpp import JID, ClientXMPP, Message, Presence
from slixmpp.exceptions import IqError, IqTimeout
from slixmpp.plugins.base import BasePlugin, register_plugin
from slixmpp.xmlstream import tostring
from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher import MatchXPath

from xmppservice_client import commands, document
from xmppservice_client.commands import (
    Answer,
    Commands,
    Failure,
    Receipt,
    TooLarge,
    new_command,
)
from xmppservice_client.document import Item, Live, Route
from xmppservice_client.store import Command, Store

logger = logging.getLogger(__name__)

NS_COMMAND = "urn:xmppservice:command:1"
NS_DOCUMENT = "urn:xmppservice:document:1"
NS_HINTS = "urn:xmpp:hints"
NS_RECEIPTS = "urn:xmpp:receipts"
VCARD = "{vcard-temp}vCard"

POLL_SECONDS = 0.05  # while a stanza leaves the device
ANSWER_SECONDS = 10  # for the vCard
FETCH_SECONDS = 30
FIRST_PAUSE_SECONDS, LAST_PAUSE_SECONDS = 1, 60  # between two requests of it


class XMPPService(BasePlugin):
    """The plugin ``xmppservice``; register it before the client connects.

    ============  =================================================================
    ``service``   the JID of the service
    ``platform``  ``mobile`` or ``web``
    ``store``     keeps commands until they are answered; in memory by default
    ``fetch``     an async function from a URL to its text: reads a public document
    ============  =================================================================

    Events of the client: ``xmppservice_document`` with the items when there is a new
    document, ``xmppservice_limited`` with an :class:`Answer` that is not final,
    ``xmppservice_answer`` with the command and the :class:`Answer` of an earlier run.
    """

    name = "xmppservice"
    description = "XMPP Service"
    dependencies: ClassVar[set[str]] = set()
    default_config: ClassVar[dict[str, Any]] = {
        "service": "",
        "platform": "mobile",
        "store": None,
        "fetch": None,
        "first_pause": commands.FIRST_PAUSE_SECONDS,
    }

    service: str
    platform: str
    store: Store | None
    fetch: Callable[[str], Awaitable[str]] | None
    first_pause: float

    def plugin_init(self) -> None:
        client: ClientXMPP = self.xmpp  # type: ignore[assignment]  # a component has no document
        self._service = JID(self.service).bare  # in lower case
        self.live: Live | None = None
        self.text: str | None = None  # the newest document that was read
        self.commands = Commands(
            self._send, self._size, self.store, self._limited, self.first_pause
        )
        self._reading: asyncio.Task[None] | None = None
        self._following: asyncio.Task[None] | None = None
        self._repeating: set[asyncio.Task[None]] = set()
        ns = client.default_ns
        takers: dict[str, Callable[[Any], None]] = {
            "message": self._message,
            "presence": self._presence,
        }
        for name, take in takers.items():
            matcher = MatchXPath(f"{{{ns}}}{name}")
            client.register_handler(Callback(f"XMPP Service {name}", matcher, take))
        for event, react in {
            "session_start": self._opened,
            "session_resumed": lambda _: self.commands.resumed(),
            "disconnected": lambda _: self.commands.ended(),
            "stream_error": self._stream_error,
        }.items():
            client.add_event_handler(event, react)

    # --- The document -------------------------------------------------------------

    async def document(self) -> list[Item]:
        """Return the items of the live document; repeats until it has them.

        Nothing is read if the service has announced the one that is known.
        """
        if self.live is None or self._is_old():
            # Others wait for the same reading: who gives up does not end it.
            await asyncio.shield(self._reading_once())
        return document.loads(self.text or "")

    def keep(self, text: str) -> None:
        """Begin with the document that an earlier run of the program has kept."""
        document.loads(text)
        self.text = text

    def follow(self) -> None:
        """Subscribe to changes: once for an account, but no harm if again."""
        self.xmpp.send_presence(pto=self.service, ptype="subscribe")

    def shown(self, items: Sequence[Item]) -> list[Item]:
        """Return the items that this platform shows, groups with what they show."""
        return document.shown(items, self.platform)

    def route(self, channel: Item) -> Route:
        return document.route(channel, self.xmpp.boundjid.domain)

    def write(self, channel: Item, text: str) -> str:
        """Send a text to a channel; return the id of the message."""
        to, thread = self.route(channel)
        message = self.xmpp.make_message(mto=JID(to), mbody=text, mtype="chat")
        if thread:
            message["thread"] = thread
        message.send()
        return str(message["id"])

    def _reading_once(self) -> "asyncio.Task[None]":
        """Return the task that reads the document, which all who want it share."""
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._read())
        return self._reading

    async def _read(self) -> None:
        pause = FIRST_PAUSE_SECONDS
        while True:
            try:
                text = await self._fetched() or await self._vcard()
                document.loads(text)
                self.text = text
                return
            except (IqTimeout, IqError, ValueError, OSError) as error:
                reason = getattr(error, "condition", "") or type(error).__name__
                logger.info("document: %s, requested again", reason)
            await asyncio.sleep(pause)
            pause = min(2 * pause, LAST_PAUSE_SECONDS)

    async def _fetched(self) -> str:
        """Return the document by HTTP; empty unless it is the one announced."""
        if not (self.fetch and self.live and self.live.url):
            return ""
        # Whatever an HTTP library raises: the vCard has the document as well.
        with suppress(Exception):
            text = await asyncio.wait_for(self.fetch(self.live.url), FETCH_SECONDS)
            if document.digest(text) == self.live.hash:
                return text
        return ""

    async def _vcard(self) -> str:
        iq = self.xmpp.make_iq_get(ito=JID(self.service))
        iq.append(ET.Element(VCARD))
        answer = await iq.send(timeout=ANSWER_SECONDS)  # type: ignore[no-untyped-call]  # untyped in slixmpp
        return answer.xml.findtext(f"{VCARD}/{{vcard-temp}}DESC") or ""

    def _presence(self, presence: Presence) -> None:
        element = presence.xml.find(f"{{{NS_DOCUMENT}}}document")
        if element is None or presence["from"].bare != self._service:
            return
        version = element.get("version", "")
        number = int(version) if version.isdecimal() else 0
        self.live = Live(element.get("hash", ""), number, element.get("url", ""))
        if self._following is None or self._following.done():
            self._following = asyncio.create_task(self._follow())

    def _is_old(self) -> bool:
        return self.text is None or (
            self.live is not None and document.digest(self.text) != self.live.hash
        )

    async def _follow(self) -> None:
        """Read until the document is the one announced, or a newer one."""
        known = self.text
        if self._reading and not self._reading.done():
            # It may have begun before the announcement, and bring an older document.
            await asyncio.shield(self._reading)
        while self._is_old():
            live = self.live
            await asyncio.shield(self._reading_once())
            if self.live == live:
                break
        if self.text != known:
            items = document.loads(self.text or "")
            self.xmpp.event("xmppservice_document", items)

    # --- Commands -----------------------------------------------------------------

    def add_to_roster(
        self, contacts: Sequence[Mapping[str, str]]
    ) -> AsyncIterator[Answer]:
        """Put contacts, with ``name`` and ``address``, on the user's roster.

        Yields an answer for each command that they need, in the order of the contacts;
        stops after one that is not done.
        """
        return self._send_all(commands.ADD_TO_ROSTER, "channelUsers", contacts)

    def search_users(self, numbers: Sequence[str]) -> AsyncIterator[Answer]:
        """Look for the users among phone numbers; yields answers as above."""
        return self._send_all(commands.SEARCH_USERS, "userList", numbers)

    async def _send_all(
        self, word: str, key: str, entries: Sequence[Any]
    ) -> AsyncIterator[Answer]:
        def command(some: Sequence[Any]) -> Command:
            owner = self.xmpp.boundjid.bare
            return new_command(word, {key: list(some)}, owner)

        def size(some: Sequence[Any]) -> int:
            return self._size(command(some))

        first, waiting = 0, list(commands.parts(entries, size)) or [entries]
        while waiting:
            part = waiting.pop(0)
            try:
                answer = await self.commands.run(command(part))
            except TooLarge:
                if len(part) < 2:
                    raise
                half = len(part) // 2
                waiting[:0] = [part[:half], part[half:]]
                continue
            yield answer._replace(first=first)
            if not answer.is_done:
                return
            first += len(part)

    async def _send(self, command: Command) -> None:
        """Send it; return when it has left the device, or the stream has ended."""
        self._envelope(command).send()
        xmpp = self.xmpp
        while xmpp.transport is not None and (  # noqa: ASYNC110  (a buffer has no event)
            not xmpp.waiting_queue.empty() or xmpp.transport.get_write_buffer_size()
        ):
            await asyncio.sleep(POLL_SECONDS)

    def _size(self, command: Command) -> int:
        return len(tostring(self._envelope(command).xml).encode())

    def _envelope(self, command: Command) -> Message:
        message: Message = self.xmpp.make_message(mto=JID(self.service), mtype="chat")
        message["id"] = command.id
        ET.SubElement(message.xml, f"{{{self.xmpp.default_ns}}}body")
        x = ET.SubElement(message.xml, f"{{{NS_COMMAND}}}x")
        for name, text in (
            ("type", command.word),
            ("action", command.word),
            ("payload", command.payload),
        ):
            ET.SubElement(x, f"{{{NS_COMMAND}}}{name}").text = text
        ET.SubElement(message.xml, f"{{{NS_RECEIPTS}}}request")
        for hint in ("no-store", "no-copy"):
            ET.SubElement(message.xml, f"{{{NS_HINTS}}}{hint}")
        return message

    def _message(self, message: Message) -> None:
        xml, id = message.xml, message["id"]
        if message["from"].bare != self._service:
            return
        receipt = xml.find(f"{{{NS_RECEIPTS}}}received")
        payload = xml.findtext(f"{{{NS_COMMAND}}}x/{{{NS_COMMAND}}}payload")
        if message["type"] == "error":
            error = message["error"]
            self.commands.came(id, Failure(error["type"], error["condition"]))
        elif receipt is not None:
            self.commands.came(receipt.get("id", ""), Receipt())
        elif payload is not None and (answer := commands.read_answer(payload)):
            self.commands.came(id, answer)

    def _limited(self, _: Command, answer: Answer) -> None:
        self.xmpp.event("xmppservice_limited", answer)

    # --- The stream ---------------------------------------------------------------

    def _opened(self, _: object) -> None:
        self.commands.opened()
        for command in self.commands.stored(self.xmpp.boundjid.bare):
            task = asyncio.create_task(self._repeat(command))
            self._repeating.add(task)
            task.add_done_callback(self._repeating.discard)

    async def _repeat(self, command: Command) -> None:
        with suppress(commands.CommandError):
            answer = await self.commands.run(command)
            self.xmpp.event("xmppservice_answer", (command, answer))

    def _stream_error(self, error: Any) -> None:
        if error["condition"] == "policy-violation":
            self.commands.ended(is_too_large=True)


register_plugin(XMPPService)
