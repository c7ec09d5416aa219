"""What the XMPP server lets the service do on the served domains."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

from xmppservice.connection.gateway import Down, IqRequest, IqResult, Late
from xmppservice.protocol import companion, disco, roster
from xmppservice.protocol.jids import bare_jid, parse_jid
from xmppservice.protocol.xml import Element

Ask = Callable[[Sequence[IqRequest], float], Awaitable[list[IqResult]]]


class Rights:
    """Privileges for rosters (XEP-0356), and where our Prosody module is loaded.

    Privileges are advertised; ``advertised`` is set by the first advertisement. The
    module is found by :meth:`discover`. ``companions`` are the domains where it permits
    all that :class:`~xmppservice.rosters.companion.CompanionRosters` needs.
    """

    def __init__(self, jid: str, domains: Sequence[str]) -> None:
        self._jid, self._domains = jid, domains
        self.advertised = asyncio.Event()
        self.reset()

    def reset(self) -> None:
        """Forget all, for a new session."""
        self.advertised.clear()
        self.granted: dict[str, dict[str, str]] = {}  # by domain
        self.companions: frozenset[str] = frozenset()

    @property
    def privileged(self) -> bool:
        """Whether stanzas can read and write rosters of any domain."""
        return "both" in (granted.get("roster") for granted in self.granted.values())

    def take(self, message: Element) -> bool | None:
        """Take an advertisement; return whether it is news, or None if it is none."""
        granted = roster.privileges(message)
        domain = self.domain_of(message)
        if granted is None or domain is None:
            return None
        is_news = self.granted.get(domain) != granted
        self.granted[domain] = granted
        self.advertised.set()
        return is_news

    def domain_of(self, message: Element) -> str | None:
        """Return the served domain that tells us something; None for all others."""
        domain = parse_jid(message.get("from", ""))
        is_ours = bare_jid(message.get("to", "")) == self._jid
        return domain if domain in self._domains and is_ours else None

    async def discover(self, ask: Ask, seconds: float) -> bool:
        """Look for our module on each domain; return whether that changed anything.

        A domain that does not answer changes nothing, and delays no other one's answer.
        """
        deadline = time.time() + seconds
        found = await asyncio.gather(
            *(self._has_module(ask, domain, deadline) for domain in self._domains)
        )
        domains = frozenset(
            domain
            for domain, is_there in zip(self._domains, found, strict=True)
            if is_there
        )
        is_news, self.companions = domains != self.companions, domains
        return is_news

    async def _has_module(self, ask: Ask, domain: str, deadline: float) -> bool:
        request = IqRequest("get", domain, disco.info_request())
        try:
            (answer,) = await ask([request], deadline)
        except (Down, Late):
            return domain in self.companions
        return disco.features(answer.payload) >= companion.NEEDED_FEATURES
