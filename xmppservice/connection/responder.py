"""The service's answers to requests.

A component answers a vCard get from the published bytes: no database, no thread, no
reply stanza object. :mod:`.browsing` answers ordinary clients; an object that
:mod:`xmppservice.service` passes in answers ad-hoc commands; slixmpp's plugins answer
ping, version and last activity.
"""

import logging
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from slixmpp.basexmpp import BaseXMPP
from slixmpp.stanza import Iq
from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher.base import MatcherBase
from slixmpp.xmlstream.stanzabase import StanzaBase

from xmppservice import __version__
from xmppservice.connection import browsing
from xmppservice.connection.browsing import Catalogue
from xmppservice.connection.events import (
    ADHOC,
    OVERLOADED,
    Answer,
    CatalogueEntry,
)
from xmppservice.protocol import envelope, iq, redaction
from xmppservice.protocol.envelope import Oversized
from xmppservice.protocol.iq import Request, StanzaError
from xmppservice.protocol.jids import bare_jid, domain_of, local_of, parse_jid
from xmppservice.protocol.live_document import LiveDocument
from xmppservice.protocol.namespaces import (
    MAX_FIELD,
    MAX_ID_BYTES,
    NS_PING,
    NS_VCARD,
)
from xmppservice.protocol.xml import Element, escape_attribute

logger = logging.getLogger(__name__)

# A server that reads more slowly than it asks must not fill our memory.
MAX_UNWRITTEN_BYTES = 64 * 1024 * 1024

VCARD = f"{{{NS_VCARD}}}vCard"
# Requests with their own handler, ours or a plugin's.
HANDLED_TAGS = {
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

NO_TEXTS_HERE = "Nobody reads texts sent to this address. Write to {uri} instead."
NO_TEXTS = "This address takes commands of apps only. Nobody reads texts sent to it."

Take = Callable[[dict[str, str]], bool]


class VCards(MatcherBase):
    """Matches IQ requests of a vCard, and of nothing else."""

    def match(self, stanza: Any) -> bool:
        xml = stanza.xml
        is_request = iq.is_iq(xml) and xml.get("type") in HANDLED_TAGS
        return is_request and iq.payload_tag(xml) == VCARD


class Unhandled(MatcherBase):
    """Matches IQ requests that have no handler of their own."""

    def match(self, stanza: Any) -> bool:
        xml = stanza.xml
        handled = HANDLED_TAGS.get(xml.get("type", ""))
        return (
            iq.is_iq(xml) and handled is not None and iq.payload_tag(xml) not in handled
        )


class AdHocCommands(Protocol):
    """Answers ad-hoc commands (XEP-0050): see :mod:`roster.commands.adhoc`."""

    def is_command_request(self, request: Request) -> bool: ...
    def answer(self, request: Request, owner: str | None, take: Take) -> str | None: ...
    def result(self, answer: Answer) -> str: ...


class Responder:
    """Answer requests to ``jid`` on the stream of ``xmpp``.

    ``take`` gets each command (``events.Message`` without its ``type``) and returns
    whether there was room for it.
    """

    def __init__(
        self,
        xmpp: BaseXMPP,
        jid: str,
        domains: Sequence[str],
        commands: AdHocCommands,
        take: Take,
    ) -> None:
        self.xmpp, self.jid, self.domains = xmpp, jid, domains
        self._commands, self._take = commands, take
        self._tail = b""
        self.reads = 0  # of what is published now
        self._catalogue = Catalogue(jid, domains)
        self._register()

    def publish(
        self, vcard: str, live: LiveDocument, entries: Sequence[CatalogueEntry]
    ) -> None:
        """Serve this vCard, and ``entries`` to clients that browse."""
        self._tail = f"{vcard}</iq>".encode()
        self.reads = 0
        about = browsing.about(live)
        self._catalogue = Catalogue(self.jid, self.domains, about, entries)

    @property
    def overloaded(self) -> bool:
        """Whether the XMPP server reads more slowly than it asks."""
        transport = self.xmpp.transport
        unwritten = transport.get_write_buffer_size() if transport else 0
        return bool(unwritten > MAX_UNWRITTEN_BYTES)

    # --- The document -----------------------------------------------------------

    def answer_document(self, xml: Element) -> bool:
        """Answer a get of the document; return whether it was one.

        This happens before slixmpp builds a stanza and looks for its handler, which
        took more than half of the response time.
        """
        is_get = xml.get("type") == "get" and iq.is_iq(xml)
        if not (is_get and xml.get("to") == self.jid and iq.payload_tag(xml) == VCARD):
            return False
        is_id_short = len(xml.get("id", "")) <= MAX_FIELD
        if not is_id_short or self.overloaded:
            return False
        self._send_document(xml, self.jid)
        return True

    def _send_document(self, request: Element, at: str) -> None:
        to, id = (escape_attribute(request.get(name, "")) for name in ("from", "id"))
        sender = escape_attribute(at)
        head = f"<iq type='result' from='{sender}' to='{to}' id='{id}'>"
        self.xmpp.send_raw(head.encode() + self._tail)
        self.reads += 1

    def _vcard(self, stanza: Iq) -> None:
        xml = stanza.xml
        to = xml.get("to", self.jid)
        if xml.get("type") == "set":
            self._refuse(stanza, "service-unavailable")
        elif self.overloaded:
            self._refuse(stanza, "resource-constraint", "wait")
        elif self.jid in (to, bare_jid(to)):
            self._send_document(xml, to)
        else:
            self._reply(stanza, lambda: self._catalogue.card(bare_jid(to) or ""))

    # --- Other IQs --------------------------------------------------------------

    def _request(self, stanza: Iq) -> None:
        self._reply(stanza, lambda: self._answer_to(iq.request(stanza.xml, self.jid)))

    def _answer_to(self, request: Request) -> str | None:
        if self.overloaded:
            raise StanzaError("resource-constraint", "wait")
        # Only at this JID, because command answers come from no other.
        is_ours = parse_jid(request.at) == self.xmpp.boundjid.full
        if is_ours and self._commands.is_command_request(request):
            return self._commands.answer(
                request, self._owner(request.sender), self._take
            )
        return self._catalogue.answer(request)

    def _owner(self, sender: str) -> str | None:
        """Return the bare JID of a user of a served domain; None for others."""
        bare = bare_jid(sender) or ""
        is_served = local_of(bare) and domain_of(bare) in self.domains
        return bare if is_served else None

    def _reply(self, stanza: Iq, payload: Callable[[], str | None]) -> None:
        try:
            response = payload()
        except StanzaError as refusal:
            self._refuse(stanza, refusal.condition, refusal.type, refusal.more)
        else:
            if response is not None:
                self._send_iq("result", stanza, response)

    def _refuse(
        self,
        stanza: StanzaBase,
        condition: str,
        error_type: str = "cancel",
        more: str = "",
    ) -> None:
        self._send_iq("error", stanza, iq.error(condition, error_type, more))

    def _send_iq(self, type: str, stanza: StanzaBase, payload: str) -> None:
        self.xmpp.send_raw(
            iq.build(
                type,
                sender=stanza.xml.get("to", self.jid),
                to=stanza.xml.get("from", ""),
                id=stanza.xml.get("id", ""),
                payload=payload,
            )
        )

    # --- Messages ---------------------------------------------------------------

    def message(self, xml: Element) -> None:
        """Take a command; answer a text with an error; ignore all other messages."""
        sender = parse_jid(xml.get("from", ""))
        if sender is None or bare_jid(sender) == self.jid:
            return
        to = bare_jid(xml.get("to", ""))
        try:
            # A message to a channel's JID is no command.
            fields = envelope.parse(xml) if to == self.jid else None
        except Oversized as refusal:
            alias = redaction.alias(sender)
            logger.warning("refused a command of %s: %s", alias, refusal)
            self._refuse_message(xml, iq.error("not-acceptable", "modify"))
            return
        if fields is not None:
            self._command({"sender": sender, **fields}, xml)
        elif to is not None and envelope.is_text(xml) and not self.overloaded:
            self._refuse_message(xml, self._text_error(to, sender), to)

    def _command(self, fields: dict[str, str], xml: Element) -> None:
        owner = bare_jid(fields["sender"]) or fields["sender"]
        if not self._take({"owner": owner, **fields}):
            text = iq.text(OVERLOADED)
            self._refuse_message(xml, iq.error("resource-constraint", "wait", text))

    def _text_error(self, to: str, sender: str) -> str:
        """Say why nobody reads a text, and where to write instead."""
        if to == self.jid:
            return iq.error("service-unavailable", more=iq.text(NO_TEXTS))
        try:
            uri = self._catalogue.route(to, sender)
            return iq.redirect(uri, iq.text(NO_TEXTS_HERE.format(uri=uri)))
        except StanzaError as error:
            return iq.error(error.condition, error.type)

    def _refuse_message(self, xml: Element, error: str, sender: str = "") -> None:
        id, to = xml.get("id", ""), xml.get("from", "")
        if self._can_repeat(id):
            self.xmpp.send_raw(
                iq.message_error(sender=sender or self.jid, to=to, id=id, error=error)
            )

    def _can_repeat(self, id: str) -> bool:
        """Whether an error may repeat ``id``: too large a stanza ends the stream."""
        if len(id) <= MAX_FIELD:
            return True
        size = len(escape_attribute(id).encode())
        return size <= MAX_ID_BYTES and not self.overloaded

    def to_stanza(self, answer: Answer) -> str:
        """Return a command's answer as a stanza: a message, or the result of its IQ."""
        if "refusal" in answer:
            return self._refusal(answer, answer["refusal"])
        if "receipt" in answer:
            return envelope.receipt(
                sender=self.jid,
                to=answer["to"],
                message_type=answer["message_type"],
                id=answer["receipt"],
            )
        if answer["message_type"] == ADHOC:
            return iq.build(
                "result",
                sender=self.jid,
                to=answer["to"],
                id=answer["id"],
                payload=self._commands.result(answer),
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

    def _refusal(self, answer: Answer, text: str) -> str:
        """A stanza error (RFC 6120, 8.3) in place of an answer: repeat later."""
        error = iq.error("resource-constraint", "wait", iq.text(text))
        addresses = {"sender": self.jid, "to": answer["to"], "id": answer["id"]}
        if answer["message_type"] == ADHOC:
            return iq.build("error", **addresses, payload=error)
        return iq.message_error(**addresses, error=error)

    # --- Wiring -----------------------------------------------------------------

    def _without_long_id(self, stanza: StanzaBase) -> StanzaBase | None:
        """Refuse or drop an IQ whose id is too long: answers must repeat it."""
        xml, id = stanza.xml, stanza.xml.get("id", "")
        if not iq.is_iq(xml) or len(id) <= MAX_FIELD:
            return stanza
        alias = redaction.alias(xml.get("from", ""))
        if xml.get("type") in HANDLED_TAGS and self._can_repeat(id):
            self._refuse(stanza, "not-acceptable", "modify")
            logger.warning("refused an iq of %s: %d characters of id", alias, len(id))
        else:
            logger.warning("dropped an iq of %s: %d characters of id", alias, len(id))
        return None

    def _register(self) -> None:
        xmpp = self.xmpp
        xmpp.add_filter("in", self._without_long_id)
        handlers: tuple[tuple[str, MatcherBase, Callable[[Any], None]], ...] = (
            ("vCard", VCards(None), self._vcard),
            ("Requests", Unhandled(None), self._request),
        )
        for name, matcher, handler in handlers:
            xmpp.register_handler(Callback(name, matcher, handler))
        for plugin in ("xep_0012", "xep_0092", "xep_0199"):
            xmpp.register_plugin(plugin)
        # These plugins load slixmpp's discovery, which our own replaces.
        for stock in ("Disco Info", "Disco Items"):
            xmpp.remove_handler(stock)
        xmpp.plugin["xep_0092"].software_name = browsing.NAME
        xmpp.plugin["xep_0092"].version = __version__
