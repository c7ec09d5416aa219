"""Rosters of Prosody: by our module where it is loaded, else by privileged stanzas."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from django.conf import settings

from xmppservice.connection import gateway
from xmppservice.protocol import roster
from xmppservice.protocol.jids import domain_of
from xmppservice.protocol.namespaces import MAX_LIST_BYTES
from xmppservice.protocol.roster import Roster, RosterItem
from xmppservice.rosters import companion
from xmppservice.rosters.companion import CompanionRosters
from xmppservice.rosters.interface import Room, RosterError, RosterWrite, Written
from xmppservice.rosters.privileged import PrivilegedRosters

T = TypeVar("T")
R = TypeVar("R")

TOO_LONG = "not-acceptable"  # a condition

Driver = CompanionRosters | PrivilegedRosters


class ProsodyRosters:
    """Chooses a driver for each served domain, as the stream has found it."""

    cheap_lookups = True

    def __init__(self) -> None:
        self._companion, self._privileged = CompanionRosters(), PrivilegedRosters()
        self._state: gateway.State | None = None

    @property
    def name(self) -> str:
        served = set(settings.XMPP_DOMAINS)
        names = [companion.NAME] if served & self._with_companion else []
        if not names or served - self._with_companion:
            names.append(self._privileged.name)
        return ", ".join(names)

    def ready(self) -> bool:
        self._state = gateway.state()
        return self._state.privileged or bool(self._state.companions)

    @property
    def _with_companion(self) -> frozenset[str]:
        # As of the last look: in another process, each one asks the database.
        self._state = self._state or gateway.state()
        return self._state.companions

    def probe(self) -> dict[str, str]:
        self.ready()
        others = [
            one for one in settings.XMPP_DOMAINS if one not in self._with_companion
        ]
        return self._privileged.lacking(others) if others else {}

    def read(
        self, owners: Sequence[str], deadline: float
    ) -> list[Roster | RosterError]:
        return self._each(owners, str, lambda driver, part: driver.read(part, deadline))

    def room(self, domain: str) -> Room:
        return self._driver(domain).room()

    def write(self, writes: Sequence[RosterWrite], deadline: float) -> list[Written]:
        written = self._each(
            list(map(_sendable, writes)),
            lambda write: write.owner,
            lambda driver, part: driver.write(part, deadline),
        )
        return list(map(_with_unsendable, writes, written))

    def exist(self, jids: Sequence[str], deadline: float) -> list[bool]:
        return self._each(jids, str, lambda driver, part: driver.exist(part, deadline))

    def accounts(self, domain: str, deadline: float) -> set[str] | None:
        return self._driver(domain).accounts(domain, deadline)

    def _driver(self, domain: str) -> Driver:
        has_companion = domain in self._with_companion
        return self._companion if has_companion else self._privileged

    def _each(
        self,
        items: Sequence[T],
        jid_of: Callable[[T], str],
        ask: Callable[[Driver, Sequence[T]], list[R]],
    ) -> list[R]:
        """Return the results for ``items``, in order, each from its domain's driver."""
        results: dict[int, R] = {}
        for driver in (self._companion, self._privileged):
            places = [
                place
                for place, item in enumerate(items)
                if self._driver(domain_of(jid_of(item))) is driver
            ]
            if places:
                part = ask(driver, [items[place] for place in places])
                results |= dict(zip(places, part, strict=True))
        return [results[place] for place in range(len(items))]


def _sendable(write: RosterWrite) -> RosterWrite:
    """Leave out items that would end the stream: Prosody takes no longer stanza."""
    return write._replace(items=[item for item in write.items if _fits(item)])


def _with_unsendable(write: RosterWrite, written: Written) -> Written:
    conditions = iter(written.conditions)
    return written._replace(
        conditions=[
            next(conditions) if _fits(item) else TOO_LONG for item in write.items
        ]
    )


def _fits(item: RosterItem) -> bool:
    # Users write names and groups that are several times as long when we escape them.
    xml = roster.item_of(item.jid, item.name, item.groups)
    return len(xml.encode()) <= MAX_LIST_BYTES
