"""A small XMPP client that knows the service's commands, for the demo and the tests."""

import asyncio
import json
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple, Self
from xml.etree.ElementTree import Element
from xml.sax.saxutils import escape, quoteattr

from demo.stream import ClientError, condition, log_in

__all__ = ["Client", "ClientError", "Item"]

CLIENT = "{jabber:client}"
ROSTER = "{jabber:iq:roster}"
VCARD = "{vcard-temp}"
PING = "{urn:xmpp:ping}"

RESULT = "<iq type='result' {}/>"
REFUSAL = (
    "<iq type='error' {}><error type='cancel'>"
    "<service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>"
)

# Neither an archive nor another device needs a command (XEP-0334).
HINTS = "<no-store xmlns='urn:xmpp:hints'/><no-copy xmlns='urn:xmpp:hints'/>"

Predicate = Callable[[Element], bool]


class Item(NamedTuple):
    """A contact on the roster."""

    name: str
    groups: frozenset[str]
    subscription: str


class Client:
    """One connection of ``jid``, with everything that it received.

    ``stanzas`` has all received stanzas, ``pushes`` those that announced a change of
    the roster, in order of arrival; ``version`` is the last one heard of the roster,
    empty if the server gives none (RFC 6121, 2.6). After the login ``jid`` is the full
    JID. All timeouts are in seconds.
    """

    def __init__(self, jid: str, password: str, port: int) -> None:
        self.jid = jid
        self.stanzas: list[Element] = []
        self.pushes: list[Element] = []
        self.version = ""
        self._password = password
        self._port = port
        self._answers: dict[str, asyncio.Future[Element]] = {}
        self._watchers: list[tuple[Predicate, asyncio.Future[Element]]] = []
        self._end_reason = ""

    async def __aenter__(self) -> Self:
        self._stream = await log_in(self.jid, self._password, self._port)
        self.jid = self._stream.jid
        self._reading = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._reading.cancel()
        self._fail_pending("The connection was closed.")
        await self._stream.close()

    async def send(self, xml: str) -> None:
        """Write ``xml`` to the stream as it is."""
        self._raise_if_ended()
        self._stream.write(xml)
        try:
            await self._stream.drain()
        except OSError as error:
            raise ClientError(f"The connection was lost: {error}.") from None

    async def iq(
        self, type: str, payload: str, to: str | None = None, timeout: float = 30
    ) -> Element:
        """Send a ``get`` or ``set``; return the response, a result or an error."""
        id, address = uuid.uuid4().hex, f" to={quoteattr(to)}" if to else ""
        answer = self._expect(id)
        try:
            await self.send(f"<iq type='{type}' id='{id}'{address}>{payload}</iq>")
            return await _wait_for(answer, timeout)
        finally:
            self._answers.pop(id, None)

    async def presence(self, to: str | None = None, type: str | None = None) -> None:
        """Go online, or send ``to`` a presence of ``type``, such as ``subscribe``."""
        address = f" to={quoteattr(to)}" if to else ""
        kind = f" type={quoteattr(type)}" if type else ""
        await self.send(f"<presence{address}{kind}/>")

    async def message(self, predicate: Predicate, timeout: float = 30) -> Element:
        """Return the first message, past or future, that matches ``predicate``."""
        for stanza in self.stanzas:
            if stanza.tag == CLIENT + "message" and predicate(stanza):
                return stanza
        self._raise_if_ended()
        watcher = predicate, asyncio.get_running_loop().create_future()
        self._watchers.append(watcher)
        try:
            return await _wait_for(watcher[1], timeout)
        finally:
            self._watchers.remove(watcher)

    async def roster(self) -> dict[str, Item]:
        """Return the roster by JID; its changes then arrive as pushes."""
        answer = await self.iq("get", "<query xmlns='jabber:iq:roster'/>")
        _raise_on_error(answer)
        self._note_version(answer)
        items = answer.iter(ROSTER + "item")
        return {item.get("jid", ""): _item(item) for item in items}

    def _note_version(self, stanza: Element) -> None:
        query = stanza.find(ROSTER + "query")
        self.version = query.get("ver", "") if query is not None else ""

    async def roster_set(self, jid: str, name: str, groups: Iterable[str] = ()) -> None:
        """Write one contact as a user would; ``groups`` replace its groups."""
        inner = "".join(f"<group>{escape(group)}</group>" for group in groups)
        await self._write_item(f"jid={quoteattr(jid)} name={quoteattr(name)}", inner)

    async def roster_remove(self, jid: str) -> None:
        """Remove one contact from the roster."""
        await self._write_item(f"jid={quoteattr(jid)} subscription='remove'")

    async def _write_item(self, attributes: str, inner: str = "") -> None:
        item = f"<item {attributes}>{inner}</item>"
        query = f"<query xmlns='jabber:iq:roster'>{item}</query>"
        _raise_on_error(await self.iq("set", query))

    async def document(self, service: str) -> str:
        """Return the text in DESC of the vCard of ``service``."""
        answer = await self.iq("get", "<vCard xmlns='vcard-temp'/>", service)
        _raise_on_error(answer)
        return answer.findtext(f"{VCARD}vCard/{VCARD}DESC", "")

    async def command(
        self,
        service: str,
        command: str,
        payload: object,
        id: str | None = None,
        timeout: float = 60,
    ) -> dict[str, Any]:
        """Send a command and return the payload of its answer.

        ``payload`` is sent as JSON, or unchanged if it is a text. Without an answer the
        same ``id`` is sent again, as the contract requires (section 2); what is not
        final is returned, because a person or a test waits.
        """
        id = id or uuid.uuid4().hex
        xml = _envelope(service, command, payload, id)
        deadline = time.monotonic() + timeout
        for pause in _pauses():
            remaining = deadline - time.monotonic()
            answer = await self._attempt(id, xml, min(pause, remaining))
            if answer is not None:
                return _payload(answer)
            if remaining <= pause:
                break
        raise ClientError(f"No answer to {command} within {timeout:g} seconds.")

    async def _attempt(self, id: str, xml: str, pause: float) -> Element | None:
        """Send and wait; return None when it is time to send again."""
        answer = self._expect(id)
        await self.send(xml)
        # Only now: what a busy server has not taken yet is not worth a repeat.
        retry_at = time.monotonic() + pause
        await asyncio.wait({answer}, timeout=pause)
        if not answer.done():
            return None
        # Only an error of this type is final (contract, section 2).
        if _error_type(answer.result()) in ("", "modify"):
            return answer.result()
        await asyncio.sleep(retry_at - time.monotonic())
        return None

    def _expect(self, id: str) -> asyncio.Future[Element]:
        """Return a future for the answer to ``id``, which callers may share."""
        answer = asyncio.get_running_loop().create_future()
        return self._answers.setdefault(id, answer)

    async def _read(self) -> None:
        try:
            while True:
                self._handle(await self._stream.next())
        except ClientError as error:
            self._fail_pending(str(error))

    def _handle(self, stanza: Element) -> None:
        """Store a stanza, reply to requests, and resolve the futures that wait."""
        self.stanzas.append(stanza)
        if stanza.tag == CLIENT + "iq" and stanza.get("type") in ("get", "set"):
            self._reply(stanza)
        elif _is_answer(stanza):
            _resolve(self._answers.pop(stanza.get("id", ""), None), stanza)
        if stanza.tag == CLIENT + "message":
            for predicate, watcher in self._watchers:
                if predicate(stanza):
                    _resolve(watcher, stanza)

    def _reply(self, request: Element) -> None:
        """Accept roster pushes and pings; refuse the rest (RFC 6120, 8.2.3)."""
        pushed = request.find(ROSTER + "query") is not None
        if pushed:
            self.pushes.append(request)
            self._note_version(request)
        is_supported = pushed or request.find(PING + "ping") is not None
        sender = request.get("from")
        address = f" to={quoteattr(sender)}" if sender else ""
        attributes = f"id={quoteattr(request.get('id', ''))}{address}"
        # Not drained: if both sides wait for each other to read, neither continues.
        self._stream.write((RESULT if is_supported else REFUSAL).format(attributes))

    def _fail_pending(self, reason: str) -> None:
        """Fail all pending futures, because the connection has ended."""
        self._end_reason = reason
        watchers = [watcher for _, watcher in self._watchers]
        for future in (*self._answers.values(), *watchers):
            if not future.done():
                future.set_exception(ClientError(reason))
                future.exception()  # otherwise asyncio logs exceptions never retrieved

    def _raise_if_ended(self) -> None:
        if self._end_reason:
            raise ClientError(self._end_reason)


async def _wait_for(future: asyncio.Future[Element], timeout: float) -> Element:
    await asyncio.wait({future}, timeout=timeout)
    if not future.done():
        raise ClientError(f"No answer within {timeout:g} seconds.")
    return future.result()


def _resolve(future: asyncio.Future[Element] | None, stanza: Element) -> None:
    if future and not future.done():
        future.set_result(stanza)


def _is_answer(stanza: Element) -> bool:
    """Return whether it ends a request: an iq, an error, a command's answer."""
    if stanza.tag == CLIENT + "iq" or stanza.get("type") == "error":
        return True
    return stanza.find("{*}x/{*}payload") is not None


def _item(item: Element) -> Item:
    groups = frozenset(group.text or "" for group in item.iter(ROSTER + "group"))
    return Item(item.get("name", ""), groups, item.get("subscription", "none"))


def _envelope(service: str, command: str, payload: object, id: str) -> str:
    text = payload if isinstance(payload, str) else json.dumps(payload)
    return (
        f"<message to={quoteattr(service)} id={quoteattr(id)} type='chat'><body/>"
        f"<x xmlns='urn:xmppservice:command:1'><type>{command}</type>"
        f"<action>{command}</action>"
        f"<payload>{escape(text)}</payload></x>{HINTS}</message>"
    )


def _pauses() -> Iterator[float]:
    """Yield the seconds to wait before each repeat."""
    pause = 5
    while True:
        yield pause
        pause = min(2 * pause, 60)


def _payload(answer: Element) -> dict[str, Any]:
    _raise_on_error(answer)
    payload: dict[str, Any] = json.loads(answer.findtext("{*}x/{*}payload", ""))
    return payload


def _raise_on_error(stanza: Element) -> None:
    if stanza.get("type") == "error":
        sender = stanza.get("from", "The XMPP server")
        raise ClientError(f"{sender} returned the error {condition(_error(stanza))}.")


def _error_type(stanza: Element) -> str:
    return _error(stanza).get("type", "")


def _error(stanza: Element) -> Element:
    error = stanza.find(CLIENT + "error")
    return Element("none") if error is None else error
