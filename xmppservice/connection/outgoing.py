"""Our own IQs and their pending answers."""

import asyncio
import secrets
import time
from collections.abc import Sequence
from typing import Any

from slixmpp.basexmpp import BaseXMPP
from slixmpp.stanza import Iq
from slixmpp.xmlstream.matcher.base import MatcherBase
from slixmpp.xmlstream.xmlstream import NotConnectedError

from xmppservice.connection.gateway import Broke, Down, IqRequest, IqResult, Late
from xmppservice.protocol import iq
from xmppservice.protocol.jids import domain_of
from xmppservice.protocol.xml import illegal_character


def write(xmpp: BaseXMPP, xml: str) -> None:
    """Send stanzas; raises Down."""
    try:
        xmpp.send_raw(xml)
    except NotConnectedError:
        raise Down("the stream has just broken") from None


class Results(MatcherBase):
    """Matches answers to our own IQs."""

    def match(self, stanza: Any) -> bool:
        xml = stanza.xml
        return iq.is_iq(xml) and xml.get("type") in ("result", "error")


class Requests:
    """The pending requests of ``jid`` on the stream of ``xmpp``."""

    def __init__(self, xmpp: BaseXMPP, jid: str) -> None:
        self.xmpp, self.jid = xmpp, jid
        self._pending: dict[str, tuple[str, asyncio.Future[IqResult]]] = {}

    async def ask(
        self, requests: Sequence[IqRequest], deadline: float
    ) -> list[IqResult]:
        """Return the XMPP server's answers, in order. Raises Down, Broke or Late."""
        seconds = deadline - time.time()
        if seconds <= 0:
            raise Late("older than its deadline")
        # A character that slipped through the input checks would end the stream.
        if any(illegal_character(request.payload) for request in requests):
            raise ValueError("a request has a character that XML cannot carry")
        ids = [secrets.token_hex(8) for _ in requests]
        futures = [self._expect(id, r.to) for id, r in zip(ids, requests, strict=True)]
        try:
            write(
                self.xmpp,
                "".join(self._iq(id, r) for id, r in zip(ids, requests, strict=True)),
            )
            async with asyncio.timeout(seconds):
                return list(await asyncio.gather(*futures))
        except TimeoutError:
            raise Late("no answer by the deadline") from None
        finally:
            for id in ids:
                self._pending.pop(id, None)

    def _expect(self, id: str, to: str) -> asyncio.Future[IqResult]:
        future: asyncio.Future[IqResult] = asyncio.get_running_loop().create_future()
        self._pending[id] = (domain_of(to or self.jid), future)
        return future

    def _iq(self, id: str, request: IqRequest) -> str:
        return iq.build(
            request.type,
            sender=self.jid,
            to=request.to,
            id=id,
            payload=request.payload,
        )

    def handle_response(self, stanza: Iq) -> None:
        """Pass an answer to the request that waits for it."""
        xml = stanza.xml
        domain, future = self._pending.get(xml.get("id", ""), ("", None))
        # Accept an answer only from the domain that we asked (RFC 6120, 8.2.3). Not
        # the whole JID: servers normalise localparts in different ways.
        sender = domain_of(xml.get("from", domain))
        if future is None or future.done() or sender != domain:
            return
        if xml.get("type") == "result":
            future.set_result(IqResult("", iq.payload(xml)))
        else:
            condition = iq.condition(xml) or "undefined-condition"
            future.set_result(IqResult(condition, "", iq.error_text(xml)))

    def fail(self) -> None:
        """Fail all pending requests, because the stream broke."""
        pending, self._pending = self._pending, {}
        for _, future in pending.values():
            if not future.done():
                future.set_exception(Broke("the stream broke"))
