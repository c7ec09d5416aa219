"""The interface of roster drivers: the rosters and the users of an XMPP server.

Calls raise gateway.Down and gateway.Late, and RosterError where they say so.
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from xmppservice.protocol.roster import Roster, RosterItem
from xmppservice.rosters.pace import cost_of_write

MISSING = "service-unavailable"
CONFLICT = "conflict"
# Conditions that a retry does not change: the roster item is at fault.
PERMANENT = frozenset({"bad-request", "jid-malformed", "not-acceptable", "not-allowed"})
PROBE_SECONDS = 10
# A localpart that no real account uses.
NOBODY = "xmppservice-asks-for-nobody"


def missing_text(missing: Mapping[str, str]) -> str:
    """Return what :meth:`Rosters.probe` returned as one text: a line per sentence."""
    domains: dict[str, list[str]] = {}
    for domain, sentence in missing.items():
        domains.setdefault(sentence, []).append(domain)
    lines = (f"{', '.join(named)}: {what}" for what, named in domains.items())
    return "\n".join(lines)


class RosterWrite(NamedTuple):
    """Write ``items`` to the roster of ``owner`` (bare JID), which has ``size`` items.

    With a ``version`` nothing is written unless the roster still has it.
    """

    owner: str
    items: Sequence[RosterItem]
    version: str = ""
    size: int = 0


class Written(NamedTuple):
    """What came of a write: an error condition for each item, empty if it is written.

    ``version`` is the roster's now; empty if the server does not say.
    """

    conditions: list[str]
    version: str = ""


class Room(NamedTuple):
    """How much to write at once: ``items`` in all, ``of_owner`` for each owner.

    Their cost together is at most ``cost``: see :mod:`xmppservice.rosters.pace`.
    """

    items: int
    of_owner: int
    cost: float = math.inf

    def fitting(self, size: int) -> int:
        """Return how many items fit in for an owner whose roster has ``size``."""
        by_cost = self.cost // cost_of_write(size)
        return int(max(0, min(self.items, self.of_owner, by_cost)))

    def without(self, count: int, size: int) -> "Room":
        """Return what is left after ``count`` items for such an owner."""
        cost = count * cost_of_write(size)
        return self._replace(items=self.items - count, cost=self.cost - cost)


# For servers that take one item after the other.
ITEM_BY_ITEM = Room(items=100, of_owner=20)


class RosterError(Exception):
    """The XMPP server refused; the message is the error's condition."""


class NoAccount(RosterError):
    """The owner has no account on the XMPP server."""


class Rosters(Protocol):
    """``deadline`` is a time as in ``time.time()``."""

    # Whether looking up many accounts costs less than listing all of a domain.
    cheap_lookups: bool

    @property
    def name(self) -> str:
        """The driver's name, for people."""

    def ready(self) -> bool:
        """Whether the server can be asked now."""

    def probe(self) -> dict[str, str]:
        """Return what the served domains lack, and how to grant it: domain → sentence.

        Empty when no domain lacks anything.
        """

    def read(
        self, owners: Sequence[str], deadline: float
    ) -> list[Roster | RosterError]:
        """Return the roster of each owner, or why it cannot be read.

        Some servers have an empty roster, not NoAccount, for an owner without account.
        """

    def room(self, domain: str) -> Room:
        """Return how much to write at once to rosters of a domain, for now."""

    def write(self, writes: Sequence[RosterWrite], deadline: float) -> list[Written]:
        """Write to rosters, one write for each owner; return what came of each.

        MISSING means that the owner has no account; CONFLICT, that the roster has
        another version, and nothing was written.
        """

    def exist(self, jids: Sequence[str], deadline: float) -> list[bool]:
        """Return whether each bare JID, of a served domain, has an account.

        Raises RosterError when the server does not say.
        """

    def accounts(self, domain: str, deadline: float) -> set[str] | None:
        """Return the bare JIDs of a domain's accounts; None if the server has no list.

        Raises RosterError.
        """


def all_refused(write: RosterWrite, condition: str) -> Written:
    """Return that each item of a write met the same error condition."""
    return Written([condition] * len(write.items))
