"""The XMPP stream: a component (XEP-0114) that answers what can be answered inline.

Only this process writes here. A vCard get is answered from the published bytes:
no database, no thread, no reply stanza object. disco, ping, version and last
activity are answered by slixmpp's plugins. Commands go to ``on_message``.
"""

import asyncio
import logging
import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from slixmpp import ComponentXMPP
from slixmpp.stanza import Iq, Message, Presence
from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher import MatchXPath
from slixmpp.xmlstream.matcher.base import MatcherBase
from slixmpp.xmlstream.stanzabase import StanzaBase
from slixmpp.xmlstream.xmlstream import NotConnectedError

from xmppservice import __version__, stanzas
from xmppservice.events import Answer
from xmppservice.gateway import Answer as IqAnswer
from xmppservice.gateway import Broke, Down, Late
from xmppservice.gateway import Iq as IqRequest

logger = logging.getLogger(__name__)

# Seconds.
OPENING = 10
KEEP_ALIVE = 30
CONFIRMATION = 60
ADVERTISEMENT = 5

# Bytes. A server that reads slower than it asks must not fill our memory.
UNWRITTEN = 64 * 1024 * 1024

VCARD = f"{{{stanzas.NS_VCARD}}}vCard"
# What is answered, by us or by a plugin; every other request is refused.
SERVED = {
    "get": frozenset(
        {
            VCARD,
            f"{{{stanzas.NS_PING}}}ping",
            "{http://jabber.org/protocol/disco#info}query",
            "{http://jabber.org/protocol/disco#items}query",
            "{jabber:iq:last}query",
            "{jabber:iq:version}query",
        }
    ),
    "set": frozenset({VCARD}),
}


class Requests(MatcherBase):
    """Matches IQ requests that neither a plugin nor we answer."""

    def match(self, stanza: Any) -> bool:
        xml = stanza.xml
        if xml.tag != f"{{{stanzas.NS_COMPONENT}}}iq":
            return False
        served = SERVED.get(xml.get("type", ""))
        return served is not None and stanzas.payload_tag(xml) not in served


class Results(MatcherBase):
    """Matches answers to our own IQs."""

    def match(self, stanza: Any) -> bool:
        xml = stanza.xml
        return xml.tag == f"{{{stanzas.NS_COMPONENT}}}iq" and xml.get("type") in (
            "result",
            "error",
        )


class ServiceStream(ComponentXMPP):
    """One component stream, again and again: :meth:`session` is one connection.

    ``on_message(fields)`` gets each command (``events.Message`` without its
    ``type``) and says whether there was room for it.
    """

    def __init__(
        self, jid: str, secret: str, host: str, port: int, domains: Sequence[str]
    ) -> None:
        # fix_error_ns: without it every received error reads feature-not-implemented.
        super().__init__(jid, secret, host, port, fix_error_ns=True)  # type: ignore[no-untyped-call]  # slixmpp leaves it untyped
        self.on_message: Callable[[dict[str, str]], bool] = lambda fields: False
        self.on_ready: Callable[[], None] = lambda: None
        self.jid_served = jid
        self.domains = domains
        self.granted: dict[str, str] = {}
        self._tail = ""
        self._away = False
        self._asked: dict[str, tuple[str, asyncio.Future[IqAnswer]]] = {}
        self._opened = asyncio.Event()
        self._ended = asyncio.Event()
        self._privileged = asyncio.Event()
        self._register_handlers()
        self._register_plugins()

    def publish(self, document: str) -> None:
        """Answer vCard gets with ``document`` from now on."""
        self._tail = stanzas.vcard(document) + "</iq>"

    # --- Life cycle -----------------------------------------------------------

    async def session(self) -> None:
        """Connect, and return when the connection has ended.

        Returns at once when it cannot be made. slixmpp would retry by itself,
        waiting up to minutes: who calls this decides when.
        """
        self._opened.clear()
        self._ended.clear()
        self._privileged.clear()
        self.granted = {}
        self.connect(self.server_host, self.server_port)
        try:
            await self._first(OPENING, self._opened, self._ended)
            if self._opened.is_set():
                await self._stay()
        finally:
            self.cancel_connection_attempt()
            self.abort()
            self._fail_all()

    @property
    def open(self) -> bool:
        """Whether stanzas can be sent now."""
        return self._opened.is_set() and not self._ended.is_set()

    @property
    def privileged(self) -> bool:
        """Whether rosters can be read and written now."""
        return self.open and self._privileged.is_set()

    async def _stay(self) -> None:
        await self._first(ADVERTISEMENT, self._privileged, self._ended)
        if self._ended.is_set():
            return
        if self.granted.get("roster") != "both":
            logger.error(
                "the XMPP server does not let us read and write rosters: give the "
                "VirtualHost of the users privileged_entities = { [%r] = "
                '{ roster = "both" } } and the component the module "privilege"',
                self.jid_served,
            )
        await self.plugin["xep_0012"].start_uptime()
        self.on_ready()
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
        if not self.open:
            raise Down("no stream")
        self._write("".join(self._answer(answer) for answer in answers))
        await self._ask([self._ping()], time.time() + CONFIRMATION)

    async def ask(
        self, requests: Sequence[IqRequest], deadline: float
    ) -> list[IqAnswer]:
        """Answers of the XMPP server, in order: see :func:`gateway.ask`."""
        if not self.privileged:
            raise Down("no privileged stream yet")
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
        if any(stanzas.illegal(request.payload) for request in requests):
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
            self.send_raw(xml)
        except NotConnectedError:
            raise Down("the stream has just broken") from None

    def _expect(self, id: str, to: str) -> asyncio.Future[IqAnswer]:
        future: asyncio.Future[IqAnswer] = asyncio.get_running_loop().create_future()
        self._asked[id] = (to, future)
        return future

    def _ping(self) -> IqRequest:
        return IqRequest("get", self.domains[0], stanzas.ping())

    def _iq(self, id: str, request: IqRequest) -> str:
        return stanzas.iq(
            request.type,
            sender=self.jid_served,
            to=request.to,
            id=id,
            payload=request.payload,
        )

    def _answer(self, answer: Answer) -> str:
        return stanzas.answer(
            sender=self.jid_served,
            to=answer["to"],
            id=answer["id"],
            thread=answer["thread"],
            message_type=answer["message_type"],
            namespace=answer["namespace"],
            envelope_type=answer["envelope_type"],
            envelope_action=answer["envelope_action"],
            payload=answer["payload"],
        )

    # --- In -------------------------------------------------------------------

    def _vcard(self, iq: Iq) -> None:
        xml = iq.xml
        sender, service = xml.get("from", ""), self.jid_served
        to, id = xml.get("to", service), xml.get("id", "")
        if xml.get("type") not in SERVED:
            return
        if xml.get("type") == "set":
            self._refuse(iq, "service-unavailable")
        elif self._unwritten() > UNWRITTEN:
            self._refuse(iq, "resource-constraint", "wait")
        elif to == service or stanzas.bare_jid(to) == service:
            self.send_raw(
                f"<iq type='result' from='{stanzas.attribute(to)}'"
                f" to='{stanzas.attribute(sender)}' id='{stanzas.attribute(id)}'>"
                f"{self._tail}"
            )
        else:
            self._refuse(iq, "item-not-found")

    def _unwritten(self) -> int:
        """Bytes that the XMPP server has not taken yet."""
        return self.transport.get_write_buffer_size() if self.transport else 0

    def _request(self, iq: Iq) -> None:
        if stanzas.payload_tag(iq.xml) is None:
            self._refuse(iq, "bad-request", "modify")
        else:
            self._refuse(iq, "service-unavailable")

    def _refuse(self, iq: Iq, condition: str, error_type: str = "cancel") -> None:
        self.send_raw(
            stanzas.iq_error(
                sender=iq.xml.get("to", self.jid_served),
                to=iq.xml.get("from", ""),
                id=iq.xml.get("id", ""),
                condition=condition,
                error_type=error_type,
            )
        )

    def _result(self, iq: Iq) -> None:
        xml = iq.xml
        to, future = self._asked.get(xml.get("id", ""), ("", None))
        # An answer counts only from where we asked (RFC 6120, 8.2.3). Servers
        # normalise a localpart each in its own way; the domain is enough.
        sender = stanzas.domain(xml.get("from", to).partition("/")[0])
        if future is None or future.done() or sender != stanzas.domain(to):
            return
        if xml.get("type") == "result":
            future.set_result(IqAnswer("", stanzas.payload(xml)))
        else:
            condition = stanzas.condition(xml) or "undefined-condition"
            future.set_result(IqAnswer(condition, ""))

    def _message(self, message: Message) -> None:
        xml, sender = message.xml, stanzas.jid(message.xml.get("from", ""))
        if sender is None or stanzas.bare_jid(sender) == self.jid_served:
            return
        if stanzas.bare_jid(xml.get("to", "")) != self.jid_served:
            return  # to a JID below ours: no command
        if sender in self.domains and self._advertisement(message):
            return
        try:
            fields = stanzas.command(xml)
        except stanzas.Oversized as refusal:
            who = stanzas.alias(sender)
            logger.warning("refused a command of %s: %s", who, refusal)
            self._refuse_message(message, "not-acceptable", "modify")
            return
        if fields is None:
            return
        owner = stanzas.bare_jid(sender) or sender
        if not self.on_message({"sender": sender, "owner": owner, **fields}):
            self._refuse_message(message, "resource-constraint", "wait")

    def _refuse_message(self, message: Message, condition: str, type: str) -> None:
        self.send_raw(
            stanzas.message_error(
                sender=self.jid_served,
                to=message.xml.get("from", ""),
                id=message.xml.get("id", "")[: stanzas.LONGEST_FIELD],
                condition=condition,
                error_type=type,
            )
        )

    def _advertisement(self, message: Message) -> bool:
        granted = stanzas.privileges(message.xml)
        if granted is not None:
            self.granted = granted
            self._privileged.set()
        return granted is not None

    def _presence(self, presence: Presence) -> None:
        """Accept subscriptions, so that changes can be announced by presence."""
        answers = {"subscribe": ("subscribed", ""), "probe": ("",)}
        for type in answers.get(presence.xml.get("type", ""), ()):
            self.send_raw(
                stanzas.presence(
                    type, sender=self.jid_served, to=presence.xml.get("from", "")
                )
            )

    # --- Wiring ---------------------------------------------------------------

    def init_parser(self) -> None:
        super().init_parser()
        self.parser = stanzas.Parser()  # type: ignore[assignment]  # ours has the methods that slixmpp calls

    def _bounded(self, stanza: StanzaBase) -> StanzaBase | None:
        """Drop an IQ whose id, which every answer repeats, is beyond all use."""
        xml = stanza.xml
        if xml.tag != f"{{{stanzas.NS_COMPONENT}}}iq":
            return stanza
        if len(xml.get("id", "")) <= stanzas.LONGEST_FIELD:
            return stanza
        who = stanzas.alias(xml.get("from", ""))
        logger.warning(
            "dropped an iq of %s: %d characters of id", who, len(xml.get("id", ""))
        )
        return None

    def _register_handlers(self) -> None:
        self.add_filter("in", self._bounded)
        for stock in ("IM", "IMError", "Presence"):
            self.remove_handler(stock)
        ns = stanzas.NS_COMPONENT
        handlers: tuple[tuple[str, MatcherBase, Callable[[Any], None]], ...] = (
            (
                "vCard",
                MatchXPath(f"{{{ns}}}iq/{{{stanzas.NS_VCARD}}}vCard"),
                self._vcard,
            ),
            ("Results", Results(None), self._result),
            ("Message", MatchXPath(f"{{{ns}}}message"), self._message),
            ("Presence", MatchXPath(f"{{{ns}}}presence"), self._presence),
            ("Requests", Requests(None), self._request),
        )
        for name, matcher, handler in handlers:
            self.register_handler(Callback(name, matcher, handler))
        self.add_event_handler("session_start", self._session_start)
        self.add_event_handler("disconnected", lambda _: self._ended.set())
        self.add_event_handler("connection_failed", self._not_connected)
        self.add_event_handler("stream_error", self._stream_error)

    def _register_plugins(self) -> None:
        for plugin in ("xep_0030", "xep_0012", "xep_0092", "xep_0199"):
            self.register_plugin(plugin)
        self.plugin["xep_0092"].software_name = "XMPP Service"
        self.plugin["xep_0092"].version = __version__
        disco = self.plugin["xep_0030"]
        disco.add_identity(category="component", itype="generic", name="XMPP Service")
        disco.add_feature(stanzas.NS_VCARD)

    def _not_connected(self, reason: object) -> None:
        if not self._away:
            where = f"{self.server_host}:{self.server_port}"
            logger.warning("no XMPP server at %s (%s): trying on", where, reason)
        self._away = True
        self._ended.set()

    def _session_start(self, _: object) -> None:
        logger.info("the stream of %s is open", self.jid_served)
        self._away = False
        self._opened.set()

    def _stream_error(self, error: Any) -> None:
        logger.error(
            "the XMPP server closes the stream: %s %s",
            error["condition"],
            error["text"],
        )
