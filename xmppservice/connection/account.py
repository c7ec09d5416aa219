"""The service as an account of the XMPP server, with its vCard stored there."""

import asyncio
import logging
import time
from collections.abc import Sequence

from slixmpp import ClientXMPP

from xmppservice.connection.gateway import Down, IqRequest, IqResult, Late
from xmppservice.connection.outgoing import write
from xmppservice.connection.responder import AdHocCommands
from xmppservice.connection.stream import OPENING_SECONDS, ServiceStream
from xmppservice.protocol import presence, vcard
from xmppservice.protocol.parser import StanzaParser

logger = logging.getLogger(__name__)

RETRY_SECONDS = 10

NOTE_ERROR = (
    "the XMPP server turns DESC of the vCard of %s into NOTE: load Prosody's module "
    '"vcard" in the place of "vcard_legacy" and "vcard4"'
)
MISMATCH_ERROR = "the XMPP server does not give the vCard of %s back as it was stored"


class ClientStream(ServiceStream):
    """The stream of a service that is an account of the XMPP server."""

    can_use_companions = False

    def __init__(
        self,
        jid: str,
        password: str,
        address: tuple[str, int],
        domains: Sequence[str],
        commands: AdHocCommands,
        *,
        tls: bool,
    ) -> None:
        self._client, self._tls = _Client(jid, password, tls=tls), tls
        super().__init__(self._client, jid, address, domains, commands)
        self._storing: asyncio.Task[None] | None = None
        self._stored = self._announced  # of the document that clients can read
        self.xmpp.add_event_handler("failed_all_auth", self._authentication_failed)
        self.xmpp.add_event_handler("ssl_invalid_chain", self._certificate_rejected)

    def _session_start(self, event: object) -> None:
        # Receive the stanzas to the bare JID, even if others use the account, too.
        self.xmpp.send_raw(presence.own(self._stored))
        super()._session_start(event)

    def _authentication_failed(self, _: object) -> None:
        if self._tls and "starttls" not in self._client.features:
            self.failure = "not encrypted: the XMPP server must offer STARTTLS"
            logger.error("not encrypted: the XMPP server must offer STARTTLS")
        else:
            self.failure = f"the XMPP server refuses the password of {self.jid}"
            logger.error("the XMPP server refuses the password of %s", self.jid)
        self._ended.set()

    def _certificate_rejected(self, _: object) -> None:
        self.failure = "the certificate of the XMPP server is not trusted"
        if not self._failure_logged:
            logger.error("the certificate of the XMPP server is not trusted")
        self._ended.set()

    @property
    def reads(self) -> int | None:
        return None  # the XMPP server answers for an account

    def _published(self) -> None:
        if self._number and self.ready and (not self._storing or self._storing.done()):
            self._storing = asyncio.create_task(self._store())

    async def _store(self) -> None:
        """Store the newest document on the server, whatever is stored there."""
        stored = 0
        while self.ready and stored != self._number:
            number, vcard_xml = self._number, self._vcard
            announced = self._announced
            try:
                if await self._store_and_verify(vcard_xml):
                    # The server sends this to all subscribers, now and later.
                    self._stored = announced
                    write(self.xmpp, presence.own(announced))
                    self.on_published(stored := number)
                else:
                    await self._wait_first(RETRY_SECONDS, self._ended)
            except (Down, Late) as error:
                logger.warning("the vCard was not stored: %s", error)

    async def _store_and_verify(self, vcard_xml: str) -> bool:
        """Store ``vcard_xml`` if needed; return whether it reads back unchanged."""
        if self._matches(vcard_xml, await self._ask_own_account("get", vcard.get())):
            return True
        condition = (await self._ask_own_account("set", vcard_xml)).condition
        if condition:
            logger.error("the XMPP server refuses the vCard: %s", condition)
            return False
        stored = await self._ask_own_account("get", vcard.get())
        if self._matches(vcard_xml, stored):
            return True
        logger.error(
            NOTE_ERROR if vcard.description_is_note(stored.payload) else MISMATCH_ERROR,
            self.jid,
        )
        return False

    def _matches(self, vcard_xml: str, result: IqResult) -> bool:
        return vcard.description(result.payload) == vcard.description(vcard_xml)

    async def _ask_own_account(self, type: str, payload: str) -> IqResult:
        (result,) = await self._ask(
            [IqRequest(type, "", payload)], time.time() + OPENING_SECONDS
        )
        return result


class _Client(ClientXMPP):
    def __init__(self, jid: str, password: str, *, tls: bool) -> None:
        plain = {"feature_mechanisms": {"unencrypted_scram": True}}
        super().__init__(f"{jid}/service", password, plugin_config={} if tls else plain)
        self.enable_direct_tls = False
        self.enable_starttls, self.enable_plaintext = tls, not tls
        # We answer presence ourselves, and do not use this account's roster.
        self.auto_authorize, self.auto_subscribe = None, False
        # Without resumption: unconfirmed answers are sent again from their rows.
        self.register_plugin("xep_0198", {"allow_resume": False})

    def init_parser(self) -> None:
        super().init_parser()
        self.parser = StanzaParser()  # type: ignore[assignment]  # ours has the methods that slixmpp calls
