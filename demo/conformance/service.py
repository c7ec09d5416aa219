"""The program in the place of the service: it plays the scenario of each account."""

import asyncio
import hashlib
import json
import time
from collections.abc import Callable
from typing import NamedTuple
from xml.etree.ElementTree import Element
from xml.sax.saxutils import escape, quoteattr

from demo.component import ACCEPT, RawComponent
from demo.conformance.scenarios import FIRST_PAUSE_SECONDS, SCENARIOS, Scenario

COMMAND = "urn:xmppservice:command:1"
DOCUMENT = "urn:xmppservice:document:1"
RECEIPTS = "urn:xmpp:receipts"
HINTS = "<no-store xmlns='urn:xmpp:hints'/><no-copy xmlns='urn:xmpp:hints'/>"
ERRORS = "urn:ietf:params:xml:ns:xmpp-stanzas"
INFO = "http://jabber.org/protocol/disco#info"
FEATURES = (INFO, "vcard-temp", DOCUMENT, COMMAND, RECEIPTS)

CODES = {
    0: "",
    1: "SQL_ERROR",
    2: "NO_USER_FOUND",
    3: "NO_CHANNEL_FOUND",
    4: "BAD_REQUEST",
    5: "RATE_LIMITED",
    6: "UNKNOWN_COMMAND",
}

_BY_NAME = {one.name: one for one in SCENARIOS}


class Command(NamedTuple):
    """A command as it came, with the time in seconds."""

    at: float
    id: str
    word: str
    payload: str
    sender: str
    stanza: Element


class Text(NamedTuple):
    """A message to a channel."""

    at: float
    to: str
    thread: str


class Talk:
    """What a client has sent, in the scenario of its account."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.commands: list[Command] = []
        self.texts: list[Text] = []
        self.reads: list[float] = []  # of the document
        self.is_subscribed = False
        self.announced = 0  # documents
        self.last_at = time.monotonic()

    @property
    def has_begun(self) -> bool:
        return bool(self.commands or self.texts or self.reads)


class PlayedService:
    """Answers the clients of ``component`` as their scenarios say.

    ``first_pause`` is that of the clients under test. ``end_stream(jid, condition)``
    ends the stream of a client.
    """

    def __init__(
        self,
        component: RawComponent,
        documents: tuple[str, str],
        end_stream: Callable[[str, str], None],
        first_pause: float = FIRST_PAUSE_SECONDS,
    ) -> None:
        self.jid = component.jid
        self.first_pause = first_pause
        self._end_stream = end_stream
        self.talks: dict[str, Talk] = {}
        self._ended: set[str] = set()  # full JIDs whose streams are being ended
        self._component, self._documents = component, documents
        component.on_stanza = self._take

    def write(self, xml: str) -> None:
        self._component.write(xml)

    def end_stream(self, jid: str, condition: str) -> None:
        self._ended.add(jid)
        self._end_stream(jid, condition)

    def stream_has_ended(self, jid: str) -> None:
        """Listen to ``jid`` again, which the client may use for its next stream."""
        self._ended.discard(jid)

    def _take(self, stanza: Element) -> None:
        sender = stanza.get("from", "")
        local = sender.partition("@")[0]
        # A client may go on for some seconds before it knows that its stream has ended.
        if local not in _BY_NAME or sender in self._ended:
            return
        talk = self.talks.setdefault(local, Talk(_BY_NAME[local]))
        talk.last_at = time.monotonic()
        kind = stanza.tag.rpartition("}")[2]
        if kind == "iq":
            self._request(talk, stanza)
        elif kind == "presence":
            self._presence(talk, stanza)
        elif stanza.get("type") != "error":
            self._message(talk, stanza)

    # --- The document -----------------------------------------------------------

    def _request(self, talk: Talk, iq: Element) -> None:
        head = f"from={quoteattr(iq.get('to', ''))} to={quoteattr(iq.get('from', ''))}"
        head += f" id={quoteattr(iq.get('id', ''))}"
        if iq.find(f"{{{INFO}}}query") is not None:
            features = "".join(f"<feature var='{one}'/>" for one in FEATURES)
            identity = "<identity category='component' type='generic'/>"
            query = f"<query xmlns='{INFO}'>{identity}{features}</query>"
            self.write(f"<iq type='result' {head}>{query}</iq>")
            return
        if iq.find("{vcard-temp}vCard") is None:
            error = (
                f"<error type='cancel'><service-unavailable xmlns='{ERRORS}'/></error>"
            )
            self.write(f"<iq type='error' {head}>{error}</iq>")
            return
        talk.reads.append(time.monotonic())
        text = self._documents[min(talk.announced, 1)]
        if talk.scenario.name == "gone" and len(talk.reads) == 1:
            self.end_stream(iq.get("from", ""), "")
            return
        if talk.scenario.name == "replaced" and len(talk.reads) == 1:
            talk.announced = 1
            self._announce(talk, iq.get("from", ""))
        if talk.scenario.name == "unread" and len(talk.reads) == 1:
            error = (
                f"<error type='wait'><resource-constraint xmlns='{ERRORS}'/></error>"
            )
            self.write(f"<iq type='error' {head}>{error}</iq>")
            return
        if talk.scenario.name == "unread" and len(talk.reads) == 2:
            text = text[: len(text) // 2]
        vcard = f"<vCard xmlns='vcard-temp'><DESC>{escape(text)}</DESC></vCard>"
        self.write(f"<iq type='result' {head}>{vcard}</iq>")

    def _presence(self, talk: Talk, presence: Element) -> None:
        type, sender = presence.get("type"), presence.get("from", "")
        if type == "subscribe":
            to = quoteattr(sender)
            self.write(f"<presence type='subscribed' from='{self.jid}' to={to}/>")
            talk.is_subscribed = True
        # While the client reads, not before.
        is_late = talk.scenario.name == "replaced" and not talk.announced
        if type in ("subscribe", "probe") and not is_late:
            self._announce(talk, sender)

    def _announce(self, talk: Talk, to: str) -> None:
        document = self._documents[min(talk.announced, 1)]
        hash = hashlib.sha1(document.encode(), usedforsecurity=False).hexdigest()
        version = talk.announced + 1
        self.write(
            f"<presence from='{self.jid}' to={quoteattr(to)}>"
            f"<document xmlns='{DOCUMENT}' hash='{hash}' version='{version}'/>"
            "</presence>"
        )

    # --- Messages ---------------------------------------------------------------

    def _message(self, talk: Talk, message: Element) -> None:
        now, to = time.monotonic(), message.get("to", "")
        is_due = talk.scenario.name == "changed" and talk.is_subscribed
        if is_due and not talk.announced:
            talk.announced = 1
            self._announce(talk, message.get("from", "").partition("/")[0])
        words = {
            name: message.findtext(f"{{*}}x/{{*}}{name}", "")
            for name in ("type", "action", "payload")
        }
        word = next((one for one in words.values() if one.startswith("cmd_")), "")
        if to != self.jid or not word:
            if message.find(f"{{{ACCEPT}}}body") is not None:
                thread = message.findtext(f"{{{ACCEPT}}}thread", "")
                talk.texts.append(Text(now, to, thread))
            return
        sender, id = message.get("from", ""), message.get("id", "")
        command = Command(now, id, word, words["payload"], sender, message)
        talk.commands.append(command)
        self._play(talk, command)

    def _play(self, talk: Talk, command: Command) -> None:
        times = sum(one.id == command.id for one in talk.commands)
        turns = talk.scenario.turns if command.word == talk.scenario.word else ()
        others = {one.id for one in talk.commands if one.word == command.word}
        if talk.scenario.must_split and len(others) > 1:
            turns = ()
        line = PlayedLine(self, command)
        if times <= len(turns):
            turns[times - 1].act(line)
        else:
            line.answer()


class PlayedLine:
    """What can be done with ``command``: see :class:`scenarios.Line`."""

    def __init__(self, service: PlayedService, command: Command) -> None:
        self._service, self._command = service, command
        stanza = command.stanza
        self.asks_for_receipt = stanza.find(f"{{{RECEIPTS}}}request") is not None
        # As the service: in the namespace of the command.
        (x,) = (one for one in stanza if one.tag.endswith("}x"))
        self._namespace = x.tag[1:-2]

    def answer(self, status: int = 0, **more: object) -> None:
        self._send(self._x(status, **more))

    def receipt(self) -> None:
        id = quoteattr(self._command.id)
        self._send(f"<received xmlns='{RECEIPTS}' id={id}/>", id="receipt")

    def error(self, type: str, condition: str) -> None:
        error = f"<error type='{type}'><{condition} xmlns='{ERRORS}'/></error>"
        self._send(error, type="error")

    def false_answer(self, kind: str) -> None:
        """An answer that says "done", and must not be believed."""
        done = self._x(0)
        if kind == "unknown":
            self._send(done, id="an-id-of-nobody")
        elif kind == "stranger":
            self._send(done, sender=f"somebody@{self._service.jid}")
        elif kind == "garbled":
            self._send(f"<x xmlns='{self._namespace}'><payload>done</payload></x>")
        else:
            inner = f"<message xmlns='jabber:client' {self._head()}>{done}</message>"
            forwarded = f"<forwarded xmlns='urn:xmpp:forward:0'>{inner}</forwarded>"
            self._send(f"<received xmlns='urn:xmpp:carbons:2'>{forwarded}</received>")

    def end_stream(self, condition: str = "") -> None:
        self._service.end_stream(self._command.sender, condition)

    def later(self, pauses: float, action: Callable[[], None]) -> None:
        seconds = pauses * self._service.first_pause
        asyncio.get_running_loop().call_later(seconds, action)

    def _x(self, status: int, **more: object) -> str:
        code = CODES.get(status, "OUT_OF_PAPER")
        messages = [{"message": "This is a try."}] if status else []
        fields = {"status": status, "errorCode": code, "errorMessage": messages}
        if self._command.word == "cmd_search_users" and status == 0:
            fields["userList"] = []
        payload = json.dumps({**fields, **more})
        word = self._command.word
        return (
            f"<body/><x xmlns='{self._namespace}'>"
            f"<type>{word}</type><action>{word}</action>"
            f"<payload>{escape(payload)}</payload></x>"
        )

    def _send(
        self, inner: str, *, id: str | None = None, sender: str = "", type: str = "chat"
    ) -> None:
        head = self._head(id, sender, type)
        self._service.write(f"<message {head}>{inner}{HINTS}</message>")

    def _head(self, id: str | None = None, sender: str = "", type: str = "chat") -> str:
        to = quoteattr(self._command.sender)
        id = quoteattr(self._command.id if id is None else id)
        return f"from='{sender or self._service.jid}' to={to} id={id} type='{type}'"
