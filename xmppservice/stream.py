"""The XMPP stream: a component (XEP-0114) or an account of the XMPP server.

Only this process writes here. A component answers a vCard get from the published
bytes: no database, no thread, no reply stanza object. For an account the server
answers, with what :class:`Account` has stored there. What ordinary clients ask is
answered by :mod:`xmppservice.browsing` and :mod:`xmppservice.adhoc`; ping, version
and last activity by slixmpp's plugins. Commands go to ``on_message``.
"""

import asyncio
import logging
import secrets
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from django.conf import settings
from slixmpp import ClientXMPP, ComponentXMPP
from slixmpp.basexmpp import BaseXMPP
from slixmpp.stanza import Iq, Message, Presence
from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher import MatchXPath
from slixmpp.xmlstream.matcher.base import MatcherBase
from slixmpp.xmlstream.stanzabase import StanzaBase
from slixmpp.xmlstream.xmlstream import NotConnectedError

from xmppservice import __version__, adhoc, browsing
from xmppservice.browsing import Catalogue
from xmppservice.events import Answer, Entry
from xmppservice.gateway import Answer as IqAnswer
from xmppservice.gateway import Broke, Down, Late
from xmppservice.gateway import Iq as IqRequest
from xmppservice.protocol import envelope, iq, presence, redaction, roster, vcard
from xmppservice.protocol.envelope import Oversized
from xmppservice.protocol.iq import Refused, Request
from xmppservice.protocol.jids import bare_jid, domain_of, local_of, parse_jid
from xmppservice.protocol.namespaces import LONGEST_FIELD, NS_PING, NS_VCARD
from xmppservice.protocol.parser import Parser
from xmppservice.protocol.xml import Element, escape_attribute, illegal_character

logger = logging.getLogger(__name__)

# Seconds.
OPENING = 10
KEEP_ALIVE = 30
CONFIRMATION = 60
ADVERTISEMENT = 5
AGAIN = 10

NOTE = (
    "the XMPP server turns DESC of the vCard of %s into NOTE: load Prosody's module "
    '"vcard" in the place of "vcard_legacy" and "vcard4"'
)
OTHER = "the XMPP server does not give the vCard of %s back as it was stored"

# The word of a message that says that there is another document.
CHANGED = "vcard_updated"

# Errors of a presence that say that there is nobody any more.
GONE = frozenset({"gone", "item-not-found"})

# Bytes. A server that reads slower than it asks must not fill our memory.
UNWRITTEN = 64 * 1024 * 1024

VCARD = f"{{{NS_VCARD}}}vCard"
# What has a handler of its own, ours or a plugin's.
HANDLED = {
    "get": frozenset(
        {
            VCARD,
            f"{{{NS_PING}}}ping",
            "{jabber:iq:last}query",
            "{jabber:iq:version}query",
        }
    ),
    "set": frozenset({VCARD}),
}


class Requests(MatcherBase):
    """Matches IQ requests that have no handler of their own."""

    def match(self, stanza: Any) -> bool:
        xml = stanza.xml
        handled = HANDLED.get(xml.get("type", ""))
        return (
            iq.is_iq(xml) and handled is not None and iq.payload_tag(xml) not in handled
        )


class Results(MatcherBase):
    """Matches answers to our own IQs."""

    def match(self, stanza: Any) -> bool:
        xml = stanza.xml
        return iq.is_iq(xml) and xml.get("type") in ("result", "error")


class ServiceStream(ABC):
    """One stream, again and again: :meth:`session` is one connection.

    ``on_message(fields)`` gets each command (``events.Message`` without its
    ``type``) and says whether there was room for it. ``on_ready()`` says that
    stanzas can be sent, ``on_published(number)`` that clients read that document.
    ``on_subscription(jid, number)`` says who was told of which document when he
    subscribed or came online: 0 is of none yet, and None is who wants to hear no more.
    """

    def __init__(
        self, xmpp: BaseXMPP, jid: str, address: tuple[str, int], domains: Sequence[str]
    ) -> None:
        self.on_message: Callable[[dict[str, str]], bool] = lambda fields: False
        self.on_ready: Callable[[], None] = lambda: None
        self.on_published: Callable[[int], None] = lambda number: None
        self.on_subscription: Callable[[str, int | None], None] = lambda jid, told: None
        self.xmpp = xmpp
        self.jid = jid
        self.address = address
        self.domains = domains
        self.granted: dict[str, dict[str, str]] = {}  # by domain
        self.asks_privileges = True
        self._stored = ""
        self._tail = b""
        self._digest = ""
        self._number = 0
        schema = settings.PUBLIC_URL + browsing.SCHEMA
        self._about = browsing.about(settings.SUPPORT_ADDRESSES, schema)
        self._catalogue = Catalogue(jid, domains, self._about)
        self._away = False
        self._asked: dict[str, tuple[str, asyncio.Future[IqAnswer]]] = {}
        self._opened = asyncio.Event()
        self._ended = asyncio.Event()
        self._advertised = asyncio.Event()
        self._ready = asyncio.Event()
        self._register_handlers()
        self._register_plugins()

    def publish(self, number: int, document: str, entries: Sequence[Entry]) -> None:
        """Have clients read ``document``; ``on_published`` says when they do.

        ``entries`` are what it has in it, for clients that browse.
        """
        self._number = number
        self._stored = vcard.of_document(document)
        self._tail = f"{self._stored}</iq>".encode()
        self._catalogue = Catalogue(self.jid, self.domains, self._about, entries)
        self._digest = presence.digest(document)
        self._published()

    @abstractmethod
    def _published(self) -> None:
        """There is a document, or a session for it."""

    # --- Life cycle -----------------------------------------------------------

    async def session(self) -> None:
        """Connect, and return when the connection has ended.

        Returns at once when it cannot be made. slixmpp would retry by itself,
        waiting up to minutes: who calls this decides when.
        """
        for event in (self._opened, self._ended, self._advertised, self._ready):
            event.clear()
        self.granted = {}
        self.xmpp.connect(*self.address)
        try:
            await self._first(OPENING, self._opened, self._ended)
            if self._opened.is_set():
                await self._stay()
            else:
                self._not_opened()
        finally:
            self._ended.set()
            self.xmpp.cancel_connection_attempt()
            self.xmpp.abort()
            self._fail_all()

    @property
    def open(self) -> bool:
        """Whether there is a connection."""
        return self._opened.is_set() and not self._ended.is_set()

    @property
    def ready(self) -> bool:
        """Whether stanzas can be sent, and it is known what we may do."""
        return self.open and self._ready.is_set()

    @property
    def privileged(self) -> bool:
        """Whether rosters can be read and written by stanzas (XEP-0356)."""
        rosters = (granted.get("roster") for granted in self.granted.values())
        return self.ready and "both" in rosters

    async def _stay(self) -> None:
        if self.asks_privileges:
            await self._first(ADVERTISEMENT, self._advertised, self._ended)
        if self._ended.is_set():
            return
        await self.xmpp.plugin["xep_0012"].start_uptime()
        self._ready.set()
        self.on_ready()
        self._published()
        while not self._ended.is_set():
            await self._first(KEEP_ALIVE, self._ended)
            if not self._ended.is_set():
                await self._keep_alive()

    async def _keep_alive(self) -> None:
        try:
            await self._ask([self._ping()], time.time() + OPENING)
        except Late:
            logger.warning("the XMPP server does not answer: reconnecting")
            self._ended.set()
        except Down:
            pass

    async def _first(self, seconds: float, *events: asyncio.Event) -> None:
        waits = [asyncio.ensure_future(event.wait()) for event in events]
        await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()

    def _fail_all(self) -> None:
        asked, self._asked = self._asked, {}
        for _, future in asked.values():
            if not future.done():
                future.set_exception(Broke("the stream broke"))

    # --- Out ------------------------------------------------------------------

    async def deliver(self, answers: Iterable[Answer]) -> None:
        """Send answers; return when the server has taken all of them.

        A stream is processed in order, so the answer to a ping sent last proves
        it (component streams have no XEP-0198). Raises Down or Late.
        """
        await self._deliver(self._answer(answer) for answer in answers)

    async def announce(self, to: Iterable[str], *, message: bool) -> None:
        """Tell bare JIDs which document is live, likewise. Raises Down or Late.

        By presence, and with ``message`` by a message, too.
        """
        await self._deliver(self._change(jid, message=message) for jid in to)

    async def _deliver(self, xml: Iterable[str]) -> None:
        if not self.ready:
            raise Down("no stream")
        self._write("".join(xml))
        await self._ask([self._ping()], time.time() + CONFIRMATION)

    async def ask(
        self, requests: Sequence[IqRequest], deadline: float
    ) -> list[IqAnswer]:
        """Answers of the XMPP server, in order: see :func:`gateway.ask`."""
        if not self.ready:
            raise Down("no stream yet")
        return await self._ask(requests, deadline)

    async def _ask(
        self, requests: Sequence[IqRequest], deadline: float
    ) -> list[IqAnswer]:
        seconds = deadline - time.time()
        if seconds <= 0:
            raise Late("older than its deadline")
        if not self.open:
            raise Down("no stream")
        # Whatever slipped through the checks on input would end the stream.
        if any(illegal_character(request.payload) for request in requests):
            raise ValueError("a request has a character that XML cannot carry")
        ids = [secrets.token_hex(8) for _ in requests]
        futures = [self._expect(id, r.to) for id, r in zip(ids, requests, strict=True)]
        try:
            self._write(
                "".join(self._iq(id, r) for id, r in zip(ids, requests, strict=True))
            )
            async with asyncio.timeout(seconds):
                return list(await asyncio.gather(*futures))
        except TimeoutError:
            raise Late("no answer by the deadline") from None
        finally:
            for id in ids:
                self._asked.pop(id, None)

    def _write(self, xml: str) -> None:
        try:
            self.xmpp.send_raw(xml)
        except NotConnectedError:
            raise Down("the stream has just broken") from None

    def _expect(self, id: str, to: str) -> asyncio.Future[IqAnswer]:
        future: asyncio.Future[IqAnswer] = asyncio.get_running_loop().create_future()
        self._asked[id] = (domain_of(to or self.jid), future)
        return future

    def _ping(self) -> IqRequest:
        return IqRequest("get", self.domains[0], iq.ping())

    def _iq(self, id: str, request: IqRequest) -> str:
        return iq.build(
            request.type,
            sender=self.jid,
            to=request.to,
            id=id,
            payload=request.payload,
        )

    def _answer(self, answer: Answer) -> str:
        if answer["message_type"] == adhoc.MESSAGE_TYPE:
            return iq.build(
                "result",
                sender=self.jid,
                to=answer["to"],
                id=answer["id"],
                payload=adhoc.result(answer),
            )
        return envelope.build(
            sender=self.jid,
            to=answer["to"],
            id=answer["id"],
            thread=answer["thread"],
            message_type=answer["message_type"],
            namespace=answer["namespace"],
            envelope_type=answer["envelope_type"],
            envelope_action=answer["envelope_action"],
            payload=answer["payload"],
        )

    def _change(self, to: str, *, message: bool) -> str:
        changed = presence.available(sender=self.jid, to=to, digest=self._digest)
        if not message:
            return changed
        return changed + envelope.build(
            sender=self.jid,
            to=to,
            id="",
            thread="",
            # For who is online, and never stored for who is not (RFC 6121, 8.5.2).
            message_type="headline",
            namespace="jabber:x:oob",
            envelope_type=CHANGED,
            envelope_action=CHANGED,
            payload=f'{{"version":{self._number},"hash":"{self._digest}"}}',
        )

    # --- In -------------------------------------------------------------------

    def _vcard(self, stanza: Iq) -> None:
        xml = stanza.xml
        service = self.jid
        to = xml.get("to", service)
        if xml.get("type") not in HANDLED:
            return
        if xml.get("type") == "set":
            self._refuse(stanza, "service-unavailable")
        elif self._unwritten() > UNWRITTEN:
            self._refuse(stanza, "resource-constraint", "wait")
        elif to == service or bare_jid(to) == service:
            self._send_document(xml, to)
        else:
            self._reply(stanza, lambda: self._catalogue.card(bare_jid(to) or ""))

    def _is_document(self, xml: Element) -> bool:
        """Whether it was a get of the document, and has been answered.

        Before slixmpp makes a stanza of it and looks for its handler: that took
        more than half of an answer's time.
        """
        is_get = xml.get("type") == "get" and iq.is_iq(xml)
        if not (is_get and xml.get("to") == self.jid and xml.find(VCARD) is not None):
            return False
        is_usual = len(xml.get("id", "")) <= LONGEST_FIELD
        if not is_usual or self._unwritten() > UNWRITTEN:
            return False
        self._send_document(xml, self.jid)
        return True

    def _send_document(self, request: Element, at: str) -> None:
        to, id = (escape_attribute(request.get(name, "")) for name in ("from", "id"))
        sender = escape_attribute(at)
        head = f"<iq type='result' from='{sender}' to='{to}' id='{id}'>"
        self.xmpp.send_raw(head.encode() + self._tail)

    def _unwritten(self) -> int:
        """Bytes that the XMPP server has not taken yet."""
        transport = self.xmpp.transport
        return transport.get_write_buffer_size() if transport else 0

    def _request(self, stanza: Iq) -> None:
        self._reply(stanza, lambda: self._answer_to(iq.request(stanza.xml, self.jid)))

    def _answer_to(self, asked: Request) -> str | None:
        if self._unwritten() > UNWRITTEN:
            raise Refused("resource-constraint", "wait")
        # Only there: the answer of a command comes from no other JID.
        is_ours = parse_jid(asked.at) == self.xmpp.boundjid.full
        if is_ours and adhoc.is_meant(asked):
            return adhoc.answer(asked, self._owner(asked.sender), self.on_message)
        return self._catalogue.answer(asked)

    def _owner(self, sender: str) -> str | None:
        """The bare JID of who is served; None for anybody else."""
        bare = bare_jid(sender) or ""
        is_served = local_of(bare) and domain_of(bare) in self.domains
        return bare if is_served else None

    def _reply(self, stanza: Iq, payload: Callable[[], str | None]) -> None:
        try:
            said = payload()
        except Refused as refusal:
            self._refuse(stanza, refusal.condition, refusal.type, refusal.more)
        else:
            if said is not None:
                self._send_iq("result", stanza, said)

    def _refuse(
        self, stanza: Iq, condition: str, error_type: str = "cancel", more: str = ""
    ) -> None:
        self._send_iq("error", stanza, iq.error(condition, error_type, more))

    def _send_iq(self, type: str, stanza: Iq, payload: str) -> None:
        self.xmpp.send_raw(
            iq.build(
                type,
                sender=stanza.xml.get("to", self.jid),
                to=stanza.xml.get("from", ""),
                id=stanza.xml.get("id", ""),
                payload=payload,
            )
        )

    def _result(self, stanza: Iq) -> None:
        xml = stanza.xml
        asked, future = self._asked.get(xml.get("id", ""), ("", None))
        # An answer counts only from where we asked (RFC 6120, 8.2.3). Servers
        # normalise a localpart each in its own way; the domain is enough.
        sender = domain_of(xml.get("from", asked))
        if future is None or future.done() or sender != asked:
            return
        if xml.get("type") == "result":
            future.set_result(IqAnswer("", iq.payload(xml)))
        else:
            condition = iq.condition(xml) or "undefined-condition"
            future.set_result(IqAnswer(condition, ""))

    def _message(self, message: Message) -> None:
        xml, sender = message.xml, parse_jid(message.xml.get("from", ""))
        if sender is None or bare_jid(sender) == self.jid:
            return
        if bare_jid(xml.get("to", "")) != self.jid:
            return  # to a JID below ours: no command
        if sender in self.domains and self._advertisement(sender, message):
            return
        try:
            fields = envelope.parse(xml)
        except Oversized as refusal:
            who = redaction.alias(sender)
            logger.warning("refused a command of %s: %s", who, refusal)
            self._refuse_message(message, "not-acceptable", "modify")
            return
        if fields is None:
            return
        owner = bare_jid(sender) or sender
        if not self.on_message({"sender": sender, "owner": owner, **fields}):
            self._refuse_message(message, "resource-constraint", "wait")

    def _refuse_message(self, message: Message, condition: str, type: str) -> None:
        self.xmpp.send_raw(
            iq.message_error(
                sender=self.jid,
                to=message.xml.get("from", ""),
                id=message.xml.get("id", "")[:LONGEST_FIELD],
                condition=condition,
                error_type=type,
            )
        )

    def _advertisement(self, domain: str, message: Message) -> bool:
        granted = roster.privileges(message.xml)
        if granted is not None:
            self.granted[domain] = granted
            self._advertised.set()
        return granted is not None

    def _presence(self, stanza: Presence) -> None:
        """Accept subscriptions, so that changes can be announced by presence."""
        if stanza.xml.get("type") == "subscribe":
            self._answer_presence(stanza, "subscribed")

    def _answer_presence(self, stanza: Presence, type: str) -> None:
        to = stanza.xml.get("from", "")
        self.xmpp.send_raw(presence.build(type, sender=self.jid, to=to))

    # --- Wiring ---------------------------------------------------------------

    def _bounded(self, stanza: StanzaBase) -> StanzaBase | None:
        """Drop an IQ whose id, which every answer repeats, is beyond all use."""
        xml = stanza.xml
        if not iq.is_iq(xml):
            return stanza
        if len(xml.get("id", "")) <= LONGEST_FIELD:
            return stanza
        who = redaction.alias(xml.get("from", ""))
        logger.warning(
            "dropped an iq of %s: %d characters of id", who, len(xml.get("id", ""))
        )
        return None

    def _register_handlers(self) -> None:
        xmpp, ns = self.xmpp, self.xmpp.default_ns
        xmpp.add_filter("in", self._bounded)
        for stock in ("IM", "IMError", "Presence"):
            xmpp.remove_handler(stock)
        handlers: tuple[tuple[str, MatcherBase, Callable[[Any], None]], ...] = (
            (
                "vCard",
                MatchXPath(f"{{{ns}}}iq/{{{NS_VCARD}}}vCard"),
                self._vcard,
            ),
            ("Results", Results(None), self._result),
            ("Message", MatchXPath(f"{{{ns}}}message"), self._message),
            ("Presence", MatchXPath(f"{{{ns}}}presence"), self._presence),
            ("Requests", Requests(None), self._request),
        )
        for name, matcher, handler in handlers:
            xmpp.register_handler(Callback(name, matcher, handler))
        xmpp.add_event_handler("session_start", self._session_start)
        xmpp.add_event_handler("disconnected", lambda _: self._ended.set())
        xmpp.add_event_handler("connection_failed", self._not_connected)
        xmpp.add_event_handler("stream_error", self._stream_error)

    def _register_plugins(self) -> None:
        for plugin in ("xep_0012", "xep_0092", "xep_0199"):
            self.xmpp.register_plugin(plugin)
        # They bring slixmpp's discovery along; what is discovered is ours to say.
        for stock in ("Disco Info", "Disco Items"):
            self.xmpp.remove_handler(stock)
        self.xmpp.plugin["xep_0092"].software_name = browsing.NAME
        self.xmpp.plugin["xep_0092"].version = __version__

    def _not_connected(self, reason: object) -> None:
        if not self._away:
            logger.warning(
                "no XMPP server at %s:%d (%s): trying on", *self.address, reason
            )
        self._away = True
        self._ended.set()

    def _not_opened(self) -> None:
        if not self._away:
            logger.warning(
                "the XMPP server at %s:%d opens no stream: trying on", *self.address
            )
        self._away = True

    def _session_start(self, _: object) -> None:
        logger.info("the stream of %s is open", self.jid)
        self._away = False
        self._opened.set()

    def _stream_error(self, error: Any) -> None:
        logger.error(
            "the XMPP server closes the stream: %s %s",
            error["condition"],
            error["text"],
        )


class Component(ServiceStream):
    """The service as a component of the XMPP server (XEP-0114)."""

    def __init__(
        self, jid: str, secret: str, address: tuple[str, int], domains: Sequence[str]
    ) -> None:
        component = _Component(jid, secret)
        super().__init__(component, jid, address, domains)
        component.first_look = self._is_document

    def _published(self) -> None:
        if self._number and self.ready:
            self.on_published(self._number)

    def _presence(self, stanza: Presence) -> None:
        """Tell who subscribes or comes online which document is live."""
        xml = stanza.xml
        sender, type = bare_jid(xml.get("from", "")), xml.get("type", "")
        if sender is None or bare_jid(xml.get("to", "")) != self.jid:
            return
        super()._presence(stanza)
        if type in ("subscribe", "probe"):
            self._tell(stanza, sender)
        elif type == "unsubscribe":
            self._answer_presence(stanza, "unavailable")
        is_gone = type == "error" and iq.condition(xml) in GONE
        if type in ("unsubscribe", "unsubscribed") or is_gone:
            self.on_subscription(sender, None)

    def _tell(self, stanza: Presence, sender: str) -> None:
        # After a restart of the XMPP server everybody asks at once: then some are
        # announced to instead, at its pace.
        if self._unwritten() > UNWRITTEN:
            self.on_subscription(sender, 0)
            return
        to = stanza.xml.get("from", "")
        available = presence.available(sender=self.jid, to=to, digest=self._digest)
        self.xmpp.send_raw(available)
        self.on_subscription(sender, self._number)


class Account(ServiceStream):
    """The service as an account of the XMPP server, with its vCard stored there."""

    def __init__(
        self,
        jid: str,
        password: str,
        address: tuple[str, int],
        domains: Sequence[str],
        *,
        tls: bool,
    ) -> None:
        self._client, self._tls = _Client(jid, password, tls=tls), tls
        super().__init__(self._client, jid, address, domains)
        self._storing: asyncio.Task[None] | None = None
        self.xmpp.add_event_handler("failed_all_auth", self._not_let_in)
        self.xmpp.add_event_handler("ssl_invalid_chain", self._not_trusted)

    def _session_start(self, event: object) -> None:
        # What is sent to the bare JID shall come to us, whoever else is there.
        self.xmpp.send_raw(presence.own(""))
        super()._session_start(event)

    def _not_let_in(self, _: object) -> None:
        if self._tls and "starttls" not in self._client.features:
            logger.error("not encrypted: the XMPP server must offer STARTTLS")
        else:
            logger.error("the XMPP server refuses the password of %s", self.jid)
        self._ended.set()

    def _not_trusted(self, _: object) -> None:
        if not self._away:
            logger.error("the certificate of the XMPP server is not trusted")
        self._ended.set()

    def _published(self) -> None:
        if self._number and self.ready and (not self._storing or self._storing.done()):
            self._storing = asyncio.create_task(self._store())

    async def _store(self) -> None:
        """Have the server store the newest document, whatever is stored there."""
        stored = 0
        while self.ready and stored != self._number:
            number, wanted = self._number, self._stored
            digest = self._digest
            try:
                if await self._is_stored(wanted):
                    # The server tells it to all who are subscribed, now and later.
                    self._write(presence.own(digest))
                    self.on_published(stored := number)
                else:
                    await self._first(AGAIN, self._ended)
            except (Down, Late) as error:
                logger.warning("the vCard was not stored: %s", error)

    async def _is_stored(self, wanted: str) -> bool:
        """Store ``wanted`` unless it is there; whether it reads back as it is."""
        if self._reads(wanted, await self._own("get", vcard.get())):
            return True
        refused = (await self._own("set", wanted)).condition
        if refused:
            logger.error("the XMPP server refuses the vCard: %s", refused)
            return False
        read = await self._own("get", vcard.get())
        if self._reads(wanted, read):
            return True
        logger.error(
            NOTE if vcard.description_is_note(read.payload) else OTHER, self.jid
        )
        return False

    def _reads(self, wanted: str, read: IqAnswer) -> bool:
        return vcard.description(read.payload) == vcard.description(wanted)

    async def _own(self, type: str, payload: str) -> IqAnswer:
        (answer,) = await self._ask(
            [IqRequest(type, "", payload)], time.time() + OPENING
        )
        return answer


class _Component(ComponentXMPP):
    def __init__(self, jid: str, secret: str) -> None:
        # fix_error_ns: without it every received error reads feature-not-implemented.
        super().__init__(jid, secret, fix_error_ns=True)  # type: ignore[no-untyped-call]  # slixmpp leaves it untyped
        self.first_look: Callable[[Element], bool] = lambda xml: False

    def _spawn_event(self, xml: Element) -> None:
        if not self.first_look(xml):
            super()._spawn_event(xml)

    def init_parser(self) -> None:
        super().init_parser()
        self.parser = Parser()  # type: ignore[assignment]  # ours has the methods that slixmpp calls


class _Client(ClientXMPP):
    def __init__(self, jid: str, password: str, *, tls: bool) -> None:
        plain = {"feature_mechanisms": {"unencrypted_scram": True}}
        super().__init__(f"{jid}/service", password, plugin_config={} if tls else plain)
        self.enable_direct_tls = False
        self.enable_starttls, self.enable_plaintext = tls, not tls
        # Presence is ours to answer, and the roster of this account is nobody's.
        self.auto_authorize, self.auto_subscribe = None, False
        # Without resumption: what was not confirmed is sent again, from its row.
        self.register_plugin("xep_0198", {"allow_resume": False})

    def init_parser(self) -> None:
        super().init_parser()
        self.parser = Parser()  # type: ignore[assignment]  # ours has the methods that slixmpp calls


def from_settings() -> ServiceStream:
    """The stream that the settings describe."""
    jid, secret = settings.XMPP_JID, settings.XMPP_SECRET
    host, domains = settings.XMPP_HOST, settings.XMPP_DOMAINS
    if local_of(jid):
        address = (host, settings.XMPP_CLIENT_PORT)
        account = Account(jid, secret, address, domains, tls=settings.XMPP_TLS)
        # ejabberd tells an account nothing.
        account.asks_privileges = not settings.EJABBERD_API_URL
        return account
    return Component(jid, secret, (host, settings.XMPP_COMPONENT_PORT), domains)
