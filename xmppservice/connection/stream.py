"""A stream to the XMPP server: its life cycle, its requests and its deliveries.

Only this process writes to it. :mod:`xmppservice.connection.responder` answers
requests. A component (:mod:`xmppservice.connection.component`) and an account
(:mod:`xmppservice.connection.account`) differ in how clients get the document.
"""

import asyncio
import logging
import os
import socket
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import Any, cast

from django.conf import settings
from slixmpp.basexmpp import BaseXMPP
from slixmpp.stanza import Presence
from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher import MatchXPath
from slixmpp.xmlstream.matcher.base import MatcherBase

from xmppservice.connection.events import Answer, CatalogueEntry
from xmppservice.connection.gateway import Down, IqRequest, IqResult, Late
from xmppservice.connection.outgoing import Requests, Results, write
from xmppservice.connection.responder import AdHocCommands, Responder
from xmppservice.connection.rights import Rights
from xmppservice.protocol import companion, iq, live_document, presence, vcard
from xmppservice.protocol.jids import domain_of, parse_jid
from xmppservice.protocol.live_document import DOCUMENT_PATH, LiveDocument
from xmppservice.protocol.parser import StanzaParser
from xmppservice.protocol.xml import Element

logger = logging.getLogger(__name__)

OPENING_SECONDS = 10
PING_SECONDS = 30
CONFIRMATION_SECONDS = 60
ADVERTISEMENT_SECONDS = 5


class ServiceStream(ABC):
    """A stream that can be reopened: each :meth:`session` is one connection.

    ``on_message(fields)`` gets each command (``events.Message`` without its
    ``type``) and returns whether there was room for it. ``on_ready()`` is called when
    stanzas can be sent, ``on_privileges()`` when a domain advertises other privileges
    later, ``on_published(number)`` when clients read that document.
    ``on_subscription(jid, number)`` is called when a user subscribes or comes online,
    with the document announced to them (0: none yet), or unsubscribes (None).
    ``on_account(jid, registered)`` is called when the XMPP server says that it has
    registered or deleted an account.
    """

    # Our module for Prosody answers components only.
    can_use_companions = True

    def __init__(
        self,
        xmpp: BaseXMPP,
        jid: str,
        address: tuple[str, int],
        domains: Sequence[str],
        commands: AdHocCommands,
    ) -> None:
        self.on_message: Callable[[dict[str, str]], bool] = lambda fields: False
        self.on_ready: Callable[[], None] = lambda: None
        self.on_privileges: Callable[[], None] = lambda: None
        self.on_published: Callable[[int], None] = lambda number: None
        self.on_subscription: Callable[[str, int | None], None] = lambda jid, number: (
            None
        )
        self.on_account: Callable[[str, bool], None] = lambda jid, registered: None
        self.xmpp = xmpp
        self.jid = jid
        self.address = address
        self.domains = domains
        self.rights = Rights(jid, domains)
        self.awaits_privileges = True
        self._vcard = ""
        self._number = 0
        self._live: LiveDocument | None = None
        self._announced = _announced(None)
        self.failure = ""  # why the last session ended, or could not begin
        self._failure_logged = False
        self._requests = Requests(xmpp, jid)
        self._opened = asyncio.Event()
        self._ended = asyncio.Event()
        self._ready = asyncio.Event()
        self._register_handlers()
        self.responder = Responder(
            xmpp, jid, domains, commands, lambda fields: self.on_message(fields)
        )

    def publish(
        self, number: int, document: str, entries: Sequence[CatalogueEntry]
    ) -> None:
        """Serve ``document`` to clients; ``on_published`` is called when they read it.

        ``entries`` are its groups and channels, for clients that browse.
        """
        self._number = number
        self._vcard = vcard.of_document(document)
        hash, url = live_document.digest(document), _document_url()
        self._live = LiveDocument(hash, number, url)
        self._announced = _announced(self._live)
        self.responder.publish(self._vcard, self._live, entries)
        self._published()

    @abstractmethod
    def _published(self) -> None:
        """React to a new document, or to a new session."""

    @property
    def reads(self) -> int | None:
        """How often clients have read the document; None if nobody can count that."""
        return self.responder.reads

    # --- Life cycle -----------------------------------------------------------

    async def session(self) -> None:
        """Connect, and return when the connection has ended.

        Return at once when connecting fails: the caller decides when to retry, because
        slixmpp itself would wait for up to minutes.
        """
        for event in (self._opened, self._ended, self._ready):
            event.clear()
        self.rights.reset()
        self.failure = ""
        self.xmpp.connect(*self.address)
        try:
            await self._wait_first(OPENING_SECONDS, self._opened, self._ended)
            if self._opened.is_set():
                await self._serve_session()
            else:
                self._opening_failed()
        finally:
            self._ended.set()
            self.xmpp.cancel_connection_attempt()
            self.xmpp.abort()
            self._requests.fail()

    @property
    def open(self) -> bool:
        """Whether there is a connection."""
        return self._opened.is_set() and not self._ended.is_set()

    @property
    def ready(self) -> bool:
        """Whether stanzas can be sent and our privileges are known."""
        return self.open and self._ready.is_set()

    @property
    def privileged(self) -> bool:
        """Whether stanzas can read and write rosters (XEP-0356)."""
        return self.ready and self.rights.privileged

    @property
    def companions(self) -> frozenset[str]:
        """The served domains with our module for Prosody."""
        return self.rights.companions if self.ready else frozenset()

    async def _serve_session(self) -> None:
        await self._discover()
        if self.awaits_privileges and not self.rights.companions.issuperset(
            self.domains
        ):
            await self._wait_first(
                ADVERTISEMENT_SECONDS, self.rights.advertised, self._ended
            )
        if self._ended.is_set():
            return
        await self.xmpp.plugin["xep_0012"].start_uptime()
        self._ready.set()
        self.on_ready()
        self._published()
        while not self._ended.is_set():
            await self._wait_first(PING_SECONDS, self._ended)
            if not self._ended.is_set():
                await self._keep_alive()

    async def _keep_alive(self) -> None:
        try:
            await self._ask([self._ping()], time.time() + OPENING_SECONDS)
            if await self._discover():
                self.on_privileges()
        except Late:
            # A busy server may send thousands of stanzas before this answer.
            silence = time.monotonic() - self._heard_at
            if silence >= OPENING_SECONDS:
                self.failure = "the XMPP server does not answer"
                logger.warning("the XMPP server does not answer: reconnecting")
                self._ended.set()
        except Down:
            pass

    @property
    def _heard_at(self) -> float:
        """When the XMPP server sent anything last, as of time.monotonic()."""
        return cast(StanzaParser, self.xmpp.parser).fed_at

    async def _discover(self) -> bool:
        """Look for our module on the served domains; return whether that is news."""
        if not self.can_use_companions:
            return False
        return await self.rights.discover(self._ask, ADVERTISEMENT_SECONDS)

    async def _wait_first(self, seconds: float, *events: asyncio.Event) -> None:
        tasks = [asyncio.ensure_future(event.wait()) for event in events]
        await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()

    # --- Out ------------------------------------------------------------------

    async def deliver(self, answers: Iterable[Answer]) -> None:
        """Send answers; return when the server has taken all of them.

        A stream is processed in order, so the answer to a ping sent last proves it
        (component streams lack XEP-0198). Raises Down or Late.
        """
        await self._deliver(map(self.responder.to_stanza, answers))

    async def announce(self, to: Iterable[str], *, message: bool) -> None:
        """Announce the live document to bare JIDs; return when the server has taken it.

        By presence, and with ``message`` also by a message. Raises Down or Late.
        """
        await self._deliver(self._announcement(jid, message=message) for jid in to)

    async def _deliver(self, xml: Iterable[str]) -> None:
        if not self.ready:
            raise Down("no stream")
        write(self.xmpp, "".join(xml))
        await self._ask([self._ping()], time.time() + CONFIRMATION_SECONDS)

    async def ask(
        self, requests: Sequence[IqRequest], deadline: float
    ) -> list[IqResult]:
        """Return the XMPP server's answers, in order: see :func:`gateway.ask`."""
        if not self.ready:
            raise Down("no stream yet")
        return await self._ask(requests, deadline)

    async def _ask(
        self, requests: Sequence[IqRequest], deadline: float
    ) -> list[IqResult]:
        if not self.open:
            raise Down("no stream")
        return await self._requests.ask(requests, deadline)

    def _ping(self) -> IqRequest:
        return IqRequest("get", self.domains[0], iq.ping())

    def _announcement(self, to: str, *, message: bool) -> str:
        announcement = presence.available(sender=self.jid, to=to, more=self._announced)
        if not message or self._live is None:
            return announcement
        namespace = settings.CHANGE_MESSAGE_NAMESPACE
        return announcement + self._live.message(self.jid, to, namespace)

    # --- In -------------------------------------------------------------------

    def _message(self, xml: Element) -> None:
        is_news = self.rights.take(xml)
        if is_news is None:
            self._take_message(xml)
        elif is_news and self.ready:
            self.on_privileges()

    def _take_message(self, xml: Element) -> None:
        domain = self.rights.domain_of(xml)
        news = companion.account_news(xml) if domain in self.companions else None
        if news is None:
            self.responder.message(xml)
            return
        jid = parse_jid(f"{news.local}@{domain}")
        # What is stored of an account has its normalised JID.
        if jid and domain_of(jid) == domain:
            self.on_account(jid, news.registered)

    def _presence(self, stanza: Presence) -> None:
        """Accept subscriptions, so that changes can be announced by presence."""
        if stanza.xml.get("type") == "subscribe":
            self._answer_presence(stanza, "subscribed")

    def _answer_presence(
        self, stanza: Presence, type: str, sender: str | None = None
    ) -> None:
        to = stanza.xml.get("from", "")
        self.xmpp.send_raw(presence.build(type, sender=sender or self.jid, to=to))

    # --- Wiring ---------------------------------------------------------------

    def _register_handlers(self) -> None:
        xmpp, ns = self.xmpp, self.xmpp.default_ns
        for stock in ("IM", "IMError", "Presence"):
            xmpp.remove_handler(stock)
        handlers: tuple[tuple[str, MatcherBase, Callable[[Any], None]], ...] = (
            ("Results", Results(None), self._requests.handle_response),
            (
                "Message",
                MatchXPath(f"{{{ns}}}message"),
                lambda stanza: self._message(stanza.xml),
            ),
            ("Presence", MatchXPath(f"{{{ns}}}presence"), self._presence),
        )
        for name, matcher, handler in handlers:
            xmpp.register_handler(Callback(name, matcher, handler))
        xmpp.add_event_handler("session_start", self._session_start)
        xmpp.add_event_handler("disconnected", self._disconnected)
        xmpp.add_event_handler("connection_failed", self._connection_failed)
        xmpp.add_event_handler("stream_error", self._stream_error)

    def _disconnected(self, _: object) -> None:
        if self.open:
            self.failure = self.failure or "the XMPP server has closed the connection"
        self._ended.set()

    def _connection_failed(self, error: object) -> None:
        host, port = self.address
        reason = connect_error(error, host)
        self.failure = f"no XMPP server at {host}:{port} ({reason})"
        if not self._failure_logged:
            logger.warning(
                "no XMPP server at %s:%d (%s): trying on", *self.address, reason
            )
        self._failure_logged = True
        self._ended.set()

    def _opening_failed(self) -> None:
        host, port = self.address
        self.failure = (
            self.failure or f"the XMPP server at {host}:{port} opens no stream"
        )
        if not self._failure_logged:
            logger.warning(
                "the XMPP server at %s:%d opens no stream: trying on", *self.address
            )
        self._failure_logged = True

    def _session_start(self, _: object) -> None:
        logger.info("the stream of %s is open", self.jid)
        self._failure_logged = False
        self._opened.set()

    def _stream_error(self, error: Any) -> None:
        reason = f"{error['condition']} {error['text']}".strip()
        self.failure = f"the XMPP server closes the stream: {reason}"
        logger.error(
            "the XMPP server closes the stream: %s %s",
            error["condition"],
            error["text"],
        )


def connect_error(error: object, host: str) -> str:
    """Return in a few words why there is no connection to ``host``.

    slixmpp reports a name that cannot be resolved as a text without the name.
    """
    if not isinstance(error, OSError) or isinstance(error, socket.gaierror):
        return f"the name {host} cannot be resolved"
    return os.strerror(error.errno) if error.errno else str(error)


def _document_url() -> str:
    """Return the URL of the live document; empty unless everybody may read it."""
    return settings.PUBLIC_URL + DOCUMENT_PATH if settings.DOCUMENT_PUBLIC else ""


def _announced(live: LiveDocument | None) -> str:
    """Return what presence says of the live document, which may not be known yet."""
    element = live.element() if live else ""
    photo = live_document.photo(live.hash if live else "")
    return element + photo if settings.CHANGE_PHOTO else element
