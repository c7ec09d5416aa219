"""The service as a component of the XMPP server (XEP-0114)."""

from collections.abc import Callable, Sequence

from slixmpp import ComponentXMPP
from slixmpp.stanza import Presence

from xmppservice.connection.responder import AdHocCommands
from xmppservice.connection.stream import ServiceStream
from xmppservice.protocol import iq, presence
from xmppservice.protocol.jids import bare_jid
from xmppservice.protocol.namespaces import NS_COMPONENT
from xmppservice.protocol.parser import StanzaParser
from xmppservice.protocol.xml import Element

MESSAGE = f"{{{NS_COMPONENT}}}message"
# Presence errors that mean that the account no longer exists.
GONE_CONDITIONS = frozenset({"gone", "item-not-found"})


class ComponentStream(ServiceStream):
    """The stream of a service that is a component (XEP-0114)."""

    def __init__(
        self,
        jid: str,
        secret: str,
        address: tuple[str, int],
        domains: Sequence[str],
        commands: AdHocCommands,
    ) -> None:
        component = _Component(jid, secret)
        super().__init__(component, jid, address, domains, commands)
        component.intercept = self._intercept

    def _intercept(self, xml: Element) -> bool:
        """Handle document gets and messages before slixmpp makes objects of them.

        Both come by the thousand, and each waits behind all others.
        """
        if xml.tag == MESSAGE:
            self._message(xml)
            return True
        return self.responder.answer_document(xml)

    def _published(self) -> None:
        if self._number and self.ready:
            self.on_published(self._number)

    def _presence(self, stanza: Presence) -> None:
        """Announce the live document to users who subscribe or come online."""
        xml = stanza.xml
        sender, type = bare_jid(xml.get("from", "")), xml.get("type", "")
        to = bare_jid(xml.get("to", ""))
        if sender is None or to is None:
            return
        if to != self.jid:
            self._refuse_subscription(stanza, to)
            return
        super()._presence(stanza)
        if type in ("subscribe", "probe"):
            self._send_announcement(stanza, sender)
        elif type == "unsubscribe":
            self._answer_presence(stanza, "unavailable")
        is_gone = type == "error" and iq.condition(xml) in GONE_CONDITIONS
        if type in ("unsubscribe", "unsubscribed") or is_gone:
            self.on_subscription(sender, None)

    def _refuse_subscription(self, stanza: Presence, to: str) -> None:
        # No JID below the component has presence, of a channel or not.
        if stanza.xml.get("type") == "subscribe":
            self._answer_presence(stanza, "unsubscribed", to)

    def _send_announcement(self, stanza: Presence, sender: str) -> None:
        # After a restart of the XMPP server all users ask at once: the announcer then
        # serves some of them, at its own pace.
        if self.responder.overloaded:
            self.on_subscription(sender, 0)
            return
        to = stanza.xml.get("from", "")
        available = presence.available(sender=self.jid, to=to, more=self._announced)
        self.xmpp.send_raw(available)
        self.on_subscription(sender, self._number)


class _Component(ComponentXMPP):
    def __init__(self, jid: str, secret: str) -> None:
        # fix_error_ns: without it every received error reads feature-not-implemented.
        super().__init__(jid, secret, fix_error_ns=True)  # type: ignore[no-untyped-call]  # untyped in slixmpp
        self.intercept: Callable[[Element], bool] = lambda xml: False

    def _spawn_event(self, xml: Element) -> None:
        try:
            is_handled = self.intercept(xml)
        except Exception:
            # slixmpp runs the handler again, and answers with an error.
            is_handled = False
        if not is_handled:
            super()._spawn_event(xml)

    def init_parser(self) -> None:
        super().init_parser()
        self.parser = StanzaParser()  # type: ignore[assignment]  # ours has the methods that slixmpp calls
